"""The same preprocessing for a plane that is too large to be held: rows in, rows out, a few of them in memory at a time.

:func:`prepared_rows` gives what ``Preparation.planes`` would, :func:`restored_rows` what ``restore`` would, to rounding.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from delineate.domain import Geometry, Image
from delineate.preprocessing.colour import convert_colour
from delineate.preprocessing.prepare import Normaliser, fixed_statistics
from delineate.preprocessing.resize import resize
from delineate.preprocessing.statistics import Statistics, measure, sample_places
from delineate.preprocessing.trail import Box, Trail
from delineate.recipe import Preprocessing

Rows = NDArray[np.float32]
BAND_BYTES = 8 << 20  # rows read at once, decoded


class RowSource(Protocol):
    """A plane whose rows can be read from top to bottom. ``rows(a, b)`` is (channels, b - a, W) in raw units."""

    @property
    def shape(self) -> tuple[int, int]: ...
    @property
    def channels(self) -> int: ...
    @property
    def dtype(self) -> np.dtype[Any]: ...
    def rows(self, top: int, bottom: int) -> NDArray[Any]: ...


def measure_rows(source: RowSource, recipe: Preprocessing) -> Statistics:
    """:func:`~delineate.preprocessing.measure` of the whole plane in one pass over its rows: the same pixels are looked at."""
    height, width = source.shape
    content = recipe.crop == "content"
    if recipe.normalisation.scheme in ("dataset", "none") and not content:
        return fixed_statistics(recipe)
    places = sample_places(height * width)
    found: list[NDArray[Any]] = []
    lines, columns = np.zeros(height, dtype=bool), np.zeros(width, dtype=bool)
    for top, band in _bands(source, 0, height):
        if places is None:
            found.append(band.reshape(band.shape[0], -1))
        else:
            first, last = np.searchsorted(places, [top * width, (top + band.shape[1]) * width])
            here = places[first:last]
            found.append(band[:, here // width - top, here % width])
        if content:
            inside = np.any(band > recipe.crop_above, axis=0)
            lines[top : top + band.shape[1]] = np.any(inside, axis=1)
            columns |= np.any(inside, axis=0)
    values = np.concatenate(found, axis=1)
    picture = Image(values[:, np.newaxis], Geometry((1, values.shape[1])))
    measured = measure([picture], recipe.model_copy(update={"crop": "none"}))
    if recipe.normalisation.scheme in ("dataset", "none"):
        measured = fixed_statistics(recipe)
    box: Box | None = None
    if content and lines.any():
        down, across = np.flatnonzero(lines), np.flatnonzero(columns)
        box = (int(down[0]), int(across[0]), int(down[-1]) + 1, int(across[-1]) + 1)
    return Statistics(measured.low, measured.high, measured.mean, measured.std, box, source.shape if box else None)


def prepared_rows(source: RowSource, recipe: Preprocessing, trail: Trail, statistics: Statistics) -> Iterator[Rows]:
    """Blocks (C, n, w) of the prepared plane, together ``trail.size`` rows."""
    normaliser = Normaliser(recipe, statistics)
    top, left, bottom, right = trail.box
    y0, x0, y1, x1 = trail.window
    height, width = trail.size
    yield from _blank(normaliser.background, y0, width)

    def narrowed() -> Iterator[Rows]:
        for _, band in _bands(source, top, bottom):
            values = normaliser(convert_colour(band[:, :, left:right], recipe))
            yield resize(values, (values.shape[1], x1 - x0))

    for block in resized_rows(narrowed(), bottom - top, y1 - y0):
        if (x0, x1) == (0, width):
            yield block
        else:
            framed = np.empty((block.shape[0], block.shape[1], width), dtype=np.float32)
            framed[:] = normaliser.background
            framed[:, :, x0:x1] = block
            yield framed
    yield from _blank(normaliser.background, height - y1, width)


def restored_rows(blocks: Iterable[Rows], trail: Trail, fill: float = 0.0) -> Iterator[Rows]:
    """Blocks (K, n, w) of a prepared plane's results → blocks (K, n, W) on the plane's own grid."""
    y0, x0, y1, x1 = trail.window
    top, left, bottom, right = trail.box
    height, width = trail.plane

    def inner() -> Iterator[Rows]:
        at = 0
        for block in blocks:
            first, last = max(y0 - at, 0), min(y1 - at, block.shape[1])
            at += block.shape[1]
            if last > first:
                yield block[:, first:last, x0:x1]

    above = top
    for block in resized_rows(inner(), y1 - y0, bottom - top):
        background = np.full((block.shape[0], 1, 1), fill, dtype=np.float32)
        yield from _blank(background, above, width)
        above = 0
        wide = resize(np.ascontiguousarray(block), (block.shape[1], right - left))
        if (left, right) == (0, width):
            yield wide
        else:
            framed = np.full((block.shape[0], block.shape[1], width), fill, dtype=np.float32)
            framed[:, :, left:right] = wide
            yield framed
    yield from _blank(background, height - bottom, width)


def resized_rows(blocks: Iterable[Rows], rows: int, wanted: int) -> Iterator[Rows]:
    """Blocks (C, n, w) of ``rows`` rows in all → blocks of ``wanted`` rows: areas averaged where they shrink, linear where they
    grow, edges repeated (as :mod:`.resize` does along rows)."""
    if rows == wanted:
        yield from blocks
        return
    held: deque[Rows] = deque()  # single rows (C, w), the first of them is row `start`
    start = made = 0
    for block in blocks:
        held.extend(block[:, row] for row in range(block.shape[1]))
        ready = []
        while made < wanted:
            first, weights = _weights(made, rows, wanted)
            if first + len(weights) > start + len(held):
                break
            total = held[first - start] * weights[0]
            for offset in range(1, len(weights)):
                total += held[first - start + offset] * weights[offset]
            ready.append(total)
            made += 1
            needed = _weights(made, rows, wanted)[0] if made < wanted else start + len(held)
            while start < needed and held:
                held.popleft()
                start += 1
        if ready:
            yield np.stack(ready, axis=1)


def _weights(row: int, rows: int, wanted: int) -> tuple[int, NDArray[np.float32]]:
    """Which input rows, from the first on, make output row ``row``, and their weights (sum 1)."""
    scale = rows / wanted
    if wanted < rows:
        low, high = row * scale, min((row + 1) * scale, rows)
        first, last = int(low + 1e-9), min(rows, int(np.ceil(high - 1e-9)))
        inside = np.minimum(np.arange(first, last) + 1, high) - np.maximum(np.arange(first, last), low)
        return first, (inside / inside.sum()).astype(np.float32)
    centre = min(max((row + 0.5) * scale - 0.5, 0.0), rows - 1.0)
    first = min(int(centre), max(rows - 2, 0))
    share = centre - first
    return first, np.array([1 - share, share] if rows > 1 else [1.0], dtype=np.float32)


def _bands(source: RowSource, top: int, bottom: int) -> Iterator[tuple[int, NDArray[Any]]]:
    row_bytes = max(1, source.shape[1] * source.channels * source.dtype.itemsize)
    step = max(1, min(BAND_BYTES // row_bytes, 1024))
    for at in range(top, bottom, step):
        yield at, source.rows(at, min(bottom, at + step))


def _blank(background: NDArray[np.float32], rows: int, width: int) -> Iterator[Rows]:
    for at in range(0, rows, 256):
        block = np.empty((background.shape[0], min(256, rows - at), width), dtype=np.float32)
        block[:] = background
        yield block
