"""Counts, size, place: what follows from the voxels themselves. And connected components."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from delineate.measures.frame import Binary, Floats, Frame

#: Neighbours that make two pixels one component: over corners too, as in the clean-up of predictions.
CONNECTIVITY = {2: 8, 3: 26}


@dataclass(frozen=True, eq=False)
class Region:
    """Some voxels of a frame: ``mask`` is their bounding box, ``corner`` the index of its first voxel."""

    mask: Binary
    corner: tuple[int, ...]

    @property
    def count(self) -> int:
        return int(np.count_nonzero(self.mask))

    @property
    def window(self) -> tuple[slice, ...]:
        return tuple(slice(first, first + size) for first, size in zip(self.corner, self.mask.shape, strict=True))


def region_of(mask: Binary, corner: tuple[int, ...] | None = None) -> Region | None:
    """The voxels of ``mask``, cut to their bounding box; ``None`` where there is none. ``corner``: the index of its first voxel."""
    where = []
    for axis in range(mask.ndim):
        used = np.flatnonzero(mask.any(axis=tuple(other for other in range(mask.ndim) if other != axis)))
        if not used.size:
            return None
        where.append((int(used[0]), int(used[-1]) + 1))
    start = corner or (0,) * mask.ndim
    window = tuple(slice(first, last) for first, last in where)
    return Region(np.ascontiguousarray(mask[window]), tuple(s + first for s, (first, _) in zip(start, where, strict=True)))


def components_of(region: Region) -> list[Region]:
    """Connected components, the largest first (of equal ones the first in array order)."""
    found, count = ndimage.label(region.mask, structure=np.ones((3,) * region.mask.ndim))
    if count == 1:
        return [region]
    sizes = np.bincount(found.ravel(), minlength=count + 1)[1:]
    boxes = ndimage.find_objects(found)
    parts: list[Region] = []
    for index in np.argsort(-sizes, kind="stable"):
        box = boxes[int(index)]
        corner = tuple(c + window.start for c, window in zip(region.corner, box, strict=True))
        parts.append(Region(found[box] == index + 1, corner))
    return parts


def shell_counts(region: Region) -> tuple[int, int]:
    """(inner, outer): voxels of the region with a face on its outside, and voxels outside with a face on the region.

    What lies outside the image counts as outside.
    """
    padded = np.pad(region.mask, 1)
    inner = padded & ~ndimage.binary_erosion(padded)
    outer = ndimage.binary_dilation(padded) & ~padded
    return int(np.count_nonzero(inner)), int(np.count_nonzero(outer))


def centroid(region: Region) -> Floats:
    """Mean index of the voxels' centres."""
    total = region.count
    means = []
    for axis, size in enumerate(region.mask.shape):
        per_plane = region.mask.sum(axis=tuple(other for other in range(region.mask.ndim) if other != axis), dtype=np.int64)
        means.append(float(per_plane @ np.arange(size)) / total + region.corner[axis])
    return np.array(means)


def box_mm(region: Region, frame: Frame) -> tuple[Floats, Floats] | None:
    """The smallest box along R, A and S that holds the voxels with their full extent: (lowest, highest) in RAS+ mm."""
    if frame.origin is None:
        return None
    points = frame.place(np.concatenate(list(_line_ends(region))).astype(np.float64))
    assert points is not None
    reach = np.abs(frame.step).sum(axis=1) / 2  # of a voxel from its centre
    return points.min(axis=0) - reach, points.max(axis=0) + reach


def touches_border(region: Region, frame: Frame) -> bool:
    """Whether a voxel lies on the image's edge, so that the thing may go on outside. An axis of a single plane has no edge."""
    sides = zip(region.corner, region.mask.shape, frame.shape, strict=True)
    return any(size > 1 and (first == 0 or first + length == size) for first, length, size in sides)


def outline_points(region: Region) -> Floats:
    """(m, n) index coordinates half-way between a voxel and its neighbour outside, at the ends of every line of voxels along every
    axis. They hold all corners of the region's convex hull at the 0.5 level of the mask."""
    found = []
    for axis, ends in enumerate(_line_ends(region)):
        half = len(ends) // 2
        points = ends.astype(np.float64)
        points[:half, axis] -= 0.5
        points[half:, axis] += 0.5
        found.append(points)
    return np.concatenate(found)


def _line_ends(region: Region) -> Iterator[np.ndarray[tuple[int, ...], np.dtype[np.int64]]]:
    """Per axis the indices of first (first half) and last voxels (second half) of every line along it."""
    for axis, size in enumerate(region.mask.shape):
        lines = np.argwhere(region.mask.any(axis=axis))
        at = tuple(lines.T)
        first = region.mask.argmax(axis=axis)[at]
        last = size - 1 - np.flip(region.mask, axis=axis).argmax(axis=axis)[at]
        yield np.concatenate([np.insert(lines, axis, ends, axis=1) for ends in (first, last)]) + np.array(region.corner)
