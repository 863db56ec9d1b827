"""Histograms of the check page as shapes for inline SVG, in percent of the plot."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from delineate.dataset.facts import CaseFacts

INTENSITY_BINS = 80
SHARE_BINS = 24


@dataclass(frozen=True)
class Curve:
    """``number`` of the channel, ``path`` an SVG path in 0…100 × 0…100, ``low``/``high`` the axis in raw units."""

    number: int
    path: str
    low: float
    high: float
    colour: str = "accent"


@dataclass(frozen=True)
class Columns:
    """``heights`` in percent of the highest column; ``top`` its count; the axis runs from ``low`` to ``high``."""

    heights: tuple[float, ...]
    top: int
    low: float
    high: float


def intensity_curves(facts: Sequence[CaseFacts], most: int = 4) -> list[Curve]:
    """One histogram per channel over a sample of all images' pixels, each image counting the same. Root of the counts, so that a
    large black background does not hide the rest. Channels beyond ``most`` are left out by the page, which says so."""
    sampled = [fact for fact in facts if fact.samples is not None and fact.samples.size]
    if not sampled:
        return []
    channels = max(fact.channels for fact in sampled)
    if all(fact.samples is not None and _is_grey(fact.samples) for fact in sampled):
        channels = 1  # grey stored as colour
    colours = ("error", "good", "info") if channels == 3 and any(fact.colour == "rgb" for fact in sampled) else ("accent",)
    curves = []
    for channel in range(min(channels, most)):
        parts = [fact.samples[:, channel] for fact in sampled if fact.samples is not None and fact.samples.shape[1] > channel]
        finite = [part[np.isfinite(part)] for part in parts]
        finite = [part for part in finite if part.size]
        if not finite:
            continue
        low, high = np.percentile(np.concatenate(finite), (0.1, 99.9))
        if high <= low:
            low, high = low - 0.5, high + 0.5
        counts = np.mean([np.histogram(part, INTENSITY_BINS, (low, high))[0] / part.size for part in finite], axis=0)
        curves.append(Curve(channel + 1, _area(np.sqrt(counts)), float(low), float(high), colours[channel % len(colours)]))
    return curves


def _is_grey(samples: NDArray[np.float32]) -> bool:
    return bool((samples == samples[:, :1]).all())


def _area(heights: NDArray[np.floating]) -> str:
    top = float(heights.max()) or 1.0
    places = np.linspace(0, 100, len(heights))
    points = " ".join(f"L{x:.2f} {100 - 97 * y / top:.2f}" for x, y in zip(places, heights, strict=True))
    return f"M0 100 {points} L100 100 Z"


def share_columns(facts: Sequence[CaseFacts]) -> Columns | None:
    """How much of each image is marked (percent), over the images with anything marked."""
    shares = [100 * fact.foreground_pixels / fact.pixels for fact in facts if fact.usable and fact.foreground_pixels]
    if not shares:
        return None
    high = _round_up(float(np.max(shares)))
    counts, _ = np.histogram(shares, SHARE_BINS, (0, high))
    top = int(counts.max())
    return Columns(tuple(round(100 * float(n) / top, 2) for n in counts), top, 0.0, high)


def _round_up(value: float) -> float:
    """The next of 1, 2, 5, 10, 20, 50, 100 … (also below 1)."""
    size = 10.0 ** np.floor(np.log10(value))
    return float(min(100.0, next(step * size for step in (1, 2, 5, 10) if step * size >= value)))
