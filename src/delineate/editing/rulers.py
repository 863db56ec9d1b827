"""Distances and angles between points of the image, in mm where spacing is known, else in pixels."""

from __future__ import annotations

import math

import numpy as np

from delineate.editing.planes import Grid

Place = tuple[float, float, float]


def distance(grid: Grid, one: Place, other: Place) -> tuple[float, str]:
    """Between two (slice, row, column) places: the length and ``"mm"`` or ``"px"``. Leaning slices count by the affine."""
    return math.dist(_placed(grid, one), _placed(grid, other)), "px" if grid.spacing is None else "mm"


def angle(grid: Grid, one: Place, corner: Place, other: Place) -> float | None:
    """Degrees (0…180) at ``corner``; ``None`` where a leg has no length."""
    a, b = (np.subtract(_placed(grid, end), _placed(grid, corner)) for end in (one, other))
    lengths = float(np.linalg.norm(a) * np.linalg.norm(b))
    if lengths == 0:
        return None
    return math.degrees(math.acos(min(1.0, max(-1.0, float(a @ b) / lengths))))


def _placed(grid: Grid, place: Place) -> tuple[float, float, float]:
    if (found := grid.millimetres(place)) is not None:
        return found
    spacing = grid.spacing or (1.0, 1.0, 1.0)
    return place[0] * spacing[0], place[1] * spacing[1], place[2] * spacing[2]
