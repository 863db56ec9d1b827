"""Model files of a few weights, and pictures whose masks are neither empty nor full."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from delineate.domain import Geometry, Image, LabelSet
from delineate.inference import ModelFile
from delineate.recipe import ModelRecord, Preprocessing


def model_file(folder: Path, labels: LabelSet, seed: int = 3, opset: int = 18, **record: Any) -> ModelFile:
    """A 5 × 5 convolution over smoothed planes: its borders pass through the picture, and depend on the intensity scale."""
    preprocessing: Preprocessing = record.pop("preprocessing")
    rng = np.random.default_rng(seed)
    channels = preprocessing.inputs
    weights = rng.normal(0, 0.1, (labels.channels, channels, 5, 5)).astype(np.float32)
    weights += 0.15 * (-1) ** (1 + np.arange(labels.channels, dtype=np.float32).reshape(-1, 1, 1, 1))
    nodes = [
        helper.make_node("AveragePool", ["image"], ["smooth"], kernel_shape=[5, 5], pads=[2, 2, 2, 2], count_include_pad=0),
        helper.make_node("Conv", ["smooth", "w", "b"], ["logits"], pads=[2, 2, 2, 2]),
    ]
    graph = helper.make_graph(
        nodes,
        "network",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["n", channels, "h", "w"])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["n", labels.channels, "h", "w"])],
        [numpy_helper.from_array(weights, "w"), numpy_helper.from_array(-0.2 * weights.sum(axis=(1, 2, 3)), "b")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    whole: dict[str, Any] = {"thresholds": (0.5,) * labels.classes, "clean": ({},) * labels.classes, **record}
    entry = ModelRecord.model_validate({"labels": labels, "preprocessing": preprocessing, **whole})
    model.metadata_props.add(key="delineate", value=entry.model_dump_json())
    path = folder / "model.onnx"
    onnx.save(model, path)
    return ModelFile.open(path)


def picture(rows: int, columns: int, channels: int = 1, dtype: Any = np.uint8, seed: int = 0) -> Image:
    """A body on black with two dark ellipses, noise, and a gradient in each channel of its own."""
    rng = np.random.default_rng(seed)
    y, x = np.linspace(-1, 1, rows)[:, None], np.linspace(-1, 1, columns)[None]
    body = np.where(x**2 / 0.6 + y**2 / 0.5 < 1, 170.0, 0.0)
    for centre in (-0.38, 0.38):
        body[(x - centre) ** 2 / 0.06 + y**2 / 0.25 < 1] = 40
    noisy = body + (body > 0) * rng.normal(0, 4, body.shape)
    planes = np.stack([noisy * (0.55 + 0.15 * c + 0.2 * x * (-1) ** c) for c in range(channels)])
    if dtype == np.uint8:
        pixels = np.clip(planes, 0, 255).astype(np.uint8)
    elif dtype == np.uint16:
        pixels = np.clip(planes * 200, 0, 65535).astype(np.uint16)
    else:
        pixels = (planes / 255 - 0.3).astype(np.float32)
    return Image(pixels, Geometry((rows, columns)), Path("picture.png"), "png", {1: "grey", 3: "rgb"}.get(channels, "channels"), {})


def feeds(image: Image) -> dict[str, Any]:
    """What the graph is fed for ``image``."""
    floor = {np.dtype(np.uint8): 4.0, np.dtype(np.uint16): 1.0}.get(image.pixels.dtype, 0.0)
    pixels = np.ascontiguousarray(np.moveaxis(image.pixels, 0, -1), dtype=np.float32)
    return {"pixels": pixels, "noise_floor": np.array([floor], np.float32)}
