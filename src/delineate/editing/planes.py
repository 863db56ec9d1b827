"""Three orthogonal planes through a volume, as a reader of images expects them: head up, the patient's right on the left.

Indices on a plane are ``(v, u)``: v grows downwards on the screen, u to the right. A 2-D image is a volume of
one slice and has one plane.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from delineate.domain import AxisMap, Geometry, to_canonical

Voxel = tuple[int, int, int]
#: Half-open ranges (slice, row, column): ``((0, 1), (10, 20), (30, 45))``.
Box = tuple[tuple[int, int], tuple[int, int], tuple[int, int]]


class Plane(str, Enum):
    """``AXIAL`` shows rows × columns, ``CORONAL`` slices × columns, ``SAGITTAL`` slices × rows."""

    AXIAL = "axial"
    CORONAL = "coronal"
    SAGITTAL = "sagittal"


_AXES = {Plane.AXIAL: (0, 1, 2), Plane.CORONAL: (1, 0, 2), Plane.SAGITTAL: (2, 0, 1)}  # normal, v, u
_TOWARDS = (("L", "R"), ("P", "A"), ("I", "S"))  # names of the negative and the positive end of RAS axes


@dataclass(frozen=True)
class Frame:
    """One plane of a grid: which axis of the volume is looked along, which run down and across, and their size on the screen.

    ``scale`` is the size of a pixel (v, u) in units of the grid's smallest spacing (1, 1 where spacing is unknown).
    """

    plane: Plane
    volume: Voxel
    scale: tuple[float, float]
    flip_v: bool

    @property
    def normal(self) -> int:
        return _AXES[self.plane][0]

    @property
    def axes(self) -> tuple[int, int]:
        return _AXES[self.plane][1:]

    @property
    def shape(self) -> tuple[int, int]:
        """(V, U): pixels of the plane."""
        return self.volume[self.axes[0]], self.volume[self.axes[1]]

    @property
    def depth(self) -> int:
        """How many slices there are along the normal."""
        return self.volume[self.normal]

    def view(self, array: NDArray[Any], index: int) -> NDArray[Any]:
        """Slice ``index`` of ``array`` (…, S, R, C) as a writable (…, V, U) view."""
        where: list[Any] = [..., slice(None), slice(None), slice(None)]
        where[1 + self.normal] = index
        plane: NDArray[Any] = array[tuple(where)]
        return plane[..., ::-1, :] if self.flip_v else plane

    def voxel(self, index: int, v: float, u: float) -> tuple[float, float, float]:
        """(slice, row, column) of the point (v, u) on slice ``index``; fractions are kept."""
        found = [0.0, 0.0, 0.0]
        found[self.normal] = index
        found[self.axes[0]] = self.shape[0] - 1 - v if self.flip_v else v
        found[self.axes[1]] = u
        return found[0], found[1], found[2]

    def point(self, voxel: tuple[float, float, float]) -> tuple[float, float]:
        """(v, u) of a voxel, whatever its place along the normal."""
        v = voxel[self.axes[0]]
        return (self.shape[0] - 1 - v if self.flip_v else v), voxel[self.axes[1]]

    def lift(self, index: int, origin: tuple[int, int], mask: NDArray[Any]) -> tuple[Voxel, NDArray[Any]]:
        """A (h, w) array at ``origin`` of slice ``index`` as a 3-D array with one slice along the normal, and its first voxel."""
        v, u = origin
        if self.flip_v:
            v, mask = self.shape[0] - v - mask.shape[0], mask[::-1]
        first = [0, 0, 0]
        first[self.normal], first[self.axes[0]], first[self.axes[1]] = index, v, u
        return (first[0], first[1], first[2]), np.expand_dims(mask, self.normal)

    def rectangle(self, box: Box) -> tuple[int, int, int, int]:
        """(v0, v1, u0, u1), half open: where a box of the volume lies on this plane."""
        (v0, v1), (u0, u1) = box[self.axes[0]], box[self.axes[1]]
        return (self.shape[0] - v1, self.shape[0] - v0, u0, u1) if self.flip_v else (v0, v1, u0, u1)


@dataclass(frozen=True, eq=False)
class Grid:
    """The grid that is edited: the image's own, turned without loss so that slices go from feet to head, rows from front to
    back, columns from the patient's right to the left (where the file knows). ``turn`` brings the file's arrays to it."""

    shape: Voxel
    spacing: tuple[float, float, float] | None
    affine: NDArray[np.float64] | None
    turn: AxisMap
    flat: bool
    source: Geometry

    @staticmethod
    def of(geometry: Geometry) -> Grid:
        turn = to_canonical(geometry)
        moved = turn.apply_geometry(geometry)
        if geometry.ndim == 2:
            spacing = None if moved.spacing is None else (min(moved.spacing), *moved.spacing)
            return Grid((1, *moved.shape), spacing, moved.affine, turn, True, geometry)  # type: ignore[arg-type]
        return Grid(moved.shape, moved.spacing, moved.affine, turn, False, geometry)  # type: ignore[arg-type]

    @property
    def planes(self) -> tuple[Plane, ...]:
        return (Plane.AXIAL,) if self.flat else tuple(Plane)

    def frame(self, plane: Plane) -> Frame:
        _, v, u = _AXES[plane]
        spacing = self.spacing or (1.0, 1.0, 1.0)
        unit = self.unit
        flip = plane is not Plane.AXIAL and self.affine is not None
        return Frame(plane, self.shape, (spacing[v] / unit, spacing[u] / unit), flip)

    @property
    def unit(self) -> float:
        """mm of one step of ``scale``: the smallest spacing; 1 where spacing is unknown."""
        return 1.0 if self.spacing is None else min(self.spacing)

    def inward(self, array: NDArray[Any]) -> NDArray[Any]:
        """(…, *file's shape) → (…, S, R, C)."""
        turned = self.turn.apply(array, array.ndim - self.source.ndim)
        return turned[..., None, :, :] if self.flat else turned

    def outward(self, array: NDArray[Any]) -> NDArray[Any]:
        """(…, S, R, C) → (…, *file's shape)."""
        array = array[..., 0, :, :] if self.flat else array
        return self.turn.inverse().apply(array, array.ndim - self.source.ndim)

    def millimetres(self, voxel: tuple[float, float, float]) -> tuple[float, float, float] | None:
        """RAS+ mm of a voxel in the patient; ``None`` where the file does not say."""
        if self.affine is None or self.flat:
            return None
        x, y, z, _ = self.affine @ (*voxel, 1.0)
        return float(x), float(y), float(z)

    def sides(self, plane: Plane) -> tuple[str, str, str, str] | None:
        """Letters of the patient's sides at the left, right, top and bottom of the screen, as ``("R", "L", "A", "P")``."""
        if self.affine is None or self.flat:
            return None
        frame = self.frame(plane)
        letters = []
        for axis, sign in ((frame.axes[1], 1.0), (frame.axes[0], -1.0 if frame.flip_v else 1.0)):
            direction = self.affine[:3, axis] * sign
            world = int(np.abs(direction).argmax())
            negative, positive = _TOWARDS[world]
            letters.append((positive, negative) if direction[world] < 0 else (negative, positive))
        (left, right), (top, bottom) = letters
        return left, right, top, bottom


def whole(shape: Voxel) -> Box:
    """The box of a whole volume."""
    return ((0, shape[0]), (0, shape[1]), (0, shape[2]))


def without_spacing(grid: Grid) -> Grid:
    """The grid where slices are unevenly spaced: no millimetres can be told between them."""
    return replace(grid, spacing=None, affine=None)
