"""The grid a mask is measured on: turned to one standard orientation, so that how a file stores its axes changes no measure.

Lengths are millimetres through the affine (oblique, sheared and anisotropic grids are exact), or pixels where the spacing is not
known; the two are never mixed: ``unit`` says which it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from delineate.domain import AxisMap, Geometry, to_canonical

Floats = NDArray[np.float64]
Binary = NDArray[np.bool_]

#: An axis whose step is so many times longer than both others is the one the scanner stepped along: its planes are what was seen.
ACQUIRED = 1.5
PLANES = ("axial", "coronal", "sagittal")


@dataclass(frozen=True, eq=False)
class Frame:
    """Where index coordinates lie.

    ``step`` is (n, n) for n = 2 or 3 axes: column k is one step along array axis k, in ``unit``. ``origin`` is the place of index 0
    in RAS+ mm, (3,), or ``None`` where the file gives no position. ``turn`` brings the file's array to this frame's axes.
    """

    shape: tuple[int, ...]
    step: Floats
    unit: Literal["mm", "px"]
    origin: Floats | None
    turn: AxisMap

    @property
    def axes(self) -> int:
        return len(self.shape)

    @property
    def cell(self) -> float:
        """Volume (or area) of one voxel (or pixel): mm³, mm² or 1. A determinant: shear does not change it, the product of the
        spacings would."""
        return float(abs(np.linalg.det(self.step)))

    @property
    def lengths(self) -> Floats:
        return np.asarray(np.linalg.norm(self.step, axis=0))

    def place(self, index: Floats) -> Floats | None:
        """Index coordinates (…, n) → RAS+ mm (…, 3)."""
        return None if self.origin is None else np.asarray(index @ self.step.T + self.origin)

    def stored(self, index: Floats) -> Floats:
        """Index coordinates (n,) of this frame → of the file's array."""
        back = np.where(self.turn.flips, np.array(self.shape) - 1 - index, index)
        found = np.empty_like(back)
        found[list(self.turn.permutation)] = back
        return found


def frame_of(geometry: Geometry, spacing_mm: tuple[float, ...] | None = None) -> Frame:
    """The frame of ``geometry``; ``spacing_mm`` (array order) is what a person says where the file says nothing."""
    turn = to_canonical(geometry)
    turned = turn.apply_geometry(geometry)
    affine = turned.affine
    if geometry.ndim == 3 and affine is not None and abs(np.linalg.det(affine[:3, :3])) > 1e-12:
        return Frame(turned.shape, affine[:3, :3], "mm", affine[:3, 3], turn)
    keep = AxisMap(tuple(range(geometry.ndim)), (False,) * geometry.ndim)
    spacing = geometry.spacing or spacing_mm
    if spacing is None:
        return Frame(geometry.shape, np.eye(geometry.ndim), "px", None, keep)
    return Frame(geometry.shape, np.diag(np.asarray(spacing, dtype=np.float64)), "mm", None, keep)


def diameter_axis(frame: Frame, plane: str = "auto") -> tuple[int, str]:
    """The axis across the planes that diameters are measured in, and the planes' name.

    ``auto``: the planes that were acquired, where one step is clearly longer (:data:`ACQUIRED`); else axial ones. Without a
    position in the patient nobody knows what is axial: then the file's own slices (``"slice"``).
    """
    if plane != "auto" and frame.origin is not None:
        return PLANES.index(plane), plane
    lengths = frame.lengths
    longest = int(lengths.argmax())
    others = np.delete(lengths, longest)
    axis = longest if lengths[longest] > ACQUIRED * float(others.max()) else 0
    return axis, PLANES[axis] if frame.origin is not None else "slice"
