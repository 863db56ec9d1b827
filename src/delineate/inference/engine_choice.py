"""The engine of one job: named by the person, remembered from an earlier trial, or tried when a job is long enough to repay it."""

from __future__ import annotations

import time
from importlib.util import find_spec

from delineate.events import EventSink, Note
from delineate.inference import remembered, trial
from delineate.inference.engines import Batch, Engine, openvino_installed, registry
from delineate.inference.model_file import ModelFile

AUTO = "auto"
EXACT = "onnxruntime"
"""Always installed and full precision: what ``auto`` begins with, and what others must agree with."""
MIN_SECONDS = 8.0
"""A trial loads and compiles other engines, which takes seconds: it is made where at least this much work is left."""


class EngineChoice:
    """Runs batches with the engine ``name`` or, for ``auto``, with the one that is best here.

    ``auto`` begins with ONNX Runtime. Where this machine has measured the same network at this size before, and the job is long
    enough to repay loading it, the faster engine is taken at once. Else, when the first batches show that much time is left, a
    trial compares what is installed (:func:`candidates`), and its outcome is remembered.
    """

    def __init__(self, model: ModelFile, name: str, threads: int, on_event: EventSink) -> None:
        if name != AUTO:
            registry.get(name)  # an unknown name is said at once
        self._model, self._name, self._threads, self._on_event = model, name, threads, on_event
        self._engine: Engine | None = None
        self._expected = 0
        self._planes = 0
        self._recalled = self._tried = name != AUTO

    @property
    def name(self) -> str:
        """Of the engine in use; before the first batch of ``auto`` the one it begins with."""
        return self._engine.name if self._engine else (EXACT if self._name == AUTO else self._name)

    def expect(self, planes: int) -> None:
        """Tell how many planes (or tiles) are to come in all, so that it is known whether a trial pays."""
        self._expected = max(self._expected, planes)

    @property
    def progress(self) -> tuple[int, int]:
        """Planes (or tiles) that went through, and how many there are to be (0: more than were told of)."""
        return self._planes, self._expected if self._planes <= self._expected else 0

    def run(self, batch: Batch) -> Batch:
        if not self._recalled:
            self._recalled = True
            self._recall(batch)
        if self._engine is None:
            self._engine = self._make(EXACT if self._name == AUTO else self._name)
        began = time.perf_counter()
        answer = self._engine.run(batch)
        seconds = time.perf_counter() - began
        self._planes += len(batch)
        left = (self._expected - self._planes) * seconds / len(batch)
        if not self._tried and left > MIN_SECONDS:
            self._try(batch)
        return answer

    def _recall(self, batch: Batch) -> None:
        if self._expected <= len(batch) or not candidates():
            return
        found = remembered.recall(self._key(batch))
        if found is None:
            return
        self._tried = True
        repaid = self._expected * (found.ms.get(EXACT, 0.0) - found.ms[found.engine]) > found.begin_ms[found.engine]
        if found.engine != EXACT and found.engine in candidates() and repaid:
            self._engine = self._make(found.engine)
            self._on_event(Note("engine-remembered", {"engine": found.engine, "times": trial.spoken(found.ms)}))

    def _try(self, batch: Batch) -> None:
        self._tried = True
        names = candidates()
        if not names or self._engine is None:
            return
        record = self._model.record
        makers = {name: lambda name=name: self._make(name) for name in names}
        self._engine, found = trial.choose(self._engine, makers, batch, record.labels, record.thresholds, self._on_event)
        remembered.remember(self._key(batch), found)

    def _key(self, batch: Batch) -> dict[str, object]:
        return remembered.key_of(self._model.sha256, batch.shape, self._threads)

    def _make(self, name: str) -> Engine:
        return registry.get(name)(self._model, self._threads)


def candidates() -> list[str]:
    """Engines worth trying beside ONNX Runtime. torch takes seconds to load and is slower than OpenVINO on every processor we
    measured: it is tried where OpenVINO is not installed, or where there is a GPU."""
    found = ["openvino"] if openvino_installed() else []
    if find_spec("torch") is not None and find_spec("onnx") is not None and (not found or remembered.gpu_present()):
        found.append("torch")
    return found
