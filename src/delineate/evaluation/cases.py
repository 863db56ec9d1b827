"""cases.csv: one row per group and class, which any spreadsheet opens."""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Sequence
from pathlib import Path

from delineate.errors import DataError
from delineate.evaluation.scores import ClassScore, GroupScore
from delineate.metrics import (
    NSD_TOLERANCE,
    Confusion,
    Lesions,
    Metric,
    metrics,
    pixel_size,
    relative_volume_difference,
    volume_difference,
)
from delineate.recipe import write_text

_FACTS = (
    "part",
    "person",
    "group",
    "class",
    "label",
    "planes",
    "spacing_mm",
    "tp_px",
    "fp_px",
    "fn_px",
    "tn_px",
    "truth_px",
    "prediction_px",
    "truth_ml",
    "prediction_ml",
)
#: Counted components; tables from before 0.2 have none.
_LESIONS = ("lesions_hit", "lesions_truth", "lesions_prediction")
_PARTS = ("test", "out_of_fold", "validation", "train")


def write_cases_csv(path: Path, scores: Sequence[GroupScore]) -> None:
    """Write ``scores`` as UTF-8 CSV, atomically, sorted by part, person and group (numbers in names in number order).

    Ratios have the metric's name. What has a unit has a column per unit, of which one is filled: ``hd95_mm``, ``hd95_px``; the
    normalised surface distance with its tolerance, ``nsd_2mm``, ``nsd_2px``; ``volume_difference_mL``, ``…_mm2``, ``…_px``.
    Undefined values are empty cells. ``spacing_mm`` is ``slice x row x column``. Numbers are written so that reading gives the
    same floats.
    """
    tolerances = sorted({score.nsd_tolerance for score in scores}) or [NSD_TOLERANCE]
    measures = [column for metric in metrics for column in _columns(metric, tolerances)]
    text = io.StringIO()
    writer = csv.DictWriter(text, [*_FACTS, *_LESIONS, *measures], lineterminator="\n")
    writer.writeheader()
    for score in sorted(scores, key=_order):
        for c in score.classes:
            row: dict[str, object] = {
                "part": score.part,
                "person": printable(score.person),
                "group": printable(score.group),
                "class": c.name,
                "label": c.label,
                "planes": score.planes,
                "spacing_mm": "" if score.spacing_mm is None else "x".join(repr(s) for s in score.spacing_mm),
                "tp_px": c.counts.tp,
                "fp_px": c.counts.fp,
                "fn_px": c.counts.fn,
                "tn_px": c.counts.tn,
                "truth_px": c.counts.truth,
                "prediction_px": c.counts.prediction,
                "truth_ml": _cell(c.truth_ml),
                "prediction_ml": _cell(c.prediction_ml),
            }
            if c.lesions is not None:
                row.update(zip(_LESIONS, (c.lesions.hits, c.lesions.truth, c.lesions.prediction), strict=True))
            row.update({f"{metric.name}{_ending(score, metric)}": _cell(c.values.get(metric.name)) for metric in metrics})
            writer.writerow(row)
    write_text(path, text.getvalue())


def _columns(metric: Metric, tolerances: Sequence[float]) -> list[str]:
    if metric.quantity == "surface":
        return [f"{metric.name}_{tolerance:g}{unit}" for tolerance in tolerances for unit in ("mm", "px")]
    units = {"distance": ("mm", "px"), "volume": ("mL", "mm2", "px")}.get(metric.quantity)
    return [f"{metric.name}_{unit}" for unit in units] if units else [metric.name]


def _ending(score: GroupScore, metric: Metric) -> str:
    unit = score.unit_of(metric).replace(" ", "")
    return f"_{unit}" if unit else ""


def read_cases_csv(path: Path) -> list[GroupScore]:
    """What :func:`write_cases_csv` wrote, in the file's order. A ``DataError`` (``cases-csv``) where it is not such a file."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file, strict=True))
        grouped: dict[tuple[str, str, str], list[dict[str, str]]] = {}
        for row in rows:
            grouped.setdefault((row["part"], row["person"], row["group"]), []).append(row)
        return [_group(key, lines) for key, lines in grouped.items()]
    except (OSError, UnicodeDecodeError, csv.Error, KeyError, ValueError, TypeError, AttributeError) as error:
        raise DataError("cases-csv", path=path, reason=f"{type(error).__name__}: {error}") from None


_UNIT = re.compile(r"(.+)_(\d*\.?\d*(?:e[+-]?\d+)?)(mm2|mm|px|mL)")


def _group(key: tuple[str, str, str], rows: Sequence[dict[str, str]]) -> GroupScore:
    part, person, group = key
    spacing = tuple(float(s) for s in rows[0]["spacing_mm"].split("x")) if rows[0]["spacing_mm"] else None
    size, volume_unit = pixel_size(spacing)
    own_units = {"px" if spacing is None else "mm", volume_unit}
    tolerance = _tolerance(rows, own_units)
    classes = []
    for row in rows:
        counts = Confusion(*(int(row[name]) for name in ("tp_px", "fp_px", "fn_px", "tn_px")))
        # What follows from the counts alone is known of tables from before it was written, too.
        values = {
            "volume_difference": volume_difference(counts, size),
            "relative_volume_difference": relative_volume_difference(counts),
        }
        for column, cell in row.items():
            if column in _FACTS or column in _LESIONS:
                continue
            found = _UNIT.fullmatch(column)
            if not found:
                values[column] = _value(cell)
            elif found[3] in own_units and (not found[2] or float(found[2]) == tolerance):
                values[found[1]] = _value(cell)
        counted = [row.get(name) or "" for name in _LESIONS]
        lesions = Lesions(*map(int, counted)) if all(counted) else None
        ml = _number(row["truth_ml"]), _number(row["prediction_ml"])
        classes.append(ClassScore(row["class"], int(row["label"]), counts, values, *ml, lesions))
    return GroupScore(group, person, part, int(rows[0]["planes"]), tuple(classes), spacing, tolerance)


def _tolerance(rows: Sequence[dict[str, str]], units: set[str]) -> float:
    """That of the column ``nsd_<tolerance><unit>`` with values in it; the usual one where there is none."""
    named = [(c, found) for c in rows[0] if (found := _UNIT.fullmatch(c)) and found[1] == "nsd" and found[2] and found[3] in units]
    filled = [float(found[2]) for column, found in named if any(row.get(column) for row in rows)]
    return filled[0] if filled else float(named[0][1][2]) if named else NSD_TOLERANCE


def _order(score: GroupScore) -> tuple[int, str, list[tuple[int, int, str]], list[tuple[int, int, str]]]:
    rank = _PARTS.index(score.part) if score.part in _PARTS else len(_PARTS)
    return rank, score.part, natural(score.person), natural(score.group)


def natural(name: str) -> list[tuple[int, int, str]]:
    """A sort key that puts ``slice_2`` before ``slice_10``."""
    return [(0, int(piece), "") if piece.isdecimal() else (1, 0, piece) for piece in re.split(r"(\d+)", name) if piece]


def printable(name: str) -> str:
    """``name`` without the lone surrogates that stand for undecodable bytes of a file name, which no UTF-8 file can hold."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "replace") if not name.isascii() else name


def _cell(value: float | None) -> str:
    return "" if value is None or math.isnan(value) else repr(float(value))


def _value(cell: str) -> float:
    return float(cell) if cell else math.nan


def _number(cell: str) -> float | None:
    return float(cell) if cell else None
