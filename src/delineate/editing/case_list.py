"""The cases of a folder: their names, whose they are, how well a run did on them, whether somebody should look or has looked.

The folder is a run (its data set's cases with the Dice of ``cases.csv``), a data set, a folder of images, or what ``predict`` wrote
(``predictions.csv``: the images it was given, with the review flag).
"""

from __future__ import annotations

import contextlib
import csv
import math
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from delineate import layouts
from delineate.domain import Case
from delineate.errors import DelineateError, UsageError
from delineate.formats import IMAGE_SUFFIXES, suffix_of
from delineate.recipe import read_json

Order = Literal["name", "worst", "review", "patient"]
ORDERS: tuple[Order, ...] = ("name", "worst", "review", "patient")
PREDICTIONS, CASES = "predictions.csv", "cases.csv"
_READING = ("layout", "image_pattern", "mask_pattern", "patient_pattern", "table")


@dataclass(frozen=True)
class ListedCase:
    """One image of the list.

    ``dice`` is the mean over classes of what the case was scored in (its volume where slices form one), ``None`` where nobody
    scored it; ``part`` the part of the split it was scored in. ``review`` says why somebody should look, in the words of
    predictions.csv; ``predicted_dice`` what the model expects of itself. ``mask`` is the reference of the data set.
    """

    path: Path
    name: str
    patient: str = ""
    index: int | None = None
    item: str | None = None
    dice: float | None = None
    part: str = ""
    needs_review: bool | None = None
    review: str = ""
    predicted_dice: float | None = None
    reviewed: bool = False
    masks: tuple[Path, ...] = ()


def list_cases(folder: Path, check: Callable[[], None] = lambda: None) -> tuple[ListedCase, ...]:
    """The cases of ``folder`` in natural order. ``check`` is called now and then, and may raise to stop.

    Raises UsageError ``case-list-empty`` where there is no image, and what the layouts raise of a folder that is a run.
    """
    if (folder / PREDICTIONS).is_file():
        found = _of_predictions(folder)
    elif (folder / "options.json").is_file():
        found = _of_run(folder)
    else:
        found = _of_folder(folder)
    check()
    if not found:
        raise UsageError("case-list-empty", path=folder)
    return with_reviewed(found)


def with_reviewed(cases: Iterable[ListedCase]) -> tuple[ListedCase, ...]:
    """The cases with ``reviewed`` as the folders of their images say now: ``NAME.reviewed….json`` beside the image, or in a folder
    ``reviewed`` beside it."""
    names: dict[Path, set[str]] = {}
    marked = []
    for case in cases:
        folder = case.path.parent
        if folder not in names:
            names[folder] = _reviewed_in(folder) | _reviewed_in(folder / "reviewed")
        stem = case.path.name[: -len(suffix_of(case.path))] if suffix_of(case.path) in IMAGE_SUFFIXES else case.path.name
        marked.append(replace(case, reviewed=stem in names[folder]))
    return tuple(marked)


def sort_cases(cases: Iterable[ListedCase], order: Order) -> list[ListedCase]:
    """``worst``: the lowest Dice first, then what the model expects of itself, cases without either last. ``review``: first what
    should be looked at and was not."""
    keys: Mapping[Order, Callable[[ListedCase], tuple[Any, ...]]] = {
        "name": lambda case: (),
        "worst": lambda case: (case.dice is None, case.dice or 0.0, case.predicted_dice is None, case.predicted_dice or 0.0),
        "review": lambda case: (not case.needs_review or case.reviewed, case.reviewed, case.dice is None, case.dice or 0.0),
        "patient": lambda case: (natural(case.patient),),
    }
    return sorted(cases, key=lambda case: (*keys[order](case), natural(case.name)))


def matching(cases: Iterable[ListedCase], text: str) -> list[ListedCase]:
    """Those whose name or patient holds every word of ``text``, whatever the case of its letters."""
    words = text.casefold().split()
    return [case for case in cases if all(word in f"{case.name} {case.patient}".casefold() for word in words)]


