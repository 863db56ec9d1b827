"""A network in 8-bit integers: static post-training quantisation of an ONNX file into another, ordinary ONNX file (QDQ form).

Weights are signed with a scale per output channel, activations get one scale each, from what they are on the calibration planes
(Jacob et al. 2018, arXiv:1712.05877). Where the ranges come from decides what is lost, so the planes must look like what will be
predicted, and must be training images: what is tuned on an image cannot be scored on it.

By ONNX Runtime's own tool. Its graphs give the same masks in ONNX Runtime and in OpenVINO (2 pixels in 100,000 differed on
hippocampus MR) and lost 0.0003 of Dice there; NNCF's ran 6 % faster in OpenVINO, but lost 0.013 there and 0.001 in ONNX Runtime, so
that a file would not have been one model.

Weights use 7 of their 8 bits. A processor without VNNI (Intel's before about 2019, AMD's before 2022) adds two products of 8 by
8 bits in 16, which overflow: with full weights such a machine gave another mask than the one on which the file had been scored.
Pixels in 100,000 that differ from floating point, brain MR, 96 planes: 47 there with 8 bits, and 15 with sums that cannot
overflow, as those of newer processors; 22 and 22 with 7 bits, in ONNX Runtime and in OpenVINO, at the same speed.
"""

from __future__ import annotations

import contextlib
import logging
import os
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from delineate.errors import MissingExtra, RunError

Planes = Sequence[NDArray[np.float32]]
_CONVOLUTIONS = ("Conv", "ConvTranspose", "Gemm", "MatMul")


def quantise(content: bytes, planes: Planes, *, float_ends: bool = False) -> bytes:
    """The ONNX file ``content`` with its convolutions in 8 bits; metadata are kept.

    Parameters
    ----------
    planes
        Calibration batches, each (n, C, h, w) float32 as the network sees them; at least one.
    float_ends
        Leave the first and the last convolution, which see raw pixels and decide, in floating point.

    Raises :class:`MissingExtra` without the package ``onnx``, :class:`RunError` ``quantisation-failed``.
    """
    try:
        import onnx
    except ModuleNotFoundError:
        raise MissingExtra("missing-extra", extra="train") from None
    if not planes:
        raise ValueError("'planes' must not be empty")
    model = onnx.load_model_from_string(content)
    kept = _ends(model) if float_ends else []
    try:
        with _quiet():
            made = _static(model, planes, kept)
    except Exception as error:  # its many passes raise what they raise; the reason is passed on
        first = (str(error).strip().splitlines() or [""])[0]
        raise RunError("quantisation-failed", reason=f"{type(error).__name__}: {first}") from error
    del made.metadata_props[:]
    made.metadata_props.extend(model.metadata_props)
    made.graph.name = "network"
    made.producer_name, made.producer_version = model.producer_name, model.producer_version
    return cast(bytes, made.SerializeToString())


def quantised_convolutions(content: bytes) -> tuple[int, int]:
    """(in 8 bits, all) convolutions and matrix products of an ONNX file: 8 bits where the weights come from integers."""
    import onnx

    graph = onnx.load_model_from_string(content).graph
    made_by = {output: node for node in graph.node for output in node.output}
    layers = [node for node in graph.node if node.op_type in _CONVOLUTIONS and len(node.input) > 1]
    integers = [node for node in layers if (w := made_by.get(node.input[1])) is not None and w.op_type == "DequantizeLinear"]
    return len(integers), len(layers)


def _ends(model: Any) -> list[str]:
    names = [node.name for node in model.graph.node if node.op_type in _CONVOLUTIONS]
    return [names[0], names[-1]] if names else []


def _static(model: Any, planes: Planes, kept: list[str]) -> Any:
    import onnx
    from onnxruntime import quantization as q

    class Reader(q.CalibrationDataReader):  # type: ignore[misc,unused-ignore]
        def __init__(self) -> None:
            self._left = iter(planes)

        def get_next(self) -> dict[str, NDArray[np.float32]] | None:
            batch = next(self._left, None)
            return None if batch is None else {model.graph.input[0].name: batch}

    with tempfile.TemporaryDirectory(prefix="delineate-int8-") as folder:
        before, after = Path(folder) / "float.onnx", Path(folder) / "int8.onnx"
        onnx.save(model, before)
        q.quantize_static(
            before,
            after,
            Reader(),
            quant_format=q.QuantFormat.QDQ,
            activation_type=q.QuantType.QUInt8,
            weight_type=q.QuantType.QInt8,
            per_channel=True,
            reduce_range=True,
            nodes_to_exclude=kept,
        )
        return onnx.load(after)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Without the tool's log lines and warnings about itself."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(), open(os.devnull, "w", encoding="utf-8") as nowhere:  # noqa: PTH123
            warnings.simplefilter("ignore")
            with contextlib.redirect_stdout(nowhere), contextlib.redirect_stderr(nowhere):
                yield
    finally:
        logging.disable(before)
