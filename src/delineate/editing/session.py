"""Editing one document: tools' changes are applied, can be undone, and survive a crash."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np

from delineate.editing.changes import Change, Labels, pack
from delineate.editing.document import Document
from delineate.editing.journal import Journal
from delineate.editing.planes import whole
from delineate.editing.undo import UndoStack

Changed = Callable[[Sequence[Change]], None]


class Session:
    """A document being edited. The journal begins with the first edit, so that looking leaves nothing behind.

    ``changed`` is called with what was applied or reverted (a window redraws those boxes).
    """

    def __init__(self, document: Document, folder: Path | None = None, changed: Changed | None = None) -> None:
        self.document = document
        self.stack = UndoStack()
        self.journal: Journal | None = None
        self._folder = folder
        self._changed = changed or (lambda _: None)

    def do(self, name: str, changes: Change | Sequence[Change] | None) -> bool:
        """Apply a tool's changes as one step called ``name``; whether there was anything to do."""
        parts = [] if changes is None else [changes] if isinstance(changes, Change) else list(changes)
        if not parts:
            return False
        journal = self._begun()
        for change in parts:
            self.document.apply(change)
        journal.add("step", _named(name, self.stack.push(name, parts)))
        self._changed(parts)
        return True

    def begin(self, name: str) -> None:
        """A stroke begins: its parts become one step."""
        self.stack.begin(name)

    def add(self, change: Change | None) -> None:
        if change is not None:
            journal = self._begun()
            self.document.apply(change)
            self.stack.add(change)
            journal.add("part", pack([change]))
            self._changed([change])

    def end(self, name: str) -> bool:
        """The stroke ends; whether it changed anything."""
        blob = self.stack.end(self.document.edited)
        if self.journal is not None:
            self.journal.add("step", _named(name, blob or pack([])))
        return blob is not None

    def undo(self) -> bool:
        """Take the last step back; whether there was one."""
        if not self.stack.done:
            return False
        journal = self._begun()
        back = [Change(c.layer, c.box, c.after, c.before) for c in self.stack.undo()]
        self._again("undo", back, journal)
        return True

    def redo(self) -> bool:
        """Do the step that was undone last again; whether there was one."""
        if not self.stack.undone:
            return False
        journal = self._begun()
        self._again("redo", self.stack.redo(), journal)
        return True

    def saved(self) -> None:
        """The labels are in a file: nothing is unsaved, the steps can still be undone (which begins a new journal)."""
        self.document.mark_saved()
        if self.journal is not None:
            self.journal.close(remove=True)
            self.journal = None

    def close(self, keep: bool = False) -> None:
        """End; ``keep`` leaves unsaved work to be restored later, otherwise it is given up."""
        if self.journal is not None:
            self.journal.close(remove=not (keep and self.document.dirty))
            self.journal = None
        self.stack.close()

    def _again(self, kind: Literal["undo", "redo"], changes: Sequence[Change], journal: Journal) -> None:
        for change in changes:
            self.document.apply(change)
        # with the changes themselves: a journal begun after a save does not hold the steps before it
        journal.add(kind, pack(changes))
        self._changed(changes)

    def _begun(self) -> Journal:
        if self.journal is None:
            self.journal = Journal.begin(_about(self.document), _based(self.document.edited), self._folder)
        return self.journal


def image_digest(document: Document) -> str:
    """SHA-256 (FIPS 180-4) of the image's pixels in the file's own order, with their shape and type."""
    pixels = document.image.pixels
    digest = hashlib.sha256(f"{pixels.shape} {pixels.dtype.name}".encode())
    for channel in pixels:
        for plane in channel if channel.ndim == 3 else [channel]:
            digest.update(plane.tobytes())
    return digest.hexdigest()


def _about(document: Document) -> dict[str, Any]:
    path = document.image.path
    return {
        "image": "" if path is None else str(path.absolute()),
        "sha256": image_digest(document),
        "shape": list(document.edited.shape),
        "labels": document.label_set.model_dump(mode="json"),
        "model": None if document.model is None else document.model.name,
    }


def _based(labels: Labels) -> bytes:
    """The labels as changes from nothing."""
    shape = (labels.shape[1], labels.shape[2], labels.shape[3])
    return pack([Change(k, whole(shape), np.zeros_like(layer), layer) for k, layer in enumerate(labels)])


def _named(name: str, blob: bytes) -> bytes:
    head = name.encode()[:255]
    return bytes([len(head)]) + head + blob
