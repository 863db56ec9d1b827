"""2.5-D: the planes before and after a volume's plane as further channels of it, so that a 2-D network sees the third axis.

As in Roth et al. 2014 (doi:10.1007/978-3-319-10404-1_65) and many since. Planes are prepared one by one and put together here, for
training, validation and prediction alike.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from delineate.preprocessing.prepare import Preparation

Planes = NDArray[np.float32]


def around(number: int, count: int, neighbours: int) -> list[int]:
    """Numbers of the planes seen with plane ``number`` of ``count``: itself in the middle, the outermost plane for those beyond."""
    return [min(max(at, 0), count - 1) for at in range(number - neighbours, number + neighbours + 1)]


def network_input(work: Preparation, start: int = 0, stop: int | None = None) -> Planes:
    """Planes ``start`` … ``stop`` - 1 of an image as the network sees them: (n, inputs, h, w) float32, C-contiguous."""
    return _joined(work.planes, work.trail.planes, work.recipe.neighbours, start, stop)


def network_input_of_slices(works: Sequence[Preparation], start: int = 0, stop: int | None = None) -> Planes:
    """The same of a volume whose slices are images of their own, of one working size, in order."""

    def planes(first: int, end: int) -> Planes:
        return np.concatenate([work.planes() for work in works[first:end]])

    return _joined(planes, len(works), works[0].recipe.neighbours, start, stop)


def _joined(planes: Callable[[int, int], Planes], count: int, neighbours: int, start: int, stop: int | None) -> Planes:
    stop = count if stop is None else min(stop, count)
    if not neighbours:
        return planes(start, stop)
    first, end = max(0, start - neighbours), min(count, stop + neighbours)
    found = planes(first, end)
    seen = np.array([around(number, count, neighbours) for number in range(start, stop)]) - first
    return np.ascontiguousarray(found[seen].reshape(stop - start, -1, *found.shape[2:]))
