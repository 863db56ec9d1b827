"""A model file → one ONNX graph from raw pixels to the mask, for programs that know nothing of our preprocessing.

``pixels`` (rows, columns, channels) float32, values as they stand in the file; ``noise_floor`` (1) float32: 4 for 8-bit files, 1
for other integers, 0 for floating point → ``mask`` uint8 (rows, columns) of labels 0…K, or (K, rows, columns) of 0/1 where classes
may overlap. Any number of rows and columns. Same steps in the same order as ``preprocessing`` and ``inference.predictor``.
"""

from __future__ import annotations

import importlib.util
import math
from typing import Any

import numpy as np

from delineate.errors import MissingExtra, ModelFileError, RunError
from delineate.inference import ModelFile
from delineate.portable.intensities import coloured, scaled
from delineate.portable.nodes import Nodes
from delineate.portable.resampling import MIRRORED, backward, forward, mirrored, plan
from delineate.recipe import ModelRecord
from delineate.version import __version__

OPSET = 18
"""The first in which all reductions take their axes as an input; ONNX Runtime Web and OpenVINO have had it since 2023."""


def obstacle(model: ModelFile) -> ModelFileError | None:
    """Why a model cannot take raw pixels: ``raw-views``, ``raw-tiles``; or ``None``."""
    recipe = model.record.preprocessing
    if not set(model.record.views) <= set(MIRRORED):
        return ModelFileError("raw-views", path=model.path, views=", ".join(model.record.views))
    if recipe.fit in ("stretch", "letterbox") and max(recipe.size) > recipe.tile:
        return ModelFileError("raw-tiles", path=model.path, size="×".join(map(str, recipe.size)), tile=recipe.tile)
    return None


def can_write() -> bool:
    """Whether the package that writes graphs is installed."""
    return importlib.util.find_spec("onnx") is not None


def raw_channels(record: ModelRecord) -> list[int]:
    """How many channels an image may have."""
    recipe = record.preprocessing
    return [recipe.channels] if recipe.colour == "as-is" else [1, 3, 4]


def largest_side(record: ModelRecord) -> int | None:
    """Pixels that a side of the image may have: beyond them the predictor works in tiles, and a graph does not."""
    recipe = record.preprocessing
    if recipe.fit in ("stretch", "letterbox"):
        return None
    return math.floor((recipe.tile + 0.5) / recipe.scale)


def raw_graph(model: ModelFile) -> bytes:
    """The ONNX file. Its metadata hold no record: it is no model file, and ``predict`` refuses it.

    Raises
    ------
    ModelFileError
        ``raw-views``, ``raw-tiles`` (:func:`obstacle`).
    MissingExtra
        Without the package ``onnx``.
    RunError
        ``export-failed``: the network cannot be taken into a graph.
    """
    if error := obstacle(model):
        raise error
    if not can_write():
        raise MissingExtra("missing-extra", extra="train")
    try:
        return _assembled(model)
    except Exception as error:  # onnx's converters and checkers share no base
        raise RunError("export-failed", reason=(str(error).splitlines() or [type(error).__name__])[0][:300]) from error


def _assembled(model: ModelFile) -> bytes:
    from onnx import TensorProto, checker, helper

    network, opset = _network(model)
    n = Nodes("raw/")
    mask = _around(n, network, model.record)
    n.rename(mask, "mask")
    channels = raw_channels(model.record)
    depth = channels[0] if len(channels) == 1 else "channels"
    planes = ["classes"] if model.record.labels.kind == "regions" else []
    ends = (
        helper.make_tensor_value_info("pixels", TensorProto.FLOAT, ["rows", "columns", depth]),
        helper.make_tensor_value_info("noise_floor", TensorProto.FLOAT, [1]),
        helper.make_tensor_value_info("mask", TensorProto.UINT8, [*planes, "rows", "columns"]),
    )
    graph = helper.make_graph(n.nodes, "raw_pixels_to_mask", ends[:2], ends[2:], [*network.graph.initializer, *n.initializers])
    imports = {entry.domain: entry.version for entry in network.opset_import}
    imports.pop("ai.onnx", None)
    imports[""] = opset
    made = helper.make_model(
        graph,
        opset_imports=[helper.make_opsetid(domain, version) for domain, version in imports.items()],
        ir_version=max(network.ir_version, 8),
    )
    made.producer_name, made.producer_version = "delineate", __version__
    checker.check_model(made)
    content: bytes = made.SerializeToString()
    return content


