"""Where every prepared pixel came from: enough to bring a result back onto the image's own grid."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from delineate.domain import AxisMap, Geometry, to_canonical
from delineate.errors import DataError
from delineate.recipe import Preprocessing

Box = tuple[int, int, int, int]
"""(top, left, bottom, right) in pixels, bottom and right exclusive."""

MAX_PLANE_PIXELS = 1 << 28
"""Largest working plane: a wrong spacing in a header must not ask for a hundred gigabytes."""


@dataclass(frozen=True)
class Trail:
    """How planes were cut from an image.

    Attributes
    ----------
    geometry
        The image's own grid.
    axes
        Image axes → (plane, row, column) (3-D: canonical orientation, then the slice axis first); identity in 2-D.
    planes
        Number of planes N (1 in 2-D).
    plane
        (H, W) of a plane before the crop.
    box
        The part of the plane that was kept.
    size
        (h, w) of the prepared planes.
    window
        Where in a prepared plane the resized box lies; the rest is letterbox padding.
    notes
        Codes of what a person should hear (``note.<code>``), e.g. ``spacing-unknown``.
    """

    geometry: Geometry
    axes: AxisMap
    planes: int
    plane: tuple[int, int]
    box: Box
    size: tuple[int, int]
    window: Box
    notes: tuple[str, ...] = ()

    @property
    def volumetric(self) -> bool:
        return self.geometry.ndim == 3


def plane_axes(geometry: Geometry, slice_axis: int) -> AxisMap:
    """Image axes → (plane, row, column) for 3-D, identity for 2-D."""
    canonical = to_canonical(geometry)
    if geometry.ndim == 2:
        return canonical
    order = (slice_axis, *(axis for axis in range(3) if axis != slice_axis))
    return AxisMap(tuple(canonical.permutation[a] for a in order), tuple(canonical.flips[a] for a in order))


def content_box(pixels: NDArray[Any], above: float) -> Box | None:
    """Bounding box of the pixels above ``above`` in any channel and plane of (C, [N,] H, W); ``None`` where there are none."""
    planes = pixels[:, np.newaxis] if pixels.ndim == 3 else pixels
    height, width = planes.shape[-2:]
    rows, columns = np.zeros(height, dtype=bool), np.zeros(width, dtype=bool)
    for number in range(planes.shape[1]):
        inside = np.any(planes[:, number] > above, axis=0)
        rows |= np.any(inside, axis=1)
        columns |= np.any(inside, axis=0)
    if not rows.any():
        return None
    across, down = np.flatnonzero(columns), np.flatnonzero(rows)
    return int(down[0]), int(across[0]), int(down[-1]) + 1, int(across[-1]) + 1


def plan_trail(geometry: Geometry, recipe: Preprocessing, box: Box | None = None, *, max_pixels: int = MAX_PLANE_PIXELS) -> Trail:
    """The trail of an image of ``geometry``; ``box`` is its content box where ``recipe`` crops (``None`` keeps all).

    Raises
    ------
    DataError
        ``working-size-too-large`` where ``scale`` or the spacing asks for a plane beyond ``max_pixels``.
    """
    axes = plane_axes(geometry, recipe.slice_axis)
    ordered = axes.apply_geometry(geometry)
    plane = (ordered.shape[-2], ordered.shape[-1])
    top, left, bottom, right = box or (0, 0, *plane)
    height, width = max(bottom - top, 1), max(right - left, 1)
    notes: tuple[str, ...] = ()
    if recipe.fit == "stretch":
        size = recipe.size
        window = (0, 0, *size)
    elif recipe.fit == "letterbox":
        size = recipe.size
        factor = min(size[0] / height, size[1] / width)
        inner = (min(size[0], max(1, round(height * factor))), min(size[1], max(1, round(width * factor))))
        offset = ((size[0] - inner[0]) // 2, (size[1] - inner[1]) // 2)
        window = (*offset, offset[0] + inner[0], offset[1] + inner[1])
    else:
        factors = (recipe.scale, recipe.scale)
        if recipe.fit == "spacing":
            if ordered.spacing is None or recipe.pixel_mm is None:
                notes = ("spacing-unknown",)
            else:
                factors = (ordered.spacing[-2] / recipe.pixel_mm, ordered.spacing[-1] / recipe.pixel_mm)
        size = (max(1, round(height * factors[0])), max(1, round(width * factors[1])))
        window = (0, 0, *size)
    if math.prod(size) > max_pixels:
        raise DataError("working-size-too-large", height=size[0], width=size[1], limit=max_pixels)
    planes = ordered.shape[0] if geometry.ndim == 3 else 1
    return Trail(geometry, axes, planes, plane, (top, left, top + height, left + width), size, window, notes)
