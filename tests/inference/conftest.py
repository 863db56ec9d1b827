"""Small ONNX models built by hand, with our record inside."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from delineate.inference.model_file import ModelFile
from delineate.recipe import ModelRecord, Normalisation, Preprocessing

MakeModel = Callable[..., Path]
RAW = Normalisation(scheme="none")


def network(
    weights: list[np.ndarray[Any, Any]],
    bias: float = 0.0,
    domain: str = "",
    relu: bool = True,
) -> Any:
    """A stack of padded convolutions with ReLU between; ``weights`` are (out, in, k, k)."""
    nodes, initials, name = [], [], "image"
    for number, weight in enumerate(weights):
        initials.append(numpy_helper.from_array(weight.astype(np.float32), f"w{number}"))
        initials.append(numpy_helper.from_array(np.full(weight.shape[0], bias, np.float32), f"b{number}"))
        last = number == len(weights) - 1
        out = "logits" if last else f"c{number}"
        nodes.append(helper.make_node("Conv", [name, f"w{number}", f"b{number}"], [out], pads=[weight.shape[-1] // 2] * 4))
        if not last and relu:
            nodes.append(helper.make_node("Relu", [out], [f"r{number}"]))
            out = f"r{number}"
        name = out
    if domain:
        nodes.append(helper.make_node("Strange", ["logits"], ["more"], domain=domain))
    ends = [
        helper.make_tensor_value_info("image", TensorProto.FLOAT, ["n", weights[0].shape[1], "h", "w"]),
        helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["n", weights[-1].shape[0], "h", "w"]),
    ]
    graph = helper.make_graph(nodes, "network", ends[:1], ends[1:], initials)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)


def save(model: Any, path: Path, record: str | None) -> Path:
    if record is not None:
        entry = model.metadata_props.add()
        entry.key, entry.value = "delineate", record
    path.write_bytes(model.SerializeToString())
    return path


@pytest.fixture
def make_model(tmp_path: Path) -> MakeModel:
    """(weights, record values) → path of a model file. Without weights: logit = pixel - 0.5 (one class)."""

    def make(
        weights: list[np.ndarray[Any, Any]] | None = None, bias: float = -0.5, name: str = "model.onnx", **record: Any
    ) -> Path:
        values = {"preprocessing": Preprocessing(fit="scale", normalisation=RAW), **record}
        filled = ModelRecord(**values)
        text = json.dumps(filled.model_dump(mode="json"))
        return save(network(weights or [np.ones((1, 1, 1, 1))], bias), tmp_path / name, text)

    return make


@pytest.fixture
def identity(make_model: MakeModel) -> ModelFile:
    return ModelFile.open(make_model())
