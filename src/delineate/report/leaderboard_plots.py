"""Distributions and learning curves of the compared models, as numbers in percent of a plot area."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy import stats

from delineate.report.charts import nice_ticks

#: Below so many values a density would draw what is not there.
LEAST_FOR_VIOLIN = 8
#: Half the width of a violin, in percent of its column.
_HALF = 38.0
#: Well apart on white and on black; beyond them colours go round the wheel.
_COLOURS = ("#0b7a86", "#d1495b", "#7a5cc7", "#c98500", "#2f8f46", "#3d7dca", "#b0518f", "#8a6d3b", "#5f7681", "#e0702e")


def colours(names: Sequence[str]) -> dict[str, str]:
    """A colour for every model, by its place."""
    if len(names) <= len(_COLOURS):
        return dict(zip(names, _COLOURS, strict=False))
    return {name: f"hsl({round(360 * at / len(names))} 62% {(44, 56)[at % 2]}%)" for at, name in enumerate(names)}


def box(values: Sequence[float], place: Any) -> dict[str, Any] | None:
    """Quartiles, and whiskers to the farthest value within 1.5 interquartile ranges (Tukey 1977); ``None`` below three values."""
    if len(values) < 3:
        return None
    low, middle, high = (float(q) for q in np.percentile(values, [25, 50, 75]))
    reach = 1.5 * (high - low)
    inside = [v for v in values if low - reach <= v <= high + reach]
    return {
        "low": place(low),
        "middle": place(middle),
        "high": place(high),
        "bottom": place(min(inside)),
        "top": place(max(inside)),
        "told": (low, middle, high),
    }


def violin(values: Sequence[float], place: Any, centre: float, width: float) -> str:
    """SVG points of a Gaussian kernel density (Scott's rule), cut at the least and largest value; "" where there are too few."""
    if len(values) < LEAST_FOR_VIOLIN or np.ptp(values) < 1e-9:
        return ""
    levels = np.linspace(min(values), max(values), 60)
    density = stats.gaussian_kde(values)(levels)
    half = density / density.max() * width * _HALF / 100
    right = [f"{centre + h:.3g},{100 - place(v):g}" for v, h in zip(levels, half, strict=True)]
    left = [f"{centre - h:.3g},{100 - place(v):g}" for v, h in zip(levels, half, strict=True)]
    return " ".join([*right, *reversed(left)])


def read_curves(path: Path) -> dict[str, dict[str, dict[float, list[float]]]]:
    """Column → model → epoch → the values of all trainings of the model, of curves.csv; empty where there is none."""
    found: dict[str, dict[str, dict[float, list[float]]]] = {}
    if not path.is_file():
        return found
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            for column in ("loss", "val_loss", "val_dice", "val_iou"):
                if row.get(column):
                    epochs = found.setdefault(column, {}).setdefault(row["model"], {})
                    epochs.setdefault(float(row["epoch"]), []).append(float(row[column]))
    return found


def learning_charts(path: Path, order: Sequence[str], colour: Mapping[str, str]) -> list[dict[str, Any]]:
    """A chart each of training loss and of Dice and IoU on validation, with a line for every model: the mean over its trainings
    (folds and seeds), and a band from the lowest to the highest."""
    curves = read_curves(path)
    return [_learning(key, curves[key], order, colour) for key in ("loss", "val_dice", "val_iou") if curves.get(key)]


def _learning(
    key: str, found: Mapping[str, Mapping[float, Sequence[float]]], order: Sequence[str], colour: Mapping[str, str]
) -> dict[str, Any]:
    values = [v for epochs in found.values() for many in epochs.values() for v in many]
    ends = [epoch for epochs in found.values() for epoch in epochs]
    y = nice_ticks(min([*values, 0.0]) if key == "loss" else min(values), max(values))
    left, right = min(ends), max(ends)

    def place(epoch: float, value: float) -> str:
        across = (epoch - left) / (right - left) * 100 if right > left else 50.0
        return f"{across:.2f},{100 - (value - y[0]) / (y[-1] - y[0]) * 100:.2f}"

    series = []
    for name in order:
        epochs = sorted(found.get(name, {}).items())
        if not epochs:
            continue
        several = any(len(many) > 1 for _, many in epochs)
        band = [place(e, max(many)) for e, many in epochs] + [place(e, min(many)) for e, many in reversed(epochs)]
        series.append(
            {
                "name": name,
                "colour": colour[name],
                "line": " ".join(place(e, math.fsum(many) / len(many)) for e, many in epochs),
                "band": " ".join(band) if several else "",
                "trainings": max(len(many) for _, many in epochs),
            }
        )
    digits = max(0, -math.floor(math.log10(y[1] - y[0]) + 1e-9))
    marks = [t for t in nice_ticks(left, right, 4) if left <= t <= right and t == round(t)] or [left]
    return {
        "key": key,
        "series": series,
        "y_ticks": [(round((t - y[0]) / (y[-1] - y[0]) * 100, 2), f"{t:.{digits}f}") for t in y],
        "x_ticks": [(round((t - left) / (right - left) * 100, 2) if right > left else 50.0, f"{t:g}") for t in marks],
    }
