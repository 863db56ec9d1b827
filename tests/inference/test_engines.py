"""Engines agree, are chosen by measurement, and refuse what does not fit its record."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from delineate.domain import Geometry, Image, LabelSet
from delineate.errors import DelineateError, ModelFileError
from delineate.events import Event, Note
from delineate.inference import engine_choice, engines, remembered, trial
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
        "import sys; from delineate.inference.engines import import_openvino; import_openvino();"
        "print(any(n.startswith('openvino_telemetry') for n in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


class Clock:
    """Time as it passes in engines that are pretended, so that a busy machine changes nothing."""

    now = 0.0


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (trial, engine_choice):
        monkeypatch.setattr(module, "time", SimpleNamespace(perf_counter=lambda: Clock.now))


class Fake:
    """An engine that is slow or wrong as told."""

    def __init__(self, name: str, seconds: float, shift: float = 0.0) -> None:
        self.name, self.seconds, self.shift, self.runs = name, seconds, shift, 0

    def run(self, batch: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        self.runs += 1
        Clock.now += self.seconds
        return batch + np.float32(self.shift)


def choose(*candidates: Fake | DelineateError) -> tuple[str, list[Note], trial.Measured]:
    heard: list[Event] = []

    def maker(candidate: Fake | DelineateError) -> Any:
        def make() -> engines.Engine:
            if isinstance(candidate, DelineateError):
                raise candidate
            return candidate

        return make

    batch = np.random.default_rng(1).normal(size=(8, 1, 32, 32)).astype(np.float32)
    makers = {getattr(candidate, "name", "broken"): maker(candidate) for candidate in candidates}
    chosen, found = trial.choose(Fake("known", 0.02), makers, batch, LabelSet(), (0.5,), heard.append)
    return chosen.name, [event for event in heard if isinstance(event, Note)], found


def test_the_trial_takes_the_fastest_one_that_agrees() -> None:
    name, notes, found = choose(Fake("quick", 0.001))
    assert (name, notes[0].code, notes[0].params["engine"]) == ("quick", "engine-chosen", "quick")
    assert found.engine == "quick"
    assert found.ms == pytest.approx({"known": 2.5, "quick": 0.125}, abs=0.006)  # 20 ms for 8 planes
    assert choose(Fake("slow", 0.04))[0] == "known"
    assert choose(Fake("hardly faster", 0.0195))[0] == "known"
    name, notes, found = choose(Fake("wrong", 0.001, shift=1.0), Fake("second", 0.01), Fake("third", 0.004))
    assert (name, [note.code for note in notes]) == ("third", ["engine-disagrees", "engine-chosen"])
    assert set(found.ms) == {"known", "second", "third"}
    name, notes, _ = choose(ModelFileError("model-not-onnx", path="x", reason="y"))
    assert (name, [note.code for note in notes]) == ("known", ["engine-trial-failed"])


def batch_of(planes: int) -> np.ndarray[Any, Any]:
    return np.zeros((planes, 1, 16, 16), np.float32)


@pytest.fixture
def fakes(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """``onnxruntime`` takes 3 ms a batch, ``openvino`` 0.5 ms; the list holds what was made."""
    made: list[str] = []
    speeds = {"onnxruntime": 0.003, "openvino": 0.0005}

    def factory(name: str) -> Any:
        return lambda model, threads: made.append(name) or Fake(name, speeds[name])

    monkeypatch.setattr(engines.registry, "_items", {name: factory(name) for name in speeds})
    monkeypatch.setattr(engine_choice, "candidates", lambda: ["openvino"])
    return made


def test_auto_tries_when_much_is_left_and_remembers(
    make_model: MakeModel, fakes: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("DELINEATE_CACHE", str(tmp_path / "cache"))
    model = ModelFile.open(make_model())
    heard: list[Event] = []

    def job(planes: int, name: str = "auto") -> str:
        choice = engine_choice.EngineChoice(model, name, 1, heard.append)
        choice.expect(planes)
        for _ in range(2):
            choice.run(batch_of(4))
        return choice.name

    monkeypatch.setattr(engine_choice, "MIN_SECONDS", 1.0)
    assert job(20) == "onnxruntime"  # 12 ms of work
    assert fakes == ["onnxruntime"]
    assert not (tmp_path / "cache").exists()
    assert job(100_000) == "openvino"
    assert fakes == ["onnxruntime", "onnxruntime", "openvino"]
    fakes.clear()
    heard.clear()
    assert job(100_000) == "openvino"
    assert fakes == ["openvino"]  # at once, nothing else was loaded
    assert [event.code for event in heard if isinstance(event, Note)] == ["engine-remembered"]
    assert job(1_000_000, "onnxruntime") == "onnxruntime"  # what a person names is used


def test_a_short_job_does_not_load_what_is_not_repaid(
    make_model: MakeModel, fakes: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("DELINEATE_CACHE", str(tmp_path))
    model = ModelFile.open(make_model())
    key = remembered.key_of(model.sha256, (4, 1, 16, 16), 1)
    remembered.remember(key, trial.Measured("openvino", {"onnxruntime": 10, "openvino": 5}, {"onnxruntime": 0, "openvino": 500}))
    for planes, expected in ((50, "onnxruntime"), (150, "openvino")):
        choice = engine_choice.EngineChoice(model, "auto", 1, lambda event: None)
        choice.expect(planes)
        choice.run(batch_of(4))
        assert choice.name == expected


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
