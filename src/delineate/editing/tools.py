"""The tools: each looks at a document and returns the :class:`~delineate.editing.changes.Change` it would make, or ``None``.

Nothing is edited here; :meth:`Document.apply` does it, and :class:`~delineate.editing.session.Session` with undo and journal.
``label`` is a class 1…K, or 0 for background. ``over`` limits a tool to pixels of those classes (0: background).
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from delineate.editing.changes import Change, box_at, change_to, paint, slices
from delineate.editing.document import Document
from delineate.editing.planes import Plane, Voxel
from delineate.editing.regions import Point, Stamp, flood, polygon, smart_stroke, stroke

Scope = Literal["slice", "volume"]


def put(
    document: Document, plane: Plane, index: int, stamp: Stamp | None, label: int, *, over: Collection[int] | None = None
) -> Change | None:
    """The class ``label`` wherever ``stamp`` is true on slice ``index`` of ``plane``."""
    if stamp is None:
        return None
    layer, value = document.target(label)
    first, region = document.frame(plane).lift(index, stamp.origin, stamp.mask)
    return paint(document.edited, layer, value, first, region, None if over is None else sorted(over))


def brush(document: Document, plane: Plane, index: int, points: Sequence[Point], radius: float, label: int) -> Change | None:
    """Paint along ``points`` (v, u); ``radius`` in pixels of the finest axis."""
    return put(document, plane, index, stroke(document.frame(plane), points, radius), label)


def eraser(document: Document, plane: Plane, index: int, points: Sequence[Point], radius: float, label: int) -> Change | None:
    """Take ``label`` away along ``points``; other classes stay. With ``label`` 0 every class of the first layer goes."""
    stamp = stroke(document.frame(plane), points, radius)
    if stamp is None:
        return None
    layer, value = document.target(label)
    first, region = document.frame(plane).lift(index, stamp.origin, stamp.mask)
    return paint(document.edited, layer, 0, first, region, [value] if label else None)


def lasso(document: Document, plane: Plane, index: int, points: Sequence[Point], label: int) -> Change | None:
    """Fill the polygon through ``points``."""
    return put(document, plane, index, polygon(document.frame(plane), points), label)


def fill(document: Document, plane: Plane, index: int, seed: tuple[int, int], tolerance: float, label: int) -> Change | None:
    """Flood fill by pixel values from ``seed`` (v, u); ``tolerance`` in the image's own units (HU for CT)."""
    pixels = document.frame(plane).view(document.pixels, index)
    return put(document, plane, index, flood(pixels, seed, tolerance), label)


def smart_brush(
    document: Document, plane: Plane, index: int, points: Sequence[Point], radius: float, label: int, strictness: float = 2.0
) -> Change | None:
    """A brush that stops at edges of the image; see :func:`~delineate.editing.regions.smart_stroke`."""
    frame = document.frame(plane)
    return put(document, plane, index, smart_stroke(frame, frame.view(document.pixels, index), points, radius, strictness), label)


def grow(
    document: Document, label: int, distance: float, scope: Scope = "volume", at: Voxel | None = None, plane: Plane = Plane.AXIAL
) -> Change | None:
    """Grow a class by ``distance`` (shrink it where negative) in pixels of the finest axis, by Euclidean distance; on the slice of
    ``plane`` through ``at``, or in the whole volume. Other classes are not grown over."""
    grid = document.grid
    spacing = [s / grid.unit for s in grid.spacing or (1.0, 1.0, 1.0)]
    part = _part(document, label, scope, at, plane).around([max(0, math.ceil(distance / step)) for step in spacing])
    if part is None or distance == 0:
        return None
    if distance > 0:
        wanted = ndimage.distance_transform_edt(~part.mask, sampling=spacing) <= distance
    else:  # beyond the image is background; a single slice has no neighbours
        edge = [(int(n > 1),) * 2 for n in part.mask.shape]
        inner = tuple(slice(before, before + n) for (before, _), n in zip(edge, part.mask.shape, strict=True))
        wanted = ndimage.distance_transform_edt(np.pad(part.mask, edge), sampling=spacing)[inner] > -distance
    return _replace(document, label, part, wanted)


