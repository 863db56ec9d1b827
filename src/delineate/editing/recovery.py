"""Going on where a killed program stopped: a journal replayed onto its image."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from delineate.editing.beginning import image_digest, take_about, unpack_labels, unpack_shares
from delineate.editing.changes import Change, unpack
from delineate.editing.document import Document
from delineate.editing.journal import Journal, records
from delineate.editing.session import Changed, Session
from delineate.errors import RecipeError, UsageError


def restore(path: Path, document: Document, folder: Path | None = None, changed: Changed | None = None) -> Session:
    """Go on with a journal's session: ``document`` (its image, just opened) gets the labels, prediction, probabilities (to 1/255),
    model and reference it had, and steps can be undone.

    Raises UsageError ``editing-journal-damaged``, or ``editing-journal-other`` where the image is another one now.
    """
    session = Session(document, folder, changed)
    parts: list[Change] = []
    end = 0
    fits = partial(_fits, document=document)
    try:
        _take_beginning(path, document, fits)
        for kind, data, end in records(path):  # noqa: B007 - the end of the last whole record
            if kind == "part":
                parts += (part := unpack(data))
                _fits(part, document)
                for change in part:
                    change.apply(document.edited)
            elif kind == "step":
                name, changes = _read_step(data)
                _fits(changes, document)
                for change in reversed(parts):
                    change.revert(document.edited)
                parts = []
                for change in changes:
                    change.apply(document.edited)
                if changes:
                    session.stack.push(name, changes)
            elif kind in ("undo", "redo"):
                changes = unpack(data)
                _fits(changes, document)
                for change in changes:
                    change.apply(document.edited)
                if kind == "undo":
                    session.stack.follow_undo()
                else:
                    session.stack.follow_redo(changes)
    except (ValueError, KeyError, TypeError, IndexError, RecipeError) as error:
        raise UsageError("editing-journal-damaged", path=path, reason=str(error)) from error
    session.take_journal(Journal(path, keep=end))
    if parts:  # killed within a stroke
        session.stack.begin("brush")
        for change in parts:
            session.stack.add(change)
        session.end("brush")
    document.revision += 1
    return session


def _take_beginning(path: Path, document: Document, fits: Callable[[list[Change]], None]) -> None:
    """What the session began from may stand anywhere among the edits: a thread wrote it."""
    found = False
    for kind, data, _ in records(path):
        if kind == "about":
            about: dict[str, Any] = json.loads(data)
            if about["sha256"] != image_digest(document):
                raise UsageError("editing-journal-other", path=path, image=about["image"] or "-")
            take_about(about, document)
        elif kind == "base":
            document.edited, found = unpack_labels(data, document, fits), True
        elif kind == "predicted":
            document.predicted = unpack_labels(data, document, fits)
        elif kind == "truth":
            document.truth = unpack_labels(data, document, fits)
        elif kind == "probabilities":
            document.probabilities = unpack_shares(data, document)
    if not found:
        raise ValueError("cut short")


def _fits(changes: Sequence[Change], document: Document) -> None:
    for change in changes:
        within = all(0 <= a < b <= n for (a, b), n in zip(change.box, document.grid.shape, strict=True))
        if not within or change.layer >= document.layers:
            raise ValueError("a change outside of the image")


def _read_step(data: bytes) -> tuple[str, list[Change]]:
    size = data[0]
    return data[1 : 1 + size].decode(), unpack(data[1 + size :])
