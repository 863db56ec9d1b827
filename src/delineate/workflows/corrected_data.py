"""A data set with corrected masks, as a folder of its own that explains itself: links to the images (copies where links cannot be),
every mask written anew as labels, and ``table.csv``, which says of every case where its mask comes from and what it replaced."""

from __future__ import annotations

import csv
import io
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from delineate.dataset import load_image, load_mask
from delineate.domain import IGNORE, Case, Image, LabelSet
from delineate.errors import DelineateError, ResourceError
from delineate.events import EventSink, Progress
from delineate.formats import suffix_of, write_labels
from delineate.recipe import MaskMeaning, MaskRule, Recipe, save_json, write_text
from delineate.workflows.corrected_masks import Correction, LeftOut, corrected_labels
from delineate.workflows.stages import stage

MASKS = "_masks"
#: Columns that say where a mask comes from; the layouts pass them over.
HISTORY = ("origin", "reviewer", "reviewed_at", "by_model", "record", "replaced")


@dataclass(frozen=True)
class Entry:
    """A case of the new data set; with ``correction`` its mask is that one, in the place of another where ``replaces``."""

    case: Case
    correction: Correction | None = None
    replaces: bool = False


@dataclass(frozen=True)
class Written:
    """``entries`` as they are in the new folder: with their ids and persons, their files the old ones."""

    folder: Path
    table: Path
    meaning: Path
    entries: tuple[Entry, ...]
    failed: tuple[LeftOut, ...]


def write_corrected_data(folder: Path, entries: Sequence[Entry], recipe: Recipe, root: Path, on_event: EventSink) -> Written:
    """Write the folder; it is removed again where that fails. ``root``: of the old data set, for what was replaced.

    A case that cannot be read any more is left out and told. Raises ResourceError ``cannot-write``.
    """
    labels = recipe.labels
    if labels.kind == "exclusive" and labels.classes == 1:  # a network's two maps for one class; the data has one class
        labels = labels.model_copy(update={"kind": "binary"})
    writer = _Writer(folder, recipe, labels, root)
    try:
        with stage("corrected-data", on_event, len(entries)):
            for number, entry in enumerate(entries, 1):
                writer.add(entry)
                on_event(Progress("corrected-data", number, len(entries)))
        return writer.finish()
    except OSError as error:
        shutil.rmtree(folder, ignore_errors=True)
        raise ResourceError("cannot-write", path=folder, reason=error.strerror or str(error)) from None
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


class _Writer:
    def __init__(self, folder: Path, recipe: Recipe, labels: LabelSet, root: Path) -> None:
        self.folder, self.recipe, self.labels, self.root = folder, recipe, labels, root
        self.rows: list[dict[str, object]] = []
        self.entries: list[Entry] = []
        self.failed: list[LeftOut] = []
        self._columns = [f"mask_{name}" for name in labels.names] if labels.kind == "regions" else ["mask"]

    def add(self, entry: Entry) -> None:
        case = entry.case
        try:
            image = load_image(case)
            mask = self._mask(entry, image)
        except DelineateError as error:
            self.failed.append(LeftOut(case.id, "unreadable", {"reason": str(error)}))
            return
        images = _link(case, self.folder)
        masks = self._write_mask(case, mask, image)
        row: dict[str, object] = {
            "image": ";".join(path.relative_to(self.folder).as_posix() for path in images),
            **{name: path.relative_to(self.folder).as_posix() for name, path in zip(self._columns, masks, strict=True)},
            "patient": case.patient,
            "volume": case.volume,
            "position": case.position,
            "image_page": case.images[0].index,
            "image_item": case.images[0].item,
            "origin": "as it was",
        }
        if entry.correction is not None:
            record = entry.correction.record
            row |= {
                "origin": "corrected" if entry.replaces else "new",
                "reviewer": record.reviewer,
                "reviewed_at": record.when,
                "by_model": record.model,
                "record": entry.correction.path.name,
                "replaced": ";".join(_relative(source.path, self.root) for source in case.masks),
            }
        self.rows.append(row)
        self.entries.append(entry)

    def _mask(self, entry: Entry, image: Image) -> NDArray[np.integer]:
        if entry.correction is not None:
            return corrected_labels(entry.correction, entry.case, image, self.labels)
        found = load_mask(entry.case, self.recipe.masks, self.labels, image_geometry=image.geometry).labels
        return np.asarray(found)

    def _write_mask(self, case: Case, mask: NDArray[np.integer], image: Image) -> list[Path]:
        suffix = ".nii.gz" if image.geometry.ndim == 3 else ".png"
        base = self.folder / MASKS / case.id
        base.parent.mkdir(parents=True, exist_ok=True)
        if self.labels.kind != "regions":
            return [write_labels(_with(base, suffix), mask, image.geometry, like=image)]
        # What is to be ignored cannot be said in a file that holds one class; it counts as background there.
        plain = np.where(mask == IGNORE, 0, mask)
        return [
            write_labels(_with(base, f".{number}{suffix}"), one, image.geometry, like=image) for number, one in enumerate(plain, 1)
        ]

    def finish(self) -> Written:
        columns = ["image", *self._columns, "patient", "volume", "position", "image_page", "image_item", *HISTORY]
        text = io.StringIO()
        table = csv.DictWriter(text, columns, lineterminator="\n", restval="")
        table.writeheader()
        for row in self.rows:
            table.writerow({key: "" if value is None else value for key, value in row.items()})
        write_text(self.folder / "table.csv", text.getvalue())
        classes = range(self.labels.classes + 1)
        rule = (
            MaskRule(kind="files")
            if self.labels.kind == "regions"
            else MaskRule(kind="values", values={**{n: n for n in classes}, IGNORE: IGNORE})
        )
        meaning = self.folder / "masks.json"
        save_json(meaning, MaskMeaning(rule=rule, labels=self.labels))
        return Written(self.folder, self.folder / "table.csv", meaning, tuple(self.entries), tuple(self.failed))


def _link(case: Case, folder: Path) -> list[Path]:
    """The case's images under its id; the file of a channel beyond the first has its number."""
    made = []
    for number, source in enumerate(case.images):
        path, base = source.path, folder / case.id
        base.parent.mkdir(parents=True, exist_ok=True)
        if path.is_dir():  # a DICOM series
            target = base
            target.mkdir()
            for file in sorted(path.iterdir()):
                if file.is_file():
                    _link_file(file, target / file.name)
        else:
            target = _with(base, (f".channel{number + 1}" if number else "") + (suffix_of(path) or path.suffix))
            _link_file(path, target)
        made.append(target)
    return made


def _link_file(source: Path, target: Path) -> None:
    try:
        os.link(source.resolve(), target)
    except FileExistsError:
        raise
    except OSError:  # another disk, or a system without hard links
        shutil.copy2(source, target)


def _with(base: Path, suffix: str) -> Path:
    """``base`` with something behind its name, dots in it or not."""
    return base.with_name(base.name + suffix)


def _relative(path: Path, root: Path) -> str:
    try:
        return path.relative_to(root).as_posix()
    except ValueError:
        return path.name
