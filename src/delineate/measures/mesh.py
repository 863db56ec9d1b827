"""The surface of a mask: marching cubes at the 0.5 level, then Taubin's smoothing, which does not shrink.

A mesh of a mask that is not smoothed has the voxels' stairs: its area is 9 % too large on a sphere however fine the grid is.
Smoothing works on index coordinates with equal weights, so that it means the same on anisotropic and oblique grids.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from delineate.measures.frame import Binary, Floats, Frame
from delineate.measures.regions import Region

Faces = NDArray[np.int64]
#: Passes of Taubin's smoothing (1995, doi:10.1145/218380.218473). docs/measures.md has what more and fewer do.
PASSES = 20
#: At most so many planes are put in for a slice.
MOST_BETWEEN = 10
_LAMBDA, _MU = 0.5, -0.53


@dataclass(frozen=True, eq=False)
class Mesh:
    """``points`` (n, 3) and ``faces`` (m, 3) whose normals point outwards."""

    points: Floats
    faces: Faces

    @property
    def area(self) -> float:
        a, b, c = (self.points[self.faces[:, corner]] for corner in range(3))
        return float(np.linalg.norm(np.cross(b - a, c - a), axis=1).sum() / 2)

    @property
    def volume(self) -> float:
        """Enclosed volume; positive where the normals point outwards."""
        middle = self.points.mean(axis=0)
        a, b, c = (self.points[self.faces[:, corner]] - middle for corner in range(3))
        return float(np.einsum("ij,ij->", a, np.cross(b, c)) / 6)


def voxel_mesh(region: Region, frame: Frame, passes: int = PASSES) -> Mesh:
    """The surface of a 3-D region in index coordinates, after ``passes`` of smoothing."""
    from skimage.measure import marching_cubes

    padded = np.pad(region.mask, 1)
    axis = int(frame.lengths.argmax())
    times = min(MOST_BETWEEN, round(float(frame.lengths[axis] / np.delete(frame.lengths, axis).max())))
    field = _between_slices(padded, frame, axis, times) if times > 1 else padded.astype(np.float32) - np.float32(0.5)
    march: Any = marching_cubes  # has no types
    points, faces, _, _ = march(field, 0.0, gradient_direction="descent", allow_degenerate=False)
    points = _taubin(points.astype(np.float64), faces.astype(np.int64), passes)
    points[:, axis] = (points[:, axis] + 0.5) / max(times, 1) - 0.5
    return Mesh(points + np.array(region.corner) - 1, faces.astype(np.int64))


def _between_slices(mask: Binary, frame: Frame, axis: int, times: int) -> NDArray[np.float32]:
    """``times`` planes for each slice across ``axis``: the outline's signed distance within each slice, interpolated from slice to
    slice (Raya and Udupa 1990, doi:10.1109/42.52980). Where thick slices make stairs of some millimetres, no smoothing that spares
    small things could take them away: the area of a ball on slices of 5 mm would be 12 % too large.

    Beyond its first and last slice a thing ends half a slice further on.
    """
    slices = np.moveaxis(mask, axis, 0)
    others = [frame.lengths[k] for k in range(3) if k != axis]
    inside = [bool(plane.any()) for plane in slices]
    half = min(others) / 2  # the outline runs between two pixels' centres
    signed = np.empty(slices.shape, np.float32)
    for number, plane in enumerate(slices):
        if inside[number]:
            there, beyond = (ndimage.distance_transform_edt(side, sampling=others) for side in (plane, ~plane))
            signed[number] = np.where(plane, there - half, half - beyond)
    for number in (k for k, filled in enumerate(inside) if not filled):
        near = [signed[k] for k in (number - 1, number + 1) if 0 <= k < len(slices) and inside[k]]
        signed[number] = -np.maximum.reduce([np.abs(one) for one in near]) if near else -half
    fine = (np.arange(len(slices) * times) + 0.5) / times - 0.5
    low = np.clip(np.floor(fine).astype(int), 0, len(slices) - 2)
    share = (fine - low).astype(np.float32)[:, None, None]
    field = signed[low] * (1 - share) + signed[low + 1] * share
    return np.ascontiguousarray(np.moveaxis(field + np.float32(1e-5 * half), 0, axis))  # no plane exactly on the level


def in_space(mesh: Mesh, frame: Frame) -> Mesh:
    """From index coordinates to mm: RAS+ where the frame has an origin, else from index 0."""
    points = mesh.points @ frame.step.T
    if frame.origin is not None:
        points = points + frame.origin
    placed = Mesh(points, mesh.faces)
    return placed if placed.volume >= 0 else Mesh(points, mesh.faces[:, ::-1])  # a mirroring affine turns surfaces inside out


def surface_area(region: Region, frame: Frame) -> tuple[float, float]:
    """(area in mm², sphericity) of a 3-D region.

    The area is that of the smoothed mesh, enlarged evenly to enclose just the voxels' volume, so that area and volume fit
    together for things of a few voxels too. Sphericity is (36 pi V²)^(1/3) / A: 1 for a ball, less for all else (Wadell 1935).
    """
    mesh = in_space(voxel_mesh(region, frame), frame)
    volume = region.count * frame.cell
    area = mesh.area * (volume / mesh.volume) ** (2 / 3)
    return area, float(np.cbrt(36 * np.pi * volume**2) / area)


def _taubin(points: Floats, faces: Faces, passes: int) -> Floats:
    """Each pass pulls every point towards the mean of its neighbours and pushes it back a little further."""
    from scipy import sparse

    count = len(points)
    one, other = faces[:, [0, 1, 2]].ravel(), faces[:, [1, 2, 0]].ravel()
    joined = sparse.coo_matrix((np.ones(2 * len(one)), (np.r_[one, other], np.r_[other, one])), shape=(count, count)).tocsr()
    joined.data[:] = 1.0
    mean = sparse.diags(1.0 / np.maximum(np.asarray(joined.sum(axis=1)).ravel(), 1.0)) @ joined
    for _ in range(passes):
        for weight in (_LAMBDA, _MU):
            points = points + weight * (mean @ points - points)
    return points
