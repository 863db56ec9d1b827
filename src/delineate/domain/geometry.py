"""Where pixels are in the patient. A value: made once by a reader, carried unchanged to the writer.

Axis order, stated once for the whole program: arrays are indexed **(row, column)** in 2-D and **(slice, row, column)** in
3-D, i.e. NIfTI's (i, j, k) transposed to (k, j, i). ``spacing`` and the columns of ``affine`` follow the array's axis order.
World coordinates are RAS+ millimetres (x grows to the patient's right, y to the front, z to the head), as in nibabel;
DICOM's and SimpleITK's LPS+ is converted at the border by the readers and writers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Affine = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Geometry:
    """Shape, spacing and position of an image's grid.

    Attributes
    ----------
    shape
        Number of pixels per spatial axis, 2 or 3 axes, array order.
    spacing
        Distance between neighbouring pixel centres in mm per axis, array order; ``None`` where the file does not say.
        There is no stand-in such as 1.0: a measure in mm without spacing must be refused.
    affine
        (4, 4): maps homogeneous array indices (slice, row, column, 1) to RAS+ mm; ``None`` where unknown, and always
        ``None`` for 2-D images without a position in the patient.
    """

    shape: tuple[int, ...]
    spacing: tuple[float, ...] | None = None
    affine: Affine | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "shape", tuple(int(n) for n in self.shape))
        if len(self.shape) not in (2, 3):
            raise ValueError(f"'shape' must have 2 or 3 spatial axes, got {self.shape}")
        if self.spacing is not None:
            spacing = tuple(float(s) for s in self.spacing)
            if len(spacing) != len(self.shape):
                raise ValueError(f"'spacing' must have {len(self.shape)} values, got {spacing}")
            if not all(np.isfinite(s) and s > 0 for s in spacing):
                raise ValueError(f"'spacing' must be finite and positive, got {spacing}")
            object.__setattr__(self, "spacing", spacing)
        if self.affine is not None:
            affine = np.array(self.affine, dtype=np.float64)
            if affine.shape != (4, 4) or not np.isfinite(affine).all():
                raise ValueError("'affine' must be a finite (4, 4) matrix")
            affine.setflags(write=False)
            object.__setattr__(self, "affine", affine)

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def voxel_mm3(self) -> float | None:
        """Volume of a voxel of a 3-D grid in mm³; ``None`` where it is unknown.

        By the affine where there is one: the slices of a tilted gantry lean, and are closer than their centres are apart.
        """
        if self.ndim != 3:
            return None
        if self.affine is not None:
            return float(abs(np.linalg.det(self.affine[:3, :3])))
        return None if self.spacing is None else float(np.prod(self.spacing))

    def same_grid(self, other: Geometry, tolerance_mm: float = 1e-3) -> bool:
        """Same shape and, where both are known, the same spacing and affine within ``tolerance_mm``."""
        if self.shape != other.shape:
            return False
        for mine, theirs in ((self.spacing, other.spacing), (self.affine, other.affine)):
            if mine is not None and theirs is not None and not np.allclose(mine, theirs, atol=tolerance_mm, rtol=0):
                return False
        return True

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Geometry):
            return NotImplemented
        if (self.affine is None) != (other.affine is None):
            return False
        same_affine = self.affine is None or other.affine is None or np.array_equal(self.affine, other.affine)
        return self.shape == other.shape and self.spacing == other.spacing and same_affine

    def __hash__(self) -> int:
        return hash((self.shape, self.spacing))


@dataclass(frozen=True)
class AxisMap:
    """A lossless re-orientation: axes permuted, then some flipped. ``inverse`` undoes it exactly."""

    permutation: tuple[int, ...]
    flips: tuple[bool, ...]

    def apply(self, array: NDArray[Any], leading: int = 0) -> NDArray[Any]:
        """Re-orient the spatial axes of ``array``; the first ``leading`` axes (channels) stay."""
        order = [*range(leading), *(leading + axis for axis in self.permutation)]
        moved = np.transpose(array, order)
        window = [slice(None)] * leading + [slice(None, None, -1) if flip else slice(None) for flip in self.flips]
        return np.asarray(moved[tuple(window)])

    @property
    def is_identity(self) -> bool:
        return self.permutation == tuple(range(len(self.permutation))) and not any(self.flips)

    def inverse(self) -> AxisMap:
        permutation = tuple(int(i) for i in np.argsort(self.permutation))
        return AxisMap(permutation, tuple(self.flips[axis] for axis in permutation))

    def apply_geometry(self, geometry: Geometry) -> Geometry:
        """The geometry of the re-oriented array: the same points in the patient."""
        shape = tuple(geometry.shape[axis] for axis in self.permutation)
        spacing = None if geometry.spacing is None else tuple(geometry.spacing[axis] for axis in self.permutation)
        if geometry.affine is None:
            return Geometry(shape, spacing)
        size = len(shape)
        change = np.zeros((4, 4))
        change[3, 3] = 1
        for new_axis, (old_axis, flip) in enumerate(zip(self.permutation, self.flips, strict=True)):
            change[old_axis, new_axis] = -1 if flip else 1
            if flip:
                change[old_axis, 3] = geometry.shape[old_axis] - 1
        if size == 2:
            change[2, 2] = 1
        return Geometry(shape, spacing, geometry.affine @ change)


def to_canonical(geometry: Geometry) -> AxisMap:
    """The re-orientation that brings a volume closest to slices from feet to head, rows from front to back,
    columns from the patient's right to left (how axial slices are shown: DICOM's LPS). Identity without an affine or in 2-D.
    """
    identity = AxisMap(tuple(range(geometry.ndim)), (False,) * geometry.ndim)
    if geometry.ndim != 3 or geometry.affine is None:
        return identity
    directions = geometry.affine[:3, :3] / np.linalg.norm(geometry.affine[:3, :3], axis=0)
    wanted = np.array([[0.0, 0.0, 1.0], [0.0, -1.0, 0.0], [-1.0, 0.0, 0.0]])  # RAS vectors of (slice, row, column)
    best = max(_permutations(), key=lambda order: sum(abs(float(wanted[i] @ directions[:, axis])) for i, axis in enumerate(order)))
    flips = tuple(float(wanted[i] @ directions[:, axis]) < 0 for i, axis in enumerate(best))
    return AxisMap(best, flips)


def between(source: Geometry, target: Geometry, tolerance: float = 0.1) -> AxisMap | None:
    """The lossless re-orientation that brings an array on ``source`` onto ``target``'s grid: axes permuted and flipped, every
    voxel staying where it is in the patient. ``None`` where an affine is unknown or the grids differ by more than that.

    ``tolerance`` is in voxels, at the corners: what rounding in headers makes.
    """
    if source.affine is None or target.affine is None or source.ndim != 3 or target.ndim != 3:
        return None
    if min(abs(np.linalg.det(target.affine[:3, :3])), abs(np.linalg.det(source.affine[:3, :3]))) < 1e-12:
        return None
    steps = np.linalg.solve(target.affine, source.affine)  # index on source → index on target
    permutation = tuple(int(axis) for axis in np.abs(steps[:3, :3]).argmax(axis=1))
    if sorted(permutation) != [0, 1, 2]:
        return None
    found = AxisMap(permutation, tuple(bool(steps[new, old] < 0) for new, old in enumerate(permutation)))
    moved = found.apply_geometry(source)
    if moved.shape != target.shape or moved.affine is None:
        return None
    ends = np.array([[i, j, k, 1.0] for i in (0, 1) for j in (0, 1) for k in (0, 1)]) * [*(n - 1 for n in target.shape), 1.0]
    apart = ends @ (np.linalg.solve(target.affine, moved.affine) - np.eye(4)).T
    return found if float(np.abs(apart).max()) <= tolerance else None


def _permutations() -> Sequence[tuple[int, int, int]]:
    return ((0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0))
