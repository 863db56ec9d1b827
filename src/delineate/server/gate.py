"""One network, many requests: the engine is shared, work can be stopped between planes, and small requests may run together."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from delineate.errors import ResourceError
from delineate.events import Event, Note
from delineate.inference import ModelFile, Predictor

Batch = NDArray[np.float32]
Run = Callable[[Batch], Batch]
MOST_TOGETHER = 8
MAX_PIXELS_TOGETHER = 1 << 19


class StoppedError(Exception):
    """The work was told to end: by its client, or because the server closes."""


@dataclass(eq=False)
class Ticket:
    """One piece of work: how far it is, until when it may last, whether it shall stop. ``stop`` may be called from any thread."""

    deadline: float | None = None
    total: int = 0
    done: int = 0
    notes: list[Note] = field(default_factory=list)
    began: float = field(default_factory=time.monotonic)
    _stopped: threading.Event = field(default_factory=threading.Event)

    def stop(self) -> None:
        self._stopped.set()

    @property
    def stopped(self) -> bool:
        return self._stopped.is_set()

    def check(self) -> None:
        """Raise StoppedError, or ResourceError ``work-too-long`` when the time is over."""
        if self.stopped:
            raise StoppedError
        if self.deadline is not None and time.monotonic() > self.deadline:
            raise ResourceError("work-too-long", seconds=round(self.deadline - self.began))


@dataclass(eq=False)
class _Waiting:
    batch: Batch
    answer: Batch | None = None
    error: Exception | None = None


class Gate:
    """Lets one batch at a time through. With ``together`` whoever gets through takes the small ones of the same shape along that
    arrived meanwhile: nobody waits for company."""

    def __init__(self, together: int = 1) -> None:
        self.together = together
        self.runs = self.planes = 0
        self._engine = threading.Lock()
        self._list = threading.Lock()
        self._waiting: list[_Waiting] = []

    def run(self, batch: Batch, run: Run) -> Batch:
        if self.together <= 1 or len(batch) > 1 or batch.shape[2] * batch.shape[3] * 2 > MAX_PIXELS_TOGETHER:
            with self._engine:
                self._count(len(batch))
                return run(batch)
        mine = _Waiting(batch)
        with self._list:
            self._waiting.append(mine)
        with self._engine:
            if mine.answer is None and mine.error is None:
                self._run_all(self._take(mine), run)
        if mine.error is not None:
            raise mine.error
        assert mine.answer is not None
        return mine.answer

    def _take(self, mine: _Waiting) -> list[_Waiting]:
        height, width = mine.batch.shape[2:]
        most = max(1, min(self.together, MAX_PIXELS_TOGETHER // (height * width)))
        with self._list:
            others = [one for one in self._waiting if one is not mine and one.batch.shape == mine.batch.shape]
            taken = [mine, *others[: most - 1]]
            self._waiting = [one for one in self._waiting if one not in taken]
        return taken

    def _run_all(self, taken: list[_Waiting], run: Run) -> None:
        self._count(len(taken))
        try:
            answers = run(np.concatenate([one.batch for one in taken]) if len(taken) > 1 else taken[0].batch)
            for number, one in enumerate(taken):
                one.answer = answers[number : number + 1]
        except Exception as error:  # noqa: BLE001 - handed to each of those who wait
            for one in taken:
                one.error = error

    def _count(self, planes: int) -> None:
        self.runs += 1
        self.planes += planes


class SharedPredictor(Predictor):
    """A :class:`Predictor` that several threads use at once: pre- and post-processing side by side, the network one batch at a time
    (it uses all threads itself)."""

    def __init__(self, model: ModelFile, *, engine: str, threads: int | None, together: int = 1) -> None:
        self._now = threading.local()
        super().__init__(model, engine=engine, threads=threads, on_event=self._hear)
        self.gate = Gate()
        size = self.record.preprocessing.size
        self._warm(size)
        if together > 1 and self._same_together(size, together):
            self.gate.together = together

    @contextmanager
    def during(self, ticket: Ticket) -> Iterator[None]:
        """What this thread predicts belongs to ``ticket``."""
        self._now.ticket = ticket
        try:
            ticket.check()
            yield
        finally:
            self._now.ticket = None

    def expect(self, planes: int) -> None:
        super().expect(planes)
        ticket = self._ticket()
        if ticket is not None:
            ticket.total = max(ticket.total, planes * (1 + len(self.record.views)))

    def _run(self, batch: Batch) -> Batch:
        ticket = self._ticket()
        if ticket is not None:
            ticket.check()
        answer = self.gate.run(batch, super()._run)
        if ticket is not None:
            ticket.done = min(ticket.done + len(batch), max(ticket.total, 1))
        return answer

    def _hear(self, event: Event) -> None:
        ticket = self._ticket()
        if ticket is not None and isinstance(event, Note):
            ticket.notes.append(event)

    def _ticket(self) -> Ticket | None:
        found: Ticket | None = getattr(self._now, "ticket", None)
        return found

    def _warm(self, size: tuple[int, int]) -> None:
        """Loads the network, so that the first client does not wait for it, and a useless file is noticed now."""
        self.logits(np.zeros((1, self.record.preprocessing.inputs, *size), dtype=np.float32))

    def _same_together(self, size: tuple[int, int], together: int) -> bool:
        """Whether this engine computes a plane in company as it does alone, to the last bit, in each number there can be."""
        rng = np.random.default_rng(0)
        planes = rng.standard_normal((together, self.record.preprocessing.inputs, *size)).astype(np.float32)
        multiple = self.record.preprocessing.multiple
        missing = [-n % multiple for n in size]
        planes = np.pad(planes, ((0, 0), (0, 0), (0, missing[0]), (0, missing[1])), mode="edge")
        alone = np.concatenate([super(SharedPredictor, self)._run(plane[None]) for plane in planes])
        return all(
            np.array_equal(super(SharedPredictor, self)._run(planes[:count]), alone[:count]) for count in range(2, together + 1)
        )
