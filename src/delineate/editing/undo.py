"""Undo without a limit: compressed steps in memory, older ones in a temporary file."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from typing import IO

from delineate.editing.changes import Change, Labels, merge, pack, unpack

MAX_MEMORY = 64 << 20


@dataclass
class _Kept:
    name: str
    blob: bytes | None
    place: tuple[int, int] = (0, 0)  # offset and length in the file, where the blob is not in memory


class UndoStack:
    """Steps that were done, and those undone since. A step has a name (a code such as ``brush``) and its changes.

    Compressed steps take at most ``max_memory`` bytes (the last one stays whatever its size); the oldest go to an unnamed
    temporary file that the system removes with the process. Doing something new forgets what was undone.
    """

    def __init__(self, max_memory: int = MAX_MEMORY) -> None:
        self._done: list[_Kept] = []
        self._undone: list[_Kept] = []
        self._max_memory = max_memory
        self._file: IO[bytes] | None = None
        self._stroke: list[Change] = []
        self._stroke_name = ""

    @property
    def done(self) -> tuple[str, ...]:
        """Names of the steps that can be undone, the last one last."""
        return tuple(step.name for step in self._done)

    @property
    def undone(self) -> tuple[str, ...]:
        """Names of the steps that can be done again, the next one last."""
        return tuple(step.name for step in self._undone)

    @property
    def memory(self) -> int:
        """Bytes of the steps kept in memory."""
        return sum(len(step.blob) for step in (*self._done, *self._undone) if step.blob is not None)

    @property
    def in_stroke(self) -> bool:
        return bool(self._stroke_name)

    def push(self, name: str, changes: Sequence[Change]) -> bytes:
        """Keep a step that was done already; returns its packed bytes."""
        blob = pack(changes)
        self._undone.clear()
        self._done.append(_Kept(name, blob))
        self._spill()
        return blob

    def begin(self, name: str) -> None:
        """From now on what is added belongs to one step, until :meth:`end`."""
        self._stroke, self._stroke_name = [], name

    def add(self, change: Change) -> None:
        """Part of a stroke, done already."""
        self._stroke.append(change)

    def end(self, labels: Labels) -> bytes | None:
        """Make the stroke one step: one box, first before, last after; ``None`` where it changed nothing in all."""
        changes, name = merge(labels, self._stroke), self._stroke_name
        self._stroke, self._stroke_name = [], ""
        return self.push(name, changes) if changes else None

    def undo(self) -> list[Change]:
        """The changes of the last step, to be *reverted* in this order; empty where there is none."""
        if not self._done:
            return []
        self._undone.append(self._done.pop())
        return list(reversed(unpack(self._read(self._undone[-1]))))

    def redo(self) -> list[Change]:
        """The changes of the step undone last, to be *applied* in this order; empty where there is none."""
        if not self._undone:
            return []
        self._done.append(self._undone.pop())
        return unpack(self._read(self._done[-1]))

    def follow_undo(self) -> None:
        """A step was undone as a journal says; where it is older than the journal, nothing here knows it."""
        if self._done:
            self._undone.append(self._done.pop())
        else:
            self._undone.clear()

    def follow_redo(self, changes: Sequence[Change]) -> None:
        """A step was done again as a journal says."""
        if self._undone:
            self._done.append(self._undone.pop())
        else:
            self.push("redo", changes)

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def _spill(self) -> None:
        memory = self.memory
        for step in self._done[:-1]:
            if memory <= self._max_memory:
                return
            if step.blob is None:
                continue
            if self._file is None:
                self._file = tempfile.TemporaryFile(prefix="delineate-undo-")  # noqa: SIM115 - closed by close()
            offset = self._file.seek(0, 2)
            self._file.write(step.blob)
            memory -= len(step.blob)
            step.place, step.blob = (offset, len(step.blob)), None

    def _read(self, step: _Kept) -> bytes:
        if step.blob is not None:
            return step.blob
        assert self._file is not None
        self._file.seek(step.place[0])
        return self._file.read(step.place[1])
