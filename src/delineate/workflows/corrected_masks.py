"""Reviewed masks (``NAME.reviewed.json`` beside its masks) found in folders, checked, and matched with the cases of a data set.

Nothing is taken on trust: the masks must have the bytes their record says, the image must have the pixels they were drawn on.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from delineate.dataset import load_image, load_mask
from delineate.domain import IGNORE, Case, Image, LabelSet, Source
from delineate.editing.beginning import image_digest
from delineate.editing.document import Document
from delineate.editing.reviewed import ReviewRecord
from delineate.errors import DelineateError
from delineate.i18n import translate
from delineate.recipe import MaskRule, load

#: Folders are searched so many levels deep for records, and so many files are looked at: a home folder dropped by mistake ends.
MOST_LEVELS, MOST_FILES = 8, 200_000


@dataclass(frozen=True)
class Correction:
    """A record, the file it was read from, and its masks (one, or one per class where classes overlap)."""

    path: Path
    record: ReviewRecord
    masks: tuple[Path, ...]

    @property
    def name(self) -> str:
        return self.record.image

    @property
    def image_beside(self) -> Path | None:
        """The image in the folder of the record or the one above, where it has kept its name."""
        for folder in (self.path.parent, self.path.parent.parent):
            if (folder / self.record.image).exists():
                return folder / self.record.image
        return None


@dataclass(frozen=True)
class LeftOut:
    """A correction that is not used, and why: the sentence is ``retrain.left.<code>``."""

    name: str
    code: str
    params: Mapping[str, Any] = field(default_factory=dict)

    def sentence(self, language: str = "en") -> str:
        return translate(f"retrain.left.{self.code}", language, **self.params)


def find_corrections(places: Iterable[Path]) -> tuple[list[Correction], list[LeftOut]]:
    """All reviewed masks in ``places`` (folders, or records, or masks); of several of one image the latest."""
    found: dict[Path, Correction] = {}
    left: list[LeftOut] = []
    for path in _records(places):
        try:
            record = load(ReviewRecord, path)
        except DelineateError as error:
            left.append(LeftOut(path.name, "unreadable", {"reason": str(error)}))
            continue
        correction = Correction(path, record, tuple(path.parent / Path(name).name for name in record.masks))
        if (trouble := _altered(correction)) is not None:
            left.append(trouble)
            continue
        found[path] = correction
    latest: dict[str, Correction] = {}
    for correction in sorted(found.values(), key=lambda one: (one.record.when, one.path.name)):
        digest = correction.record.image_sha256
        if digest in latest:
            left.append(LeftOut(latest[digest].path.name, "superseded", {"by": correction.path.name}))
        latest[digest] = correction
    return sorted(latest.values(), key=lambda one: one.path), left


def _records(places: Iterable[Path]) -> list[Path]:
    found: list[Path] = []
    for place in places:
        if place.is_dir():
            found += _below(place)
        elif place.suffix == ".json":
            found.append(place)
        elif ".reviewed" in place.name:
            base = place.name.partition(".reviewed")
            found.append(place.with_name(f"{base[0]}.reviewed{base[2].partition('.')[0]}.json"))
    return [path for path in dict.fromkeys(path.resolve() for path in found) if path.is_file()]


def _below(folder: Path) -> list[Path]:
    found: list[Path] = []
    waiting, looked = [(folder, 0)], 0
    while waiting:
        here, level = waiting.pop()
        try:
            entries = sorted(here.iterdir())
        except OSError:
            continue
        looked += len(entries)
        if looked > MOST_FILES:
            break
        for entry in entries:
            if entry.is_dir() and not entry.is_symlink() and not entry.name.startswith(".") and level < MOST_LEVELS:
                waiting.append((entry, level + 1))
            elif entry.suffix == ".json" and ".reviewed" in entry.name:
                found.append(entry)
    return found


def _altered(correction: Correction) -> LeftOut | None:
    """Why the masks are not those the reviewer saved; ``None`` where they are."""
    for path, expected in zip(correction.masks, correction.record.masks.values(), strict=True):
        try:
            same = hashlib.sha256(path.read_bytes()).hexdigest() == expected
        except OSError:
            return LeftOut(correction.path.name, "mask-missing", {"file": path.name})
        if not same:
            return LeftOut(correction.path.name, "mask-altered", {"file": path.name})
    return None


def digest_of(image: Image) -> str:
    """The digest that review records have of their images."""
    return image_digest(Document(image))


def match_case(correction: Correction, cases: Sequence[Case]) -> Case | LeftOut | None:
    """The case whose pixels were corrected. ``None``: no case has that file name, so it may be a new image."""
    named = [case for case in cases if len(case.images) == 1 and _file_name(case) == correction.record.image]
    for case in named:
        try:
            if digest_of(load_image(case)) == correction.record.image_sha256:
                return case
        except DelineateError:
            continue
    if not named:
        return None
    if correction.image_beside is not None and not _same_file(correction.image_beside, named):
        return None  # another image of the same name: it lies beside its mask
    return LeftOut(correction.path.name, "image-changed", {"image": correction.record.image})


def _file_name(case: Case) -> str:
    return case.path.name


def _same_file(path: Path, cases: Sequence[Case]) -> bool:
    return any(path.resolve() == case.path.resolve() for case in cases)


def corrected_labels(correction: Correction, case: Case, image: Image, labels: LabelSet) -> NDArray[np.uint8]:
    """The corrected mask on the image's grid in the order of ``labels``: 0…K (IGNORE kept), or (K, …) of 0/1 where they overlap.

    Raises DelineateError where it cannot be read or placed; ``ValueError`` where its classes are others.
    """
    mine = correction.record.labels
    order = class_order(mine, labels)
    if mine.kind == "regions":
        sources = tuple(Source(path, label=number) for number, path in enumerate(correction.masks, 1))
        rule = MaskRule(kind="files")
    else:
        sources = tuple(Source(path) for path in correction.masks)
        rule = MaskRule(kind="values", values={**{n: n for n in range(mine.classes + 1)}, IGNORE: IGNORE})
    found = load_mask(replace(case, masks=sources), rule, mine, image_geometry=image.geometry).labels
    if mine.kind == "regions":
        return np.stack([found[order.index(k)] for k in range(1, labels.classes + 1)])
    table = np.zeros(256, np.uint8)
    table[1 : mine.classes + 1] = order
    table[IGNORE] = IGNORE
    return np.asarray(table[found])


def class_order(mine: LabelSet, theirs: LabelSet) -> list[int]:
    """The number of each of my classes among theirs. One class against one class needs no equal names. Raises ValueError."""
    if mine.classes == theirs.classes == 1 and (mine.kind == "regions") == (theirs.kind == "regions"):
        return [1]
    if set(mine.names) != set(theirs.names) or (mine.kind == "regions") != (theirs.kind == "regions"):
        raise ValueError("other classes")
    return [theirs.names.index(name) + 1 for name in mine.names]
