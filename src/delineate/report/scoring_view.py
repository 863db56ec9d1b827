"""The scores of a run in the shape the page shows them: headline, bars, tables, examples."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from delineate.evaluation import HEADLINES, GroupScore, Picture, person_values
from delineate.report.charts import Bars, person_bars
from delineate.report.page import data_uri
from delineate.report.run_files import RunFiles, picture_path

#: Parts a page can show, the one that counts first.
PARTS = ("test", "out_of_fold", "validation")
_LEVELS = (0.99, 0.98, 0.95, 0.9, 0.85, 0.8, 0.7, 0.6, 0.5)
#: Pictures beyond this many bytes (before base64) stay files beside the page, which says so.
MAX_PICTURE_BYTES = 64_000_000


def scored_parts(files: RunFiles) -> list[str]:
    """Parts that summary.json has persons for."""
    found = {part: files.summary[part] for part in PARTS if isinstance(files.summary.get(part), dict)}
    return [part for part, numbers in found.items() if isinstance(numbers.get("n"), int) and numbers["n"] > 0]


def scores_of(files: RunFiles, part: str) -> list[GroupScore]:
    return [score for score in files.scores if score.part == part]


def headline(files: RunFiles) -> dict[str, Any] | None:
    """The numbers of the first part that was scored, and how many persons reach which Dice; ``None`` where nothing was scored.

    ``level`` is the highest of a few round values that four of five persons reach (else the lowest of them); ``reached`` do.
    """
    parts = scored_parts(files)
    if not parts:
        return None
    part = parts[0]
    numbers = files.summary[part]
    values = [v for v in person_values(scores_of(files, part)).values() if not math.isnan(v)]
    level = next((x for x in _LEVELS if values and sum(v >= x for v in values) >= 0.8 * len(values)), _LEVELS[-1])
    return {
        "part": part,
        "unit": unit_of(numbers),
        "n": numbers.get("n"),
        "n_groups": numbers.get("n_groups"),
        "dice": statistics(numbers, "dice"),
        "hd95": statistics(numbers, "hd95"),
        "level": level,
        "reached": sum(v >= level for v in values),
        "of": len(values),
        "worst": min(values) if values else None,
    }


def unit_of(numbers: Mapping[str, Any]) -> str:
    unit = numbers.get("unit")
    return unit if unit in ("patient", "image", "block") else "image"


def bars(files: RunFiles) -> list[Bars]:
    """Per-person Dice of every part, with the mean and median of summary.json (they are the same persons)."""
    charts = []
    for part in PARTS:
        values = person_values(scores_of(files, part))
        if values:
            dice = statistics(files.summary.get(part), "dice")
            numbers = files.summary.get(part)
            unit = unit_of(numbers) if isinstance(numbers, dict) else files.splits.unit if files.splits else "image"
            charts.append(person_bars(part, unit, values, dice["mean"], dice["median"]))
    return charts


def tables(files: RunFiles) -> list[dict[str, Any]]:
    """One table per scored part: a row per metric, the classes' rows, and what the both-empty policy left out."""
    result = []
    for part in scored_parts(files):
        numbers = files.summary[part]
        classes = numbers.get("classes") if isinstance(numbers.get("classes"), dict) else {}
        result.append(
            {
                "part": part,
                "unit": unit_of(numbers),
                "n": numbers.get("n"),
                "n_groups": numbers.get("n_groups"),
                "rows": [{"metric": metric, **statistics(numbers, metric)} for metric in HEADLINES],
                "classes": [
                    {"name": name, **{metric: statistics(of_class, metric) for metric in HEADLINES}}
                    for name, of_class in classes.items()
                ]
                if len(classes) > 1
                else [],
                "both_empty": numbers["both_empty"] if isinstance(numbers.get("both_empty"), dict) else {},
                "hd95": statistics(numbers, "hd95"),
            }
        )
    return result


def folds(files: RunFiles) -> dict[str, Any] | None:
    """Cross-validation: the mean Dice of every fold, and whose model file it is; ``None`` for a hold-out run."""
    found = files.summary.get("folds")
    if not isinstance(found, dict) or not isinstance(found.get("dice"), list):
        return None
    return {"dice": found["dice"], "model": str(found.get("model", ""))}


def statistics(numbers: Any, metric: str) -> dict[str, Any]:
    """One metric's entry of a part or class of summary.json, complete with ``None`` where something is absent."""
    found = numbers.get(metric) if isinstance(numbers, Mapping) else None
    empty = {
        "mean": None,
        "median": None,
        "sd": None,
        "ci95": None,
        "ci_method": None,
        "n": None,
        "unit": None,
        "n_undefined": 0,
        "n_other_unit": 0,
    }
    return {**empty, **(found if isinstance(found, dict) else {})}


class Album:
    """Pictures as data addresses, the first ones first until the page would get too large."""

    def __init__(self, files: RunFiles) -> None:
        self._files = files
        self._room = MAX_PICTURE_BYTES
        self.left_out = 0
        order = {"best": 0, "median": 1, "worst": 2}
        parts = [part for part in PARTS if any(p.part == part for p in files.pictures)]
        first = parts[0] if parts else ""
        stills = [p for p in files.pictures if p.kind == "case"]
        chosen = [p for p in stills if p.rank and p.part == first]
        by_rank = {rank: [p for p in chosen if p.rank == rank] for rank in order}
        ranked = sorted(chosen, key=lambda p: (by_rank[p.rank or "median"].index(p), order[p.rank or "median"]))  # rows of three
        self.part = first
        self.examples = self._open(ranked)
        self.volumes = self._open(
            sorted(
                (p for p in files.pictures if p.kind == "volume"),
                key=lambda p: (PARTS.index(p.part) if p.part in PARTS else len(PARTS), p.dice is None),
            )
        )
        shown = {p.file for p in ranked}
        self.others = self._open([p for p in stills if p.file not in shown])

    def _open(self, pictures: Sequence[Picture]) -> list[dict[str, Any]]:
        opened = []
        for picture in pictures:
            path = picture_path(self._files, picture)
            try:
                if path is None or path.stat().st_size > self._room:
                    self.left_out += 1
                    continue
                self._room -= path.stat().st_size
                opened.append({**picture.model_dump(), "source": data_uri(path)})
            except (OSError, ValueError):
                self.left_out += 1
        return opened
