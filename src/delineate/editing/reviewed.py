"""A correction becomes a new file, a *reviewed mask*, with who made it, when, and from which model; nothing is ever overwritten."""

from __future__ import annotations

import hashlib
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import Field

from delineate.domain import LabelSet
from delineate.editing.beginning import image_digest
from delineate.editing.document import Document
from delineate.errors import ResourceError, UsageError
from delineate.formats import write_labels
from delineate.formats.sniff import suffix_of
from delineate.recipe import StrictModel, save_json


class ReviewRecord(StrictModel):
    """The file beside a reviewed mask, ``NAME.reviewed.json``.

    ``image_sha256`` is of the pixels (see ``image_digest``), ``masks`` maps file names to the SHA-256 of their bytes, in the
    order of the classes where there is a file a class.
    ``changed_pixels`` counts, per class, pixels that differ from what the model said;
    empty where no model said anything. ``when`` is UTC, ISO 8601.
    """

    version: Literal[1] = 1
    image: str
    image_sha256: str
    masks: dict[str, str]
    labels: LabelSet
    reviewer: str
    when: str
    note: str = ""
    model: str = ""
    model_provenance: dict[str, Any] = Field(default_factory=dict)
    thresholds: tuple[float, ...] = ()
    changed_pixels: dict[str, int] = Field(default_factory=dict)
    pixels: dict[str, int] = Field(default_factory=dict)


def save_reviewed(document: Document, folder: Path, reviewer: str, note: str = "") -> tuple[list[Path], Path]:
    """Write the edited labels under a name that is not taken; returns the masks (one, or one a class where classes overlap) and
    the record. The caller tells the session (:meth:`Session.saved`).

    Raises UsageError ``editing-reviewer-needed``, ResourceError ``cannot-write``.
    """
    if not reviewer.strip():
        raise UsageError("editing-reviewer-needed")
    path = document.image.path
    name = path.name if path is not None else "image"
    stem = name[: -len(suffix_of(Path(name)))] if path is not None and not path.is_dir() and suffix_of(Path(name)) else name
    record_path = _reserve(folder, stem)
    base = record_path.name[: -len(".json")]
    labels, names = document.outward(), document.label_set.names
    overlap = document.label_set.kind == "regions"
    wanted = [(f"{base}.{_plain(n)}", labels[k]) for k, n in enumerate(names)] if overlap else [(base, labels)]
    suffix = ".nii.gz" if document.image.geometry.ndim == 3 else ".png"
    geometry, image = document.image.geometry, document.image
    try:
        written = [write_labels(folder / f"{text}{suffix}", mask, geometry, like=image) for text, mask in wanted]
        record = ReviewRecord(
            image=name,
            image_sha256=image_digest(document),
            masks={file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in written},
            labels=document.label_set,
            reviewer=reviewer.strip(),
            when=datetime.now(timezone.utc).isoformat(timespec="seconds"),
            note=note,
            model="" if document.model is None else document.model.name,
            model_provenance=dict(document.provenance or (document.model.provenance if document.model else {})),
            thresholds=() if document.model is None else document.model.thresholds,
            changed_pixels=_changed(document),
            pixels={n: int(np.count_nonzero(document.class_mask(k))) for k, n in enumerate(names, start=1)},
        )
        save_json(record_path, record)
    except BaseException:
        record_path.unlink(missing_ok=True)
        raise
    return written, record_path


def _reserve(folder: Path, stem: str) -> Path:
    """The record's name, taken at once by an empty file, so that two windows never write the same."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:  # also FileExistsError: a file stands where the folder should be
        raise ResourceError("cannot-write", path=folder, reason=error.strerror or str(error)) from None
    number = 1
    while True:
        base = f"{stem}.reviewed" if number == 1 else f"{stem}.reviewed-{number}"
        record = folder / f"{base}.json"
        try:
            taken = any(file.name.startswith(f"{base}.") for file in folder.iterdir())
            if not taken:
                record.open("x").close()
                return record
        except FileExistsError:
            pass
        except OSError as error:
            raise ResourceError("cannot-write", path=record, reason=error.strerror or str(error)) from None
        number += 1


def _changed(document: Document) -> dict[str, int]:
    if document.predicted is None:
        return {}
    return {
        name: int(np.count_nonzero(document.class_mask(k) != document.class_mask(k, document.predicted)))
        for k, name in enumerate(document.label_set.names, start=1)
    }


def _plain(name: str) -> str:
    """A class name as part of a file name."""
    return "".join(letter if letter.isalnum() or letter in "-_" else "_" for letter in name)