def _network(model: ModelFile) -> tuple[Any, int]:
    """The network with prefixed names, and its operator set, at least :data:`OPSET`."""
    import onnx
    import onnx.inliner
    from onnx import compose, version_converter

    network = onnx.load_model_from_string(model.data)
    opset = next(entry.version for entry in network.opset_import if entry.domain in ("", "ai.onnx"))
    if network.functions:
        network = onnx.inliner.inline_local_functions(network)
    if opset < OPSET:
        network = version_converter.convert_version(network, OPSET)
    del network.graph.value_info[:]  # names of sizes would meet ours
    compose.add_prefix(network, "net/", inplace=True)
    return network, max(opset, OPSET)


def _around(n: Nodes, network: Any, record: ModelRecord) -> str:
    recipe = record.preprocessing
    shape = n("Shape", "pixels")
    rows, columns, channels = (n.part(shape, 0, at, at + 1) for at in range(3))
    size = (rows, columns)
    values, visible = coloured(n, "pixels", channels, recipe)
    flat = n("Reshape", n("Transpose", values, perm=[2, 0, 1]), n.whole(recipe.channels, -1))
    scale = scaled(n, flat, size, "noise_floor", recipe)
    down, across = plan(n, visible, size, recipe)
    (fold_rows, in_rows), (fold_columns, in_columns) = forward(n, down), forward(n, across)
    plane = n("MatMul", fold_rows, n("MatMul", scale.planes, n("Transpose", fold_columns, perm=[1, 0])))
    if recipe.fit == "letterbox":
        inside = n("MatMul", in_rows, n("Transpose", in_columns, perm=[1, 0]))
        plane = n("Add", plane, n("Mul", scale.background, n("Sub", n.single(1), inside)))
    if recipe.neighbours:  # an image that is no slice of a volume stands for its neighbours too
        plane = n("Concat", *[plane] * (1 + 2 * recipe.neighbours), axis=0)
    seen = [plane, *(mirrored(n, plane, MIRRORED[view], down, across) for view in record.views)]
    n.nodes.append(_identity(n("Concat", *(n("Unsqueeze", one, n.whole(0)) for one in seen), axis=0), network.graph.input[0].name))
    n.nodes += network.graph.node
    shares = _shares(n, network.graph.output[0].name, record)
    own = [n("Squeeze", n.part(shares, 0, at, at + 1), n.whole(0)) for at in range(len(seen))]
    own[1:] = [mirrored(n, one, MIRRORED[view], down, across) for one, view in zip(own[1:], record.views, strict=True)]
    shares = n("Mean", *own)
    unfold_rows, unfold_columns = backward(n, down), backward(n, across)
    shares = n("MatMul", n("MatMul", unfold_rows, shares), n("Transpose", unfold_columns, perm=[1, 0]))
    return _decided(n, shares, record)


def _identity(value: str, name: str) -> Any:
    from onnx import helper

    return helper.make_node("Identity", [value], [name], name="raw/into_network")


def _shares(n: Nodes, logits: str, record: ModelRecord) -> str:
    """(views, channels, h, w) → (views, K, h, w) probabilities of the classes."""
    labels = record.labels
    if labels.activation == "sigmoid":
        return n("Sigmoid", logits)
    return n.part(n("Softmax", logits, axis=1), 1, 1, labels.channels)


def _decided(n: Nodes, shares: str, record: ModelRecord) -> str:
    labels = record.labels
    if labels.kind == "exclusive" and labels.classes > 1:
        background = n("Sub", n.single(1), n("ReduceSum", shares, n.whole(0)))
        label = n("ArgMax", n("Concat", background, shares, axis=0), axis=0, keepdims=0)
        return n.cast(label, np.uint8)
    limits = n.single(np.reshape(_limits(record), (-1, 1, 1)))
    above = n.cast(n("GreaterOrEqual", shares, limits), np.uint8)
    return above if labels.kind == "regions" else n("Squeeze", above, n.whole(0))


def _limits(record: ModelRecord) -> list[float]:
    """Thresholds of probabilities that were not calibrated: softening keeps their order, so the limit is sharpened instead."""
    temperatures = record.temperatures or (1.0,)
    if len(temperatures) == 1:
        temperatures *= len(record.thresholds)
    return [_sharper(limit, t) for limit, t in zip(record.thresholds, temperatures, strict=True)]


def _sharper(limit: float, temperature: float) -> float:
    if temperature == 1.0 or not 0 < limit < 1:
        return limit
    return float(1 / (1 + ((1 - limit) / limit) ** temperature))
