"""Image → planes (N, C, h, w), normalised, at the network's working size."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from delineate.domain import Image
from delineate.errors import RecipeError
from delineate.preprocessing.colour import check_channels, convert_colour
from delineate.preprocessing.resize import resize
from delineate.preprocessing.statistics import Statistics, measure
from delineate.preprocessing.trail import Trail, content_box, plan_trail, plane_axes
from delineate.recipe import Normalisation, Preprocessing


@dataclass(frozen=True, eq=False)
class Prepared:
    """``planes`` (N, C, h, w) float32, C-contiguous; ``trail`` leads back; ``statistics`` normalised them."""

    planes: NDArray[np.float32]
    trail: Trail
    statistics: Statistics


class Normaliser:
    """Raw values (C, ...) → clipped, normalised float32 without NaN, by ``statistics``."""

    def __init__(self, recipe: Preprocessing, statistics: Statistics) -> None:
        self._low, self._high, self._mean, self._std = (
            np.asarray(values, dtype=np.float64).reshape(-1, 1, 1)
            for values in (statistics.low, statistics.high, statistics.mean, statistics.std)
        )
        self._clip = recipe.normalisation.scheme != "none"
        #: Normalised background, per channel, (C, 1, 1).
        self.background = ((self._low - self._mean) / self._std).astype(np.float32)

    def __call__(self, raw: NDArray[np.floating]) -> NDArray[np.float32]:
        kind = raw.dtype.type
        low, high, mean, std = (v.astype(kind) for v in (self._low, self._high, self._mean, self._std))
        if self._clip:
            values = np.clip(raw, low, high)  # infinities end at the limits, NaN stays
        else:
            values = np.where(np.isfinite(raw), raw, low)
        values -= mean
        values /= std
        if np.issubdtype(raw.dtype, np.floating):
            np.copyto(values, (low - mean) / std, where=np.isnan(values))
        return np.asarray(values, dtype=np.float32)


class Preparation:
    """An image being prepared plane by plane, so that a large volume never stands in memory twice.

    Attributes
    ----------
    recipe
        How it is prepared.
    trail
        Known before any plane is made.
    statistics
        Measured on the image unless given (scheme ``image`` / ``volume``) or fixed by the recipe.
    """

    def __init__(self, image: Image, recipe: Preprocessing, statistics: Statistics | None = None) -> None:
        check_channels(image, recipe)
        self.recipe = recipe
        axes = plane_axes(image.geometry, recipe.slice_axis)
        moved = axes.apply(image.pixels, leading=1)
        self._pixels = moved if moved.ndim == 4 else moved[:, np.newaxis]
        plane = (int(moved.shape[-2]), int(moved.shape[-1]))
        box = None
        if recipe.crop == "content":
            if statistics is not None and statistics.box is not None and statistics.plane == plane:
                box = statistics.box  # slices of one volume share one box, so that all have one scale
            else:
                box = content_box(moved, recipe.crop_above)
        self.trail = plan_trail(image.geometry, recipe, box)
        self.statistics = (
            fixed_statistics(recipe)
            if recipe.normalisation.scheme in ("dataset", "none")
            else statistics or measure([image], recipe)
        )
        self._normalised = Normaliser(recipe, self.statistics)
        #: Normalised background, per channel: what letterbox padding is filled with.
        self.background = self._normalised.background

    def planes(self, start: int = 0, stop: int | None = None) -> NDArray[np.float32]:
        """Planes ``start`` … ``stop`` - 1 as (n, C, h, w) float32, C-contiguous, each by itself: what a network sees of them is
        given by :func:`~delineate.preprocessing.network_input`."""
        stop = self.trail.planes if stop is None else min(stop, self.trail.planes)
        height, width = self.trail.size
        out = np.empty((stop - start, self.recipe.channels, height, width), dtype=np.float32)
        top, left, bottom, right = self.trail.box
        y0, x0, y1, x1 = self.trail.window
        framed = (y1 - y0, x1 - x0) != (height, width)
        for number in range(start, stop):
            raw = convert_colour(self._pixels[:, number, top:bottom, left:right], self.recipe)
            if framed:
                out[number - start] = self.background
            out[number - start, :, y0:y1, x0:x1] = resize(self._normalised(raw), (y1 - y0, x1 - x0))
        return out


def prepare(image: Image, recipe: Preprocessing, statistics: Statistics | None = None) -> Prepared:
    """All planes of ``image``, each by itself (see :mod:`.neighbours`).

    Parameters
    ----------
    statistics
        From :func:`measure` over all slices of the image's volume (scheme ``volume``); measured on ``image`` alone if ``None``.
        The schemes ``dataset`` and ``none`` take their values from the recipe; then only the content box is used.

    Raises
    ------
    DataError
        ``channels-mismatch``, ``working-size-too-large``.
    RecipeError
        ``normalisation-incomplete``.
    """
    work = Preparation(image, recipe, statistics)
    return Prepared(work.planes(), work.trail, work.statistics)


def fixed_statistics(recipe: Preprocessing) -> Statistics:
    """The recipe's own values, for the schemes ``dataset`` and ``none``."""
    rule: Normalisation = recipe.normalisation
    count = recipe.channels
    if rule.scheme == "none":
        high = _each(rule.high or (1.0,), count, "high")
        return Statistics((0.0,) * count, high, (0.0,) * count, tuple(value if value > 0 else 1.0 for value in high))
    std = tuple(value if value > 0 else 1.0 for value in _each(rule.std, count, "std"))
    return Statistics(_each(rule.low, count, "low"), _each(rule.high, count, "high"), _each(rule.mean, count, "mean"), std)


def _each(values: tuple[float, ...], count: int, key: str) -> tuple[float, ...]:
    if len(values) == count:
        return values
    if len(values) == 1:  # one value for all channels
        return values * count
    raise RecipeError("normalisation-incomplete", key=key, found=len(values), wanted=count)
