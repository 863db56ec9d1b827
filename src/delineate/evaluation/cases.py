"""cases.csv: one row per group and class, which any spreadsheet opens."""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from delineate.errors import DataError
from delineate.evaluation.scores import ClassScore, GroupScore
from delineate.metrics import Confusion, metrics
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
_PARTS = ("test", "out_of_fold", "validation", "train")


def write_cases_csv(path: Path, scores: Sequence[GroupScore]) -> None:
    """Write ``scores`` as UTF-8 CSV, atomically, sorted by part, person and group (numbers in names in number order).

    Ratios have the metric's name; distances have a column per unit (``hd95_mm``, ``hd95_px``), of which one is filled. Undefined
    values are empty cells. ``spacing_mm`` is ``slice x row x column``. Numbers are written so that reading gives the same floats.
    """
    ratios = [metric.name for metric in metrics if metric.quantity == "ratio"]
    distances = [metric.name for metric in metrics if metric.quantity == "distance"]
    header = [*_FACTS, *ratios, *(f"{name}_{unit}" for name in distances for unit in ("mm", "px"))]
    text = io.StringIO()
    writer = csv.DictWriter(text, header, lineterminator="\n")
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
            row.update({name: _cell(c.values.get(name)) for name in ratios})
            row.update({f"{name}_{score.distance_unit}": _cell(c.values.get(name)) for name in distances})
            writer.writerow(row)
    write_text(path, text.getvalue())


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


def _group(key: tuple[str, str, str], rows: Iterable[dict[str, str]]) -> GroupScore:
    part, person, group = key
    planes, spacing = 1, None
    classes = []
    for row in rows:
        planes = int(row["planes"])
        spacing = tuple(float(s) for s in row["spacing_mm"].split("x")) if row["spacing_mm"] else None
        counts = Confusion(*(int(row[name]) for name in ("tp_px", "fp_px", "fn_px", "tn_px")))
        values: dict[str, float] = {}
        for column, cell in row.items():
            if column in _FACTS:
                continue
            name = re.sub("_(mm|px)$", "", column)
            if name == column or column.endswith("mm" if spacing else "px"):
                values[name] = float(cell) if cell else math.nan
        classes.append(
            ClassScore(row["class"], int(row["label"]), counts, values, _number(row["truth_ml"]), _number(row["prediction_ml"]))
        )
    return GroupScore(group, person, part, planes, tuple(classes), spacing)


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


def _number(cell: str) -> float | None:
    return float(cell) if cell else None
