"""torch → ONNX, and the proof that both answer alike."""

from __future__ import annotations

import contextlib
import copy
import itertools
import logging
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from delineate.errors import MissingExtra, RunError
from delineate.export.graphs import leave, with_weights, without_weights
from delineate.export.record import set_record, write_model
from delineate.recipe import ModelRecord
from delineate.version import __version__

OPSET = 18
TOLERANCE = 1e-3
"""Largest difference allowed, relative to the network's largest logit. Float32 sums in another order differ by about 1e-5."""


def export_onnx(
    module: nn.Module,
    record: ModelRecord,
    path: Path,
    *,
    in_channels: int,
    example_size: tuple[int, int] = (64, 64),
    graph: Path | None = None,
) -> Path:
    """Write ``module`` as one ONNX file: ``image`` (N, C, H, W) float32 → ``logits`` (N, channels, H, W), with N, H and W free.

    The network is exported in evaluation mode, float32, on the CPU; ``module`` itself is left as it is. Weights are inside
    the file, ``record`` is its metadata under ``delineate``. Before anything is written, ONNX Runtime must give the
    network's own answers (within :data:`TOLERANCE`) at ``example_size`` with one image and at an odd size with three.

    ``graph`` is where a network of this kind, converted before, may lie without its weights (:mod:`delineate.export.graphs`): then
    these are put in, and it is converted, and left there, only where that answers otherwise.

    Raises :class:`RunError` ``export-failed`` / ``export-differs``, :class:`~delineate.errors.ResourceError` where ``path``
    cannot be written, :class:`~delineate.errors.MissingExtra` without onnx and onnxscript. Returns ``path``.
    """
    try:
        import onnx  # noqa: F401
        import onnxscript  # noqa: F401
    except ModuleNotFoundError:
        raise MissingExtra("missing-extra", extra="train") from None
    network = _plain(module)
    sizes = (example_size, (example_size[0] // 2 + 5, example_size[1] + 3))

    def verified(model: Any) -> bytes:
        set_record(model, record)
        content: bytes = model.SerializeToString()
        _verify(network, content, in_channels, sizes)
        return content

    content: bytes | None = None
    known = None if graph is None else with_weights(graph, network)
    if known is not None:
        with contextlib.suppress(RunError):
            content = verified(known)
    if content is None:
        model = _convert(network, in_channels, example_size)
        _tidy(model)
        bare = None if graph is None else without_weights(model, network)
        content = verified(model)
        if graph is not None and bare is not None:
            leave(graph, bare)
    write_model(Path(path), content)
    return Path(path)


def _plain(module: nn.Module) -> nn.Module:
    """A copy for export: evaluation mode, float32, on the CPU, in plain memory order; batch norms that follow a convolution are
    folded into it, so that the file's weights are the copy's, by name."""
    network = copy.deepcopy(module).to("cpu", torch.float32).to(memory_format=torch.contiguous_format).eval()
    for layers in network.modules():
        if isinstance(layers, nn.Sequential):
            for place, (layer, following) in enumerate(itertools.pairwise(list(layers))):
                if isinstance(layer, nn.Conv2d) and isinstance(following, nn.BatchNorm2d) and following.running_mean is not None:
                    layers[place] = fuse_conv_bn_eval(layer, following)
                    layers[place + 1] = nn.Identity()
    return network


def _convert(network: nn.Module, in_channels: int, size: tuple[int, int]) -> Any:
    """The ``onnx.ModelProto`` of ``network``."""
    # Two images of unequal sides: a dimension of 1, or two equal ones, would be taken for a constant.
    rows, columns = (max(side, 32) for side in size)
    example = torch.zeros(2, in_channels, rows, columns + 16 if rows == columns else columns)
    dim = torch.export.Dim
    shapes = {0: dim("n", min=1), 2: dim("h", min=1), 3: dim("w", min=1)}
    try:
        with _quiet(), torch.no_grad():
            program = torch.onnx.export(
                network,
                (example,),
                dynamo=True,
                opset_version=OPSET,
                input_names=["image"],
                output_names=["logits"],
                dynamic_shapes=(shapes,),
                external_data=False,
                verbose=False,
            )
        if program is None:
            raise RuntimeError("torch gave no program")
        return program.model_proto
    except Exception as error:  # torch's exporter raises what its many passes raise; the reason is passed on
        raise RunError("export-failed", reason=_first_line(error)) from error


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Silence the exporter's talk about itself: its log lines below errors, and deprecations inside its own modules.

    torch 2.15 has none; other versions do. Warnings of ours still come through.
    """
    loggers = [logging.getLogger(name) for name in ("torch.onnx", "torch.export", "onnxscript", "onnx_ir")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            for category in (DeprecationWarning, FutureWarning):
                warnings.filterwarnings("ignore", category=category, module=r"(torch|onnxscript|onnx_ir|copyreg)(\..*)?")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


def _first_line(error: Exception) -> str:
    """The exception's kind and first line: these libraries' messages run over pages."""
    return ": ".join([type(error).__name__, *str(error).strip().splitlines()[:1]])


def _tidy(model: Any) -> None:
    """Name the producer, and drop what the exporter notes of the machine: its stack traces hold the paths of source files."""
    model.producer_name = "delineate"
    model.producer_version = __version__
    model.doc_string = ""
    del model.metadata_props[:]
    graph = model.graph
    graph.name = "network"
    for part in (graph, *graph.node, *graph.initializer, *graph.value_info, *graph.input, *graph.output):
        part.doc_string = ""
        del part.metadata_props[:]
    for function in model.functions:
        function.doc_string = ""
        del function.metadata_props[:]
        for node in function.node:
            node.doc_string = ""
            del node.metadata_props[:]


def _verify(network: nn.Module, content: bytes, in_channels: int, sizes: tuple[tuple[int, int], tuple[int, int]]) -> None:
    """ONNX Runtime against torch on random images; :class:`RunError` where they differ or are not finite."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    try:
        session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime's exceptions share no base
        raise RunError("export-failed", reason=_first_line(error)) from error
    random = np.random.default_rng(0)
    for batch, (rows, columns) in zip((1, 3), sizes, strict=True):
        image = random.standard_normal((batch, in_channels, rows, columns), dtype=np.float32)
        try:
            with torch.no_grad():
                wanted = network(torch.from_numpy(image)).numpy()
            got = session.run(["logits"], {"image": image})[0]
        except Exception as error:  # a network that takes some sizes only; torch and ONNX Runtime share no exception
            raise RunError("export-failed", reason=f"at {rows}×{columns} pixels: {_first_line(error)}") from error
        same_shape = got.shape == wanted.shape
        difference = float(np.abs(got - wanted).max()) if same_shape else float("inf")
        allowed = TOLERANCE * max(float(np.abs(wanted).max()), 1e-6)
        if not difference <= allowed:  # also where either is NaN
            raise RunError("export-differs", difference=f"{difference:.3g}", tolerance=f"{allowed:.3g}", rows=rows, columns=columns)
