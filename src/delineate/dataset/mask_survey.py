"""What values the mask files of a data set hold, seen in one bounded pass: counts, no pixels kept."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from time import monotonic
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from delineate.dataset.raw_masks import RawReader, as_colours, count_values, pack
from delineate.dataset.streaming import in_order
from delineate.domain import Case
from delineate.errors import DataError
from delineate.events import EventSink, Progress, StageFinished, StageStarted
from delineate.formats import RawLabels

MAX_FILES = 5000
MAX_VALUES = 1024
"""Distinct values kept apart in one file; beyond it the range is cut into 256 steps."""
MAX_KEYS = 20_000
MAX_COLOURS = 256
"""A file with more colours than this is a picture, not a mask."""
INTERIOR_PLANES = 16


@dataclass
class FileSeen:
    """One mask file. ``values`` counts pixels by value (``colours`` by 0xRRGGBB); ``interior`` those whose eight neighbours
    are equal, on the planes looked at, ``looked`` all pixels by value on these planes."""

    path: Path
    label: int | None
    whole: bool = True
    distinct: int = 0
    values: dict[float, int] = field(default_factory=dict)
    colours: dict[int, int] = field(default_factory=dict)
    border: dict[int, int] = field(default_factory=dict)
    coloured: bool = False
    palette: bytes | None = None
    stack: bool = False
    interior: dict[float, int] = field(default_factory=dict)
    looked: dict[float, int] = field(default_factory=dict)


@dataclass
class CaseSeen:
    files: list[FileSeen] = field(default_factory=list)
    errors: list[DataError] = field(default_factory=list)
    covered: int = 0
    overlapped: int = 0


@dataclass
class MaskSurvey:
    """Sums over all files. ``files`` counts files by value; ``sets`` the small sets of values found together in a file."""

    total_files: int = 0
    looked_files: int = 0
    values: Counter[float] = field(default_factory=Counter)
    files: Counter[float] = field(default_factory=Counter)
    colours: Counter[int] = field(default_factory=Counter)
    colour_files: Counter[int] = field(default_factory=Counter)
    border: Counter[int] = field(default_factory=Counter)
    interior: Counter[float] = field(default_factory=Counter)
    looked: Counter[float] = field(default_factory=Counter)
    examples: dict[float, Path] = field(default_factory=dict)
    colour_examples: dict[int, Path] = field(default_factory=dict)
    whole: bool = True
    coloured: int = 0
    most_colours: int = 0
    most_values: int = 0
    palettes: set[bytes] = field(default_factory=set)
    plain_files: int = 0
    plain_values: set[float] = field(default_factory=set)
    palette_values: set[float] = field(default_factory=set)
    stacks: int = 0
    contiguous: int = 0
    counts: set[int] = field(default_factory=set)
    sets: Counter[tuple[float, ...]] = field(default_factory=Counter)
    labels: set[int] = field(default_factory=set)
    unlabelled_files: int = 0
    covered: int = 0
    overlapped: int = 0
    errors: list[DataError] = field(default_factory=list)

    def add(self, case: CaseSeen) -> None:
        self.errors.extend(case.errors)
        self.covered += case.covered
        self.overlapped += case.overlapped
        for seen in case.files:
            self._add_file(seen)

    def _add_file(self, seen: FileSeen) -> None:
        self.looked_files += 1
        self.whole &= seen.whole
        self.stacks += seen.stack
        if seen.label is None:
            self.unlabelled_files += 1
        else:
            self.labels.add(seen.label)
        if seen.coloured:
            self.coloured += 1
        elif seen.palette is None:
            self.plain_files += 1
            self.plain_values.update(seen.values if len(self.plain_values) < MAX_KEYS else ())
        else:
            self.palettes.add(seen.palette)
            self.palette_values.update(seen.values)
        self.most_colours = max(self.most_colours, len(seen.colours))
        self.most_values = max(self.most_values, seen.distinct)
        for number, pixels in islice(seen.colours.items(), MAX_KEYS):
            if number in self.colours or len(self.colours) < MAX_KEYS:
                self.colours[number] += pixels
                self.colour_files[number] += 1
                self.colour_examples.setdefault(number, seen.path)
        self.border.update({number: pixels for number, pixels in seen.border.items() if number in self.colours})
        for value, pixels in seen.values.items():
            if value in self.values or len(self.values) < MAX_KEYS:
                self.values[value] += pixels
                self.files[value] += 1
                self.examples.setdefault(value, seen.path)
        self.interior.update(seen.interior)
        self.looked.update(seen.looked)
        inside = sorted(value for value in seen.values if value != 0)
        self.contiguous += inside == list(range(1, len(inside) + 1))
        self.counts.add(len(inside))
        if len(inside) <= 8:
            self.sets[tuple(inside)] += 1


def survey_masks(cases: Iterable[Case], on_event: EventSink, threads: int = 2) -> MaskSurvey:
    """Look at the masks of all ``cases`` (of an even sample where there are more than :data:`MAX_FILES` files)."""
    labelled = [case for case in cases if case.masks]
    survey = MaskSurvey(total_files=sum(len(case.masks) for case in labelled))
    if survey.total_files > MAX_FILES:
        step = survey.total_files / MAX_FILES
        labelled = [labelled[int(i * step)] for i in range(int(np.ceil(len(labelled) / step)))]
    start = monotonic()
    on_event(StageStarted("masks", len(labelled)))
    for done, seen in enumerate(in_order(look_at_case, labelled, threads), 1):
        survey.add(seen)
        if done % 25 == 0 or done == len(labelled):
            on_event(Progress("masks", done, len(labelled)))
    on_event(StageFinished("masks", monotonic() - start))
    return survey


def look_at_case(case: Case) -> CaseSeen:
    """Every mask file of one case; one that cannot be read is kept as its error."""
    result = CaseSeen()
    covers: dict[int, NDArray[np.bool_]] = {}
    reader = RawReader()
    for source in case.masks:
        try:
            raw = reader.read(source)
        except DataError as error:
            result.errors.append(error)
            continue
        seen = look_at(raw, source.path)
        seen.label = source.label
        result.files.append(seen)
        if source.label is not None and len(case.masks) > 1 and raw.values is not None:
            inside = raw.values > 0
            known = covers.get(source.label)
            covers[source.label] = inside if known is None or known.shape != inside.shape else known | inside
    if len(covers) > 1 and len({cover.shape for cover in covers.values()}) == 1:
        times = np.sum(list(covers.values()), axis=0, dtype=np.uint8)
        result.covered, result.overlapped = int((times > 0).sum()), int((times > 1).sum())
    return result


def look_at(raw: RawLabels, path: Path) -> FileSeen:
    """Counts of one mask file."""
    seen = FileSeen(path, None, stack="stack" in raw.meta)
    if raw.palette is not None:
        seen.palette = raw.palette.tobytes()
    if raw.colours is not None or raw.palette is not None:
        numbers = pack(as_colours(raw))
        seen.colours = {int(number): count for number, count in _count(numbers).items()}
        edge = np.concatenate(
            [numbers[..., 0, :].ravel(), numbers[..., -1, :].ravel(), numbers[..., 0].ravel(), numbers[..., -1].ravel()]
        )
        seen.border = _count(edge)
        seen.coloured = raw.colours is not None
    if raw.values is None:
        return seen
    values = raw.values
    counts = count_values(values)
    finite = {value: count for value, count in counts.items() if np.isfinite(value)}
    seen.distinct = len(finite)
    seen.whole = all(value == int(value) for value in finite)
    if len(finite) > MAX_VALUES:
        values = _coarse(values, min(finite), max(finite))
        finite = count_values(values)
    seen.values = finite
    if len(finite) > 2:
        _look_inside(values, seen)
    return seen


def _count(numbers: NDArray[np.uint32]) -> dict[int, int]:
    unique, counts = np.unique(numbers, return_counts=True)
    order = np.argsort(-counts, kind="stable")[: 4 * MAX_VALUES]
    return {int(unique[i]): int(counts[i]) for i in order}


def _coarse(values: NDArray[Any], low: float, high: float) -> NDArray[np.float64]:
    step = (high - low) / 255
    wide = np.nan_to_num(values.astype(np.float64), nan=low, posinf=high, neginf=low)
    return np.asarray(low + np.rint((wide - low) / step) * step)


def _look_inside(values: NDArray[Any], seen: FileSeen) -> None:
    """Labels fill areas, grey edges and photographs do not: count pixels whose 3×3 neighbourhood has one value."""
    planes = values.reshape(-1, *values.shape[-2:])
    chosen = planes[:: max(1, len(planes) // INTERIOR_PLANES)]
    kernel = np.ones((3, 3), np.uint8)
    for plane in chosen:
        exact = plane if plane.dtype in (np.uint8, np.uint16, np.int16) else plane.astype(np.float64)
        exact = np.ascontiguousarray(exact)
        uniform = cv2.erode(exact, kernel) == cv2.dilate(exact, kernel)
        for target, part in ((seen.looked, plane), (seen.interior, plane[uniform])):
            for value, count in count_values(part).items():
                target[value] = target.get(value, 0) + count


def raise_if_nothing(survey: MaskSurvey) -> None:
    """``DataError('no-masks')`` for a data set without masks; the first file's own error where not one could be read."""
    if survey.total_files == 0:
        raise DataError("no-masks")
    if survey.looked_files == 0:
        raise survey.errors[0] if survey.errors else DataError("no-masks")
