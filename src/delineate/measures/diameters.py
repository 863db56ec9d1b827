"""Longest and perpendicular diameters on one plane (as in RECIST 1.1, Eisenhauer et al. 2009, doi:10.1016/j.ejca.2008.10.026), and
the longest distance in space (maximum Feret diameter).

Ends lie on the outline at the 0.5 level of the mask, half-way between a voxel and its neighbour outside: from centre to centre a
thing of n voxels would measure n - 1. The outline is the convex one: a diameter of a crescent may leave it, as a caliper's would.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial import ConvexHull, distance

from delineate.measures.frame import Floats, Frame
from delineate.measures.regions import Region, outline_points, region_of


@dataclass(frozen=True, eq=False)
class Diameters:
    """Lengths in the frame's unit; ``longest_ends`` and ``perpendicular_ends`` are (2, n) index coordinates; ``plane`` is the index
    of the plane along ``axis`` (``None`` in 2-D)."""

    longest: float
    perpendicular: float
    longest_ends: Floats
    perpendicular_ends: Floats
    axis: int | None = None
    plane: int | None = None


def planar_diameters(region: Region, frame: Frame, axis: int = 0) -> Diameters:
    """On the plane across ``axis`` where the longest diameter is longest; the perpendicular one is the longest chord of the same
    outline at a right angle to it. In 2-D there is one plane and ``axis`` does not count."""
    if region.mask.ndim == 2:
        return _on_plane(region, frame.step)
    inside = [other for other in range(3) if other != axis]
    plane_step = np.asarray(np.linalg.qr(frame.step[:, inside])[1])  # the plane's own orthonormal axes: shear and tilt are kept
    candidates = []
    for number in range(region.mask.shape[axis]):
        flat = region_of(np.asarray(region.mask.take(number, axis=axis)), tuple(region.corner[other] for other in inside))
        if flat is not None:
            high, wide = flat.mask.shape
            bound = max(float(np.linalg.norm(plane_step @ np.array([high, way * wide]))) for way in (1, -1))
            candidates.append((bound, number, flat))
    best: Diameters | None = None
    for bound, number, flat in sorted(candidates, key=lambda item: (-item[0], item[1])):
        if best is not None and bound <= best.longest:
            break
        found = _on_plane(flat, plane_step)
        if best is None or found.longest > best.longest:
            plane = number + region.corner[axis]
            ends = [np.insert(pair, axis, plane, axis=1) for pair in (found.longest_ends, found.perpendicular_ends)]
            best = Diameters(found.longest, found.perpendicular, ends[0], ends[1], axis, plane)
    assert best is not None
    return best


def maximum_feret(region: Region, frame: Frame) -> float:
    """Longest distance between two points of the outline, in the frame's unit."""
    points = outline_points(region) @ frame.step.T
    corners = points[ConvexHull(points).vertices]
    longest = 0.0
    for start in range(0, len(corners), 512):
        longest = max(longest, float(distance.cdist(corners[start : start + 512], corners[start:]).max()))
    return longest


def _on_plane(region: Region, step: Floats) -> Diameters:
    index = outline_points(region)
    points = index @ step.T
    order = ConvexHull(points).vertices  # counter-clockwise
    index, points = index[order], points[order]
    apart = distance.cdist(points, points)
    one, other = (int(i) for i in np.unravel_index(int(apart.argmax()), apart.shape))
    # Seen along the longest diameter, the outline is two chains from one end to the other.
    index, points = np.roll(index, -one, axis=0), np.roll(points, -one, axis=0)
    other = (other - one) % len(points)
    length = float(apart.max())
    along = (points - points[0]) @ (points[other] - points[0]) / length
    chains = [np.arange(other + 1), np.r_[0, np.arange(len(points) - 1, other - 1, -1)]]
    widest, ends = 0.0, np.stack([index[0], index[0]])
    for at in along:
        here = np.stack([_at(along[chain], index[chain], float(at)) for chain in chains])
        width = float(np.linalg.norm(step @ (here[1] - here[0])))
        if width > widest:
            widest, ends = width, here
    return Diameters(length, widest, np.stack([index[0], index[other]]), ends)


def _at(along: Floats, index: Floats, at: float) -> Floats:
    return np.array([np.interp(at, along, index[:, axis]) for axis in range(2)])
