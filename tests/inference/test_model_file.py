"""Only our own, whole, self-contained model files are opened; everything else is explained."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper

from delineate.errors import ModelFileError
from delineate.inference.model_file import ModelFile
from delineate.inference.onnx_wire import DamagedError, read_facts
from delineate.recipe import ModelRecord

from .conftest import network, save

ONE = [np.ones((1, 1, 1, 1))]


def code(path: str | Path) -> str:
    with pytest.raises(ModelFileError) as caught:
        ModelFile.open(path)
    assert not str(caught.value).startswith("error."), "the sentence is missing from the catalogue"
    return caught.value.code


def test_a_good_file_opens_and_says_who_it_is(make_model: Any) -> None:
    path = make_model(name="lungs.onnx", notes=("demo",))
    model = ModelFile.open(path)
    assert model.record.notes == ("demo",)
    assert len(model.sha256) == 64
    assert ModelFile.open(str(path)).data == path.read_bytes()


def test_a_run_folder_stands_for_its_model(make_model: Any) -> None:
    assert ModelFile.open(make_model().parent).path.name == "model.onnx"


def test_what_is_not_ours_is_explained(tmp_path: Path) -> None:
    assert code(tmp_path / "none.onnx") == "model-missing"
    (tmp_path / "text.onnx").write_text("hello, I am a model")
    assert code(tmp_path / "text.onnx") == "model-not-onnx"
    (tmp_path / "empty.onnx").write_bytes(b"")
    assert code(tmp_path / "empty.onnx") == "model-not-onnx"
    assert code(save(network(ONE), tmp_path / "foreign.onnx", None)) == "model-foreign"
    assert code(save(network(ONE), tmp_path / "json.onnx", "{nonsense")) == "model-record-damaged"
    assert code(save(network(ONE), tmp_path / "list.onnx", "[]")) == "model-record-damaged"
    assert code(save(network(ONE), tmp_path / "deep.onnx", "[" * 100_000)) == "model-record-damaged"
    assert code(save(network(ONE), tmp_path / "key.onnx", '{"unheard": 1}')) == "model-record-damaged"
    assert code(save(network(ONE), tmp_path / "newer.onnx", '{"version": 2}')) == "model-newer-version"
    two = ModelRecord(thresholds=(0.5, 0.5)).model_dump(mode="json")
    assert code(save(network(ONE), tmp_path / "two.onnx", json.dumps(two))) == "model-record-damaged"
    assert code(save(network(ONE, domain="evil.ops"), tmp_path / "ops.onnx", "{}")) == "model-custom-operators"


def test_a_record_given_twice_is_refused(tmp_path: Path) -> None:
    model = network(ONE)
    save(model, tmp_path / "a.onnx", "{}")
    assert code(save(model, tmp_path / "b.onnx", "{}")) == "model-record-damaged"


@pytest.mark.parametrize("hidden", ["initializer", "attribute", "subgraph"])
def test_weights_in_other_files_are_refused_wherever_they_hide(tmp_path: Path, hidden: str) -> None:
    model = network(ONE)
    outside = TensorProto(name="x", data_type=TensorProto.FLOAT, dims=[1], data_location=TensorProto.EXTERNAL)
    outside.external_data.add(key="location", value="../../secret")
    if hidden == "initializer":
        model.graph.initializer.append(outside)
    elif hidden == "attribute":
        model.graph.node.append(helper.make_node("Constant", [], ["k"], value=outside))
    else:
        inner = helper.make_graph([helper.make_node("Identity", ["x"], ["y"])], "inner", [], [], [outside])
        model.graph.node.append(helper.make_node("If", ["c"], ["z"], then_branch=inner, else_branch=inner))
    assert code(save(model, tmp_path / "out.onnx", "{}")) == "model-external-data"


def test_a_cut_off_file_is_never_taken_for_whole(make_model: Any, tmp_path: Path) -> None:
    data = make_model().read_bytes()
    for length in range(0, len(data), 7):
        part = tmp_path / "part.onnx"
        part.write_bytes(data[:length])
        assert code(part) in ("model-not-onnx", "model-foreign", "model-record-damaged")


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=400))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    with contextlib.suppress(DamagedError):
        read_facts(data)


def test_the_packaged_demo_opens_or_is_said_to_be_missing() -> None:
    try:
        model = ModelFile.open("demo")
    except ModelFileError as error:
        assert error.code == "model-missing"
    else:
        assert model.record.notes
