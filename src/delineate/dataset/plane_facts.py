"""Measures of one 2-D plane: a perceptual hash, its border, its objects, and what shrinking costs its mask."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from delineate.dataset.facts import WORKING_SIZES, ObjectFacts
from delineate.domain import IGNORE, LabelSet

MAX_OBJECTS = 64
Plane = NDArray[Any]


def difference_hash(plane: NDArray[np.float32]) -> int | None:
    """64-bit dHash (Krawetz 2013): is each pixel of a 9×8 thumbnail brighter than its right neighbour? ``None`` if it is flat."""
    small = cv2.resize(plane, (9, 8), interpolation=cv2.INTER_AREA)
    spread, level = float(np.ptp(small)), float(np.abs(small).max())
    if not np.isfinite(spread) or spread <= 1e-3 * level or spread == 0:
        return None
    bits = (small[:, :-1] > small[:, 1:]).reshape(-1)
    return int("".join("1" if bit else "0" for bit in bits), 2)


def border_and_centre(plane: NDArray[np.float32]) -> tuple[float, float]:
    """Mean of the outer 6 % frame and of the central half (by side)."""
    rows, columns = plane.shape
    depth_r, depth_c = max(1, round(0.06 * rows)), max(1, round(0.06 * columns))
    frame = np.ones(plane.shape, dtype=bool)
    frame[depth_r : rows - depth_r, depth_c : columns - depth_c] = False
    centre = plane[rows // 4 : rows - rows // 4, columns // 4 : columns - columns // 4]
    return float(plane[frame].mean()), float(centre.mean())


def black_border(plane: NDArray[np.float32]) -> float:
    """Share of rows and columns, inwards from the four edges, that are constant at the plane's minimum (1 for a flat plane)."""
    lit = plane > plane.min()
    count = 0
    for lines in (lit.any(axis=1), lit.any(axis=0)):
        where = np.flatnonzero(lines)
        count += len(lines) if where.size == 0 else int(where[0]) + len(lines) - 1 - int(where[-1])
    return count / sum(plane.shape)


def object_facts(inside: NDArray[np.bool_]) -> ObjectFacts | None:
    """Components (8-connected) and thickness of one class on a plane.

    Thickness: ridge pixels are local maxima of the distance d to the nearest outside pixel; the width there is 2d - 1 (one
    pixel wide: d = 1).
    """
    rows, columns = np.flatnonzero(inside.any(axis=1)), np.flatnonzero(inside.any(axis=0))
    if rows.size == 0:
        return None
    cut = np.pad(inside[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].astype(np.uint8), 1)
    count, _, stats, _ = cv2.connectedComponentsWithStats(cut, connectivity=8)
    sizes = sorted((int(area) for area in stats[1:, cv2.CC_STAT_AREA]), reverse=True)
    # Squared distances are whole numbers; OpenCV's last digits depend on how it divides the work among threads.
    squared = np.rint(cv2.distanceTransform(cut, cv2.DIST_L2, cv2.DIST_MASK_PRECISE).astype(np.float64) ** 2)
    ridge = (cut > 0) & (squared >= cv2.dilate(squared, np.ones((3, 3), np.uint8)))
    thickness = float(np.median(2 * np.sqrt(squared[ridge]) - 1)) if ridge.any() else None
    return ObjectFacts(int(count) - 1, tuple(sizes[:MAX_OBJECTS]), thickness)


def resize_ceiling(labels: Plane, label_set: LabelSet) -> dict[int, float]:
    """Longest side → mean Dice over present classes between the mask and the mask shrunk to that side (area average, ≥ ½) and
    restored (bilinear, ≥ ½): no network that works at this size can be expected to score more. ``labels``: (h, w) or (K, h, w).
    """
    shape = labels.shape[-2:]
    present = [mask for label in range(1, label_set.classes + 1) if (mask := label_set.one_class(labels, label)).any()]
    ceiling: dict[int, float] = {}
    for side in WORKING_SIZES if present else ():
        factor = side / max(shape)
        if factor >= 1:
            ceiling[side] = 1.0
            continue
        size = (max(1, round(shape[1] * factor)), max(1, round(shape[0] * factor)))
        ceiling[side] = float(np.mean([_shrunk_dice(mask, size) for mask in present]))
    return ceiling


def _shrunk_dice(mask: NDArray[np.bool_], size: tuple[int, int]) -> float:
    small = cv2.resize(mask.astype(np.float32), size, interpolation=cv2.INTER_AREA) >= 0.5
    back = cv2.resize(small.astype(np.float32), mask.shape[::-1], interpolation=cv2.INTER_LINEAR) >= 0.5
    return 2.0 * float((mask & back).sum()) / float(mask.sum() + back.sum())


def foreground(labels: Plane, label_set: LabelSet) -> NDArray[np.bool_]:
    """Where any class is; (*space) or, for regions, (K, *space) labels → (*space)."""
    inside = (labels > 0) & (labels != IGNORE)
    return np.asarray(inside.any(axis=0) if label_set.kind == "regions" else inside)