def natural(text: str) -> tuple[tuple[int, int, str], ...]:
    """``slice_2`` before ``slice_10``."""
    return tuple((0, int(part), "") if part.isdecimal() else (1, 0, part.casefold()) for part in re.split(r"(\d+)", text) if part)


# -- where they come from


def _of_run(folder: Path) -> list[ListedCase]:
    options = read_json(folder / "options.json")
    reading = {name: value for name in _READING if (value := (options.get("reading") or {}).get(name)) is not None}
    data = Path(str(options.get("data")))
    if data.is_file():
        data, reading = data.parent, {**reading, "table": str(data)}
    scores = _scores(folder / CASES)
    listed = []
    for case in layouts.scan(data, **reading).cases:
        dice, part = scores.get(case.group, (None, ""))
        listed.append(replace(_listed(case), dice=dice, part=part))
    return listed


def _of_folder(folder: Path) -> list[ListedCase]:
    try:
        return [_listed(case) for case in layouts.scan(folder).cases]
    except DelineateError:  # no data set: the images that lie in it
        images = [path for path in _files(folder) if suffix_of(path) in IMAGE_SUFFIXES]
        return [ListedCase(path, path.relative_to(folder).as_posix()) for path in images]


def _files(folder: Path) -> list[Path]:
    with contextlib.suppress(OSError):
        found = [path for path in folder.iterdir() if path.is_file() and not path.name.startswith(".")]
        return sorted(found, key=lambda path: natural(path.name))
    return []


def _of_predictions(folder: Path) -> list[ListedCase]:
    """The latest row of every input that was not passed over."""
    latest: dict[str, ListedCase] = {}
    try:
        with (folder / PREDICTIONS).open(encoding="utf-8-sig", errors="replace", newline="") as file:
            for row in csv.DictReader(file):
                path = Path((row.get("input") or "").removeprefix("'"))
                if (
                    row.get("status") == "failed"
                    or not path.name
                    or (row.get("status") == "skipped" and row.get("code") != "exists")
                ):
                    continue
                asked = row.get("needs_review")
                latest[str(path)] = ListedCase(
                    path,
                    path.name,
                    needs_review=None if not asked else asked == "yes",
                    review=row.get("review_reason") or "",
                    predicted_dice=_number(row.get("predicted_dice")),
                    masks=tuple(Path(name) for name in (row.get("output") or "").split(";") if name),
                )
    except (OSError, csv.Error):
        return []
    return sorted(latest.values(), key=lambda case: natural(case.name))


def _listed(case: Case) -> ListedCase:
    source = case.images[0]
    masks = tuple(mask.path for mask in case.masks)
    return ListedCase(source.path, case.id, case.patient or "", source.index, source.item, masks=masks)


def _scores(path: Path) -> dict[str, tuple[float | None, str]]:
    """Group → (mean Dice over its classes, part); those of a part that chose nothing before others."""
    values: dict[tuple[str, str], list[float]] = defaultdict(list)
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            for row in csv.DictReader(file):
                value = _number(row.get("dice"))
                key = (row.get("part") or "", row.get("group") or "")
                values[key] += [] if value is None else [value]
    except (OSError, csv.Error, UnicodeDecodeError):
        return {}
    found: dict[str, tuple[float | None, str]] = {}
    for (part, group), known in sorted(values.items(), key=lambda pair: pair[0][0] in ("test", "out_of_fold")):
        found[group] = (sum(known) / len(known) if known else None, part)
    return found


def _number(text: str | None) -> float | None:
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _reviewed_in(folder: Path) -> set[str]:
    try:
        names = [path.name for path in folder.iterdir() if path.suffix == ".json"]
    except OSError:
        return set()
    return {name.partition(".reviewed")[0] for name in names if ".reviewed" in name}


def neighbours(cases: Sequence[ListedCase], path: Path, by: int) -> ListedCase | None:
    """The case ``by`` places behind the one of ``path``; the first (or last) where that one is not in the list."""
    places = [number for number, case in enumerate(cases) if case.path == path]
    place = (places[0] + by) if places else (0 if by > 0 else len(cases) - 1)
    return cases[place] if 0 <= place < len(cases) else None
