"""Engines agree, are chosen by measurement, and refuse what does not fit its record."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import pytest

from delineate.domain import Geometry, Image, LabelSet
from delineate.errors import DelineateError, ModelFileError
from delineate.events import Event, Note
from delineate.inference import engines, trial
from delineate.inference.model_file import ModelFile
from delineate.inference.predictor import Predictor

from .conftest import MakeModel


def deep(rng: np.random.Generator) -> list[np.ndarray[Any, Any]]:
    sizes = [(16, 1), (16, 16), (1, 16)]
    return [rng.normal(size=(*size, 3, 3)) / np.sqrt(9 * size[1]) for size in sizes]


def test_openvino_decides_like_onnxruntime(make_model: MakeModel) -> None:
    pytest.importorskip("openvino")
    rng = np.random.default_rng(0)
    model = ModelFile.open(make_model(deep(rng), bias=0.0))
    smooth = np.cumsum(np.cumsum(rng.normal(size=(6, 1, 128, 128)), axis=2), axis=3).astype(np.float32)
    a, b = (Predictor(model, engine=name, batch=4).logits(smooth) for name in ("onnxruntime", "openvino"))
    assert trial.disagreement(a, b, model.record.labels, model.record.thresholds) < 1e-3
    assert a.shape == b.shape == (6, 1, 128, 128)
    assert a.std() > 0


def test_importing_openvino_does_not_load_its_telemetry() -> None:
    pytest.importorskip("importlib.util").find_spec("openvino") or pytest.skip("openvino is not installed")
    import subprocess

    program = (
        "import sys; from delineate.inference.engines import _import_openvino; _import_openvino();"
        "print(any(n.startswith('openvino_telemetry') for n in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


class Fake:
    """An engine that is slow or wrong as told."""

    def __init__(self, name: str, seconds: float, shift: float = 0.0) -> None:
        self.name, self.seconds, self.shift, self.runs = name, seconds, shift, 0

    def run(self, batch: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        import time

        self.runs += 1
        time.sleep(self.seconds)
        return batch + np.float32(self.shift)


def choose(candidate: Fake | DelineateError) -> tuple[str, list[Note]]:
    heard: list[Event] = []

    def make() -> engines.Engine:
        if isinstance(candidate, DelineateError):
            raise candidate
        return candidate

    batch = np.random.default_rng(1).normal(size=(8, 1, 32, 32)).astype(np.float32)
    chosen = trial.faster(Fake("known", 0.02), make, batch, LabelSet(), (0.5,), heard.append)
    return chosen.name, [event for event in heard if isinstance(event, Note)]


def test_the_trial_takes_the_faster_one_only_if_it_agrees() -> None:
    name, notes = choose(Fake("quick", 0.001))
    assert (name, notes[0].code, notes[0].params["engine"]) == ("quick", "engine-chosen", "quick")
    assert choose(Fake("slow", 0.04))[0] == "known"
    name, notes = choose(Fake("wrong", 0.001, shift=1.0))
    assert (name, notes[0].code) == ("known", "engine-disagrees")
    name, notes = choose(ModelFileError("model-not-onnx", path="x", reason="y"))
    assert (name, notes[0].code) == ("known", "engine-trial-failed")


def test_auto_tries_only_for_long_jobs(make_model: MakeModel, monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[int] = []
    monkeypatch.setattr(trial, "faster", lambda known, *rest: tried.append(1) or known)
    monkeypatch.setattr("delineate.inference.predictor.openvino_installed", lambda: True)
    model = ModelFile.open(make_model())
    small, large = (Image(np.zeros((1, n, 4, 4)), Geometry((n, 4, 4))) for n in (10, 100))
    Predictor(model).predict(small)
    Predictor(model, engine="onnxruntime").predict(large)
    assert tried == []
    predictor = Predictor(model)
    predictor.predict(large)
    predictor.predict(large)
    assert tried == [1]
    told = Predictor(model)
    told.expect(500)
    told.predict(small)
    assert tried == [1, 1]


@pytest.mark.parametrize("engine", ["onnxruntime", "openvino"])
def test_a_network_that_does_not_fit_its_record_is_refused(make_model: MakeModel, engine: str) -> None:
    if engine == "openvino":
        pytest.importorskip("openvino")
    model = make_model([np.ones((2, 1, 1, 1))])  # two logits, record says one
    with pytest.raises(ModelFileError) as caught:
        Predictor(model, engine=engine).predict(Image(np.zeros((1, 4, 4)), Geometry((4, 4))))
    assert caught.value.code == "model-record-damaged"


def test_cores_are_counted() -> None:
    import os

    assert 1 <= engines.physical_cores() <= (os.cpu_count() or 1)
