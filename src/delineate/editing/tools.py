"""The tools: each looks at a document and returns the :class:`~delineate.editing.changes.Change` it would make, or ``None``.

Nothing is edited here; :meth:`Document.apply` does it, and :class:`~delineate.editing.session.Session` with undo and journal.
``label`` is a class 1…K, or 0 for background. ``over`` limits a tool to pixels of those classes (0: background).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from delineate.editing.changes import Change, change_to, paint
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


def grow(document: Document, label: int, distance: float, scope: Scope = "volume", at: Voxel | None = None) -> Change | None:
    """Grow a class by ``distance`` (shrink it where negative) in pixels of the finest axis, by Euclidean distance; on the axial
    slice through ``at``, or in the whole volume. Other classes are not grown over."""
    box, mask = _scope(document, label, scope, at)
    grid = document.grid
    spacing = [s / grid.unit for s in grid.spacing or (1.0, 1.0, 1.0)]
    if not mask.any() or distance == 0:
        return None
    if distance > 0:
        wanted = ndimage.distance_transform_edt(~mask, sampling=spacing) <= distance
    else:
        wanted = ndimage.distance_transform_edt(np.pad(mask, 1), sampling=spacing)[1:-1, 1:-1, 1:-1] > -distance
        if mask.shape[0] == 1:  # a plane has no neighbours above and below
            wanted = ndimage.distance_transform_edt(np.pad(mask[0], 1), sampling=spacing[1:])[None, 1:-1, 1:-1] > -distance
    return _replace(document, label, box, mask, wanted)


def fill_holes(document: Document, label: int, scope: Scope = "slice", at: Voxel | None = None) -> Change | None:
    """Fill what a class encloses: on the axial slice through ``at``, or of the volume in three dimensions."""
    box, mask = _scope(document, label, scope, at)
    filled = ndimage.binary_fill_holes(mask[0])[None] if mask.shape[0] == 1 else ndimage.binary_fill_holes(mask)
    return _replace(document, label, box, mask, filled)


def delete_component(document: Document, voxel: Voxel, scope: Scope = "volume") -> Change | None:
    """Delete the connected component (26 neighbours, 8 on a slice) of the class at ``voxel``."""
    label = document.label_at(voxel)
    if label == 0:
        return None
    box, mask = _scope(document, label, scope, voxel)
    numbers, _ = ndimage.label(mask, np.ones((3, 3, 3)))
    return _replace(document, label, box, mask, mask & (numbers != numbers[voxel[0] - box, voxel[1], voxel[2]]))


def use_threshold(document: Document, thresholds: tuple[float, ...]) -> list[Change]:
    """The labels the probabilities give at other thresholds, one change per layer. Raises UsageError without probabilities."""
    decided = document.decided(thresholds)
    found = (change_to(document.edited, layer, (0, 0, 0), decided[layer]) for layer in range(document.layers))
    return [change for change in found if change is not None]


def _scope(document: Document, label: int, scope: Scope, at: Voxel | None) -> tuple[int, NDArray[np.bool_]]:
    """First slice and the class's mask of the volume, or of the slice through ``at``."""
    layer, value = document.target(label)
    if scope == "volume" or document.grid.flat:
        return 0, np.asarray(document.edited[layer] == value)
    first = 0 if at is None else at[0]
    return first, np.asarray(document.edited[layer, first : first + 1] == value)


def _replace(document: Document, label: int, first: int, mask: NDArray[np.bool_], wanted: NDArray[np.bool_]) -> Change | None:
    """``label`` where ``wanted`` and nothing else is, background where it was and is not wanted."""
    layer, value = document.target(label)
    before = document.edited[layer, first : first + mask.shape[0]]
    after = np.where(wanted & (before == 0), np.uint8(value), before)
    after = np.where(mask & ~wanted, np.uint8(0), after)
    return change_to(document.edited, layer, (first, 0, 0), after)