def fill_holes(
    document: Document, label: int, scope: Scope = "slice", at: Voxel | None = None, plane: Plane = Plane.AXIAL
) -> Change | None:
    """Fill what a class encloses: on the slice of ``plane`` through ``at``, or of the volume in three dimensions."""
    part = _part(document, label, scope, at, plane).around([0, 0, 0])
    if part is None:
        return None
    flat = [axis for axis, n in enumerate(part.whole) if n == 1]
    mask = part.mask.squeeze(tuple(flat))
    return _replace(document, label, part, np.expand_dims(ndimage.binary_fill_holes(mask), tuple(flat)))


def delete_component(document: Document, voxel: Voxel, scope: Scope = "volume", plane: Plane = Plane.AXIAL) -> Change | None:
    """Delete the connected component (26 neighbours, 8 on a slice) of the class at ``voxel``."""
    label = document.label_at(voxel)
    if label == 0:
        return None
    part = _part(document, label, scope, voxel, plane).around([0, 0, 0])
    assert part is not None
    numbers, _ = ndimage.label(part.mask, np.ones((3, 3, 3)))
    inside = tuple(i - f for i, f in zip(voxel, part.first, strict=True))
    return _replace(document, label, part, part.mask & (numbers != numbers[inside]))


def use_threshold(document: Document, thresholds: tuple[float, ...]) -> list[Change]:
    """The labels the probabilities give at other thresholds, one change per layer. Raises UsageError without probabilities."""
    decided = document.decided(thresholds)
    found = (change_to(document.edited, layer, (0, 0, 0), decided[layer]) for layer in range(document.layers))
    return [change for change in found if change is not None]


@dataclass(frozen=True, eq=False)
class _Part:
    """A class's ``mask`` (3-D, its first voxel at ``first``) in the slice or volume of shape ``whole`` that a tool works on."""

    first: Voxel
    mask: NDArray[np.bool_]
    whole: Voxel

    def around(self, margin: Sequence[int]) -> _Part | None:
        """Cut down to the class and ``margin`` voxels around it; ``None`` where it is empty. What is far away costs nothing."""
        inner, first = [], []
        for axis, more in enumerate(margin):
            found = np.flatnonzero(self.mask.any(axis=tuple(a for a in range(3) if a != axis)))
            if found.size == 0:
                return None
            start = max(0, int(found[0]) - more)
            inner.append(slice(start, min(self.mask.shape[axis], int(found[-1]) + 1 + more)))
            first.append(self.first[axis] + start)
        return _Part((first[0], first[1], first[2]), self.mask[tuple(inner)], self.whole)


def _part(document: Document, label: int, scope: Scope, at: Voxel | None, plane: Plane) -> _Part:
    layer, value = document.target(label)
    first, end = [0, 0, 0], list(document.grid.shape)
    if scope == "slice":
        normal = document.frame(plane).normal
        first[normal] = 0 if at is None else at[normal]
        end[normal] = first[normal] + 1
    a, b, c = (slice(i, j) for i, j in zip(first, end, strict=True))
    mask = np.asarray(document.edited[layer, a, b, c] == value)
    return _Part((first[0], first[1], first[2]), mask, (mask.shape[0], mask.shape[1], mask.shape[2]))


def _replace(document: Document, label: int, part: _Part, wanted: NDArray[np.bool_]) -> Change | None:
    """``label`` where ``wanted`` and nothing else is, background where it was and is not wanted."""
    layer, value = document.target(label)
    before = document.edited[layer][slices(box_at(part.first, part.mask.shape))]
    after = np.where(wanted & (before == 0), np.uint8(value), before)
    after = np.where(part.mask & ~wanted, np.uint8(0), after)
    return change_to(document.edited, layer, part.first, after)
