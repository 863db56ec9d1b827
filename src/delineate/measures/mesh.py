"""The surface of a mask: marching cubes at the 0.5 level, then Taubin's smoothing, which does not shrink.

A mesh of a mask that is not smoothed has the voxels' stairs: its area is 9 % too large on a sphere however fine the grid is.
Smoothing works on index coordinates with equal weights, so that it means the same on anisotropic and oblique grids.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from delineate.measures.frame import Floats, Frame
from delineate.measures.regions import Region

Faces = NDArray[np.int64]
#: Passes of Taubin's smoothing (1995, doi:10.1145/218380.218473). docs/measures.md has what more and fewer do.
PASSES = 20
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


def voxel_mesh(region: Region, passes: int = PASSES) -> Mesh:
    """The surface of a 3-D region in index coordinates, after ``passes`` of smoothing."""
    from skimage.measure import marching_cubes

    padded = np.pad(region.mask, 1).astype(np.float32)
    march: Any = marching_cubes  # has no types
    points, faces, _, _ = march(padded, 0.5, gradient_direction="descent", allow_degenerate=False)
    moved = _taubin(points.astype(np.float64), faces.astype(np.int64), passes) + np.array(region.corner) - 1
    return Mesh(moved, faces.astype(np.int64))


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
    mesh = in_space(voxel_mesh(region), frame)
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
