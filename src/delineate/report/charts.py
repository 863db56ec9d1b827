"""Charts as numbers in percent of a plot area. The templates draw them: shapes as stretched SVG, text as HTML, so that letters keep
their size on a telephone and take the page's fonts and colours (Chinese too)."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Series:
    """``key`` is the label's catalogue key, ``colour`` a CSS variable's name, ``points`` SVG coordinates in 0…100."""

    key: str
    colour: str
    points: str
    dashed: bool = False


@dataclass(frozen=True)
class Chart:
    """``y_ticks``/``x_ticks`` are (percent from the lower left, label); ``best`` (x, y) percent of a marked point."""

    key: str
    series: tuple[Series, ...]
    y_ticks: tuple[tuple[float, str], ...]
    x_ticks: tuple[tuple[float, str], ...]
    best: tuple[float, float] | None = None


@dataclass(frozen=True)
class Bar:
    name: str
    value: float
    percent: float


@dataclass(frozen=True)
class Bars:
    """Dice of persons, best first; ``mean`` and ``median`` in percent of the axis (0…1)."""

    part: str
    unit: str
    bars: tuple[Bar, ...]
    undefined: tuple[str, ...]
    mean: float | None
    median: float | None

    @property
    def longest(self) -> int:
        """Letters of the longest name, for the width of its column; wide (Chinese) letters count twice."""
        return max((sum(2 if ord(letter) > 0x2E7F else 1 for letter in bar.name) for bar in self.bars), default=0) + 1

    @property
    def many(self) -> bool:
        """Too many for a row with a name each."""
        return len(self.bars) > 40


def person_bars(part: str, unit: str, values: Mapping[str, float], mean: float | None, median: float | None) -> Bars:
    """Bars of ``values`` (person → Dice; NaN: no Dice) with the lines of the summary's mean and median."""
    defined = sorted(((v, name) for name, v in values.items() if not math.isnan(v)), key=lambda pair: (-pair[0], pair[1]))
    return Bars(
        part,
        unit,
        tuple(Bar(name, value, round(100 * value, 2)) for value, name in defined),
        tuple(name for name, v in values.items() if math.isnan(v)),
        None if mean is None else 100 * mean,
        None if median is None else 100 * median,
    )


#: Which columns of history.csv a chart shows, by the column's name without train/validation: (chart, names, css colour).
_CURVES = (("loss", ("loss",), "loss"), ("dice", ("dice",), "dice"), ("iou", ("iou", "miou", "mean_iou"), "iou"))


def curves(history: Sequence[Mapping[str, float]]) -> list[Chart]:
    """Loss, Dice and mIoU over epochs; a chart is left out where history.csv has no such column."""
    charts = []
    for chart, names, colour in _CURVES:
        found: dict[str, list[tuple[float, float]]] = {}
        for column in dict.fromkeys(name for row in history for name in row):
            bare, part = _split_part(column)
            if bare in names:
                points = [(row.get("epoch", float(at + 1)), row[column]) for at, row in enumerate(history) if column in row]
                part = part or ("train" if chart == "loss" else "validation")
                if points and part not in found:
                    found[part] = points
        if found:
            charts.append(_chart(chart, colour, found))
    return charts


def _split_part(column: str) -> tuple[str, str]:
    words = [word for word in re.split(r"[^a-z0-9]+", column.lower()) if word]
    part = next(
        (
            p
            for p, marks in (("train", ("train", "training")), ("validation", ("val", "valid", "validation")))
            for w in words
            if w in marks
        ),
        "",
    )
    return "_".join(w for w in words if w not in ("train", "training", "val", "valid", "validation")), part


def _chart(name: str, colour: str, found: Mapping[str, Sequence[tuple[float, float]]]) -> Chart:
    xs = [x for points in found.values() for x, _ in points]
    ys = [y for points in found.values() for _, y in points]
    left, right = min(xs), max(xs)
    ticks = nice_ticks(min([*ys, 0.0]) if name == "loss" else min(ys), max(ys) if name == "loss" else 1.0)
    low, high = ticks[0], ticks[-1]

    def place(x: float, y: float) -> tuple[float, float]:
        across = (x - left) / (right - left) * 100 if right > left else 50.0
        return round(across, 2), round((y - low) / (high - low) * 100, 2)

    series = tuple(
        Series(
            f"report.curve.{part}",
            colour,
            " ".join(f"{px:g},{100 - py:g}" for px, py in (place(x, y) for x, y in points)),
            dashed=part == "train" and len(found) > 1,
        )
        for part, points in sorted(found.items())
    )
    best = None
    if name != "loss" and "validation" in found:
        best = place(*max(found["validation"], key=lambda point: point[1]))
    digits = max(0, -math.floor(math.log10(ticks[1] - ticks[0]) + 1e-9))
    x_marks = sorted({left, right, *(t for t in nice_ticks(left, right, 4) if left < t < right and t == round(t))})
    x_marks = [t for t in x_marks if t in (left, right) or min(t - left, right - t) > (right - left) * 0.08]
    return Chart(
        name,
        series,
        tuple((round((t - low) / (high - low) * 100, 2), f"{t:.{digits}f}") for t in ticks),
        tuple((place(t, low)[0], f"{t:g}") for t in x_marks),
        best,
    )


def nice_ticks(low: float, high: float, about: int = 5) -> list[float]:
    """Round numbers at 1, 2 or 5 times a power of ten that cover ``low`` … ``high``."""
    span = high - low
    if span <= 0:
        span = abs(high) or 1.0
        low, high = low - span / 2, high + span / 2
        span = high - low
    raw = span / about
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(m * power for m in (1, 2, 5, 10) if m * power >= raw * 0.999)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(i * step, 12) for i in range(first, last + 1)]
