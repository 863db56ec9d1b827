"""Planes by their positions in the patient: order, spacing, affine, and what is wrong with them.

DICOM PS3.3 C.7.6.2.1.1: ImagePositionPatient is the centre of the first pixel and ImageOrientationPatient the directions of rows
and columns, both LPS+ mm. File names, slice numbers and SliceLocation say nothing reliable and are not asked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from delineate.domain import Geometry
from delineate.formats.types import IRREGULAR

_SAME_MM = 1e-3
_GAP = 1.5  # times the usual step
_UNEVEN = 0.05  # of the usual step
_TILT = 0.01  # sideways mm per mm between slices: 0.6 degrees


@dataclass(frozen=True, eq=False)
class Planes:
    """``order`` sorts planes along their normal; ``step`` (LPS mm) leads from one to the next, ``first`` is where they begin."""

    order: tuple[int, ...]
    first: NDArray[np.float64]
    step: NDArray[np.float64] | None
    orientation: NDArray[np.float64]
    depths: NDArray[np.float64]
    problems: tuple[str, ...]
    facts: Mapping[str, Any] = field(default_factory=dict)
    """For a person: ``gaps`` ((slice before, slice after, how many are missing), …) counted from 1, ``tilt_degrees``,
    ``steps_mm`` (least, largest) where they are uneven."""

    def geometry(self, plane: tuple[int, int], spacing: tuple[float, float] | None, count: int | None = None) -> Geometry:
        """Of the stack of ``count`` planes (all, if not given); without spacing or step only its shape is known.

        Planes with gaps or uneven steps have no affine: one that is right for the first planes would put the others in a wrong
        place. Their spacing is the usual step.
        """
        shape = (len(self.order) if count is None else count, *plane)
        if self.step is None or spacing is None:
            return Geometry(shape)
        spaced = (round(float(np.linalg.norm(self.step)), 9), *spacing)
        if not IRREGULAR.isdisjoint(self.problems):
            return Geometry(shape, spaced)
        affine = np.eye(4)
        affine[:3, 0] = self.step
        affine[:3, 1] = self.orientation[1] * spacing[0]
        affine[:3, 2] = self.orientation[0] * spacing[1]
        affine[:3, 3] = self.first
        return Geometry(shape, spaced, np.diag([-1.0, -1.0, 1.0, 1.0]) @ affine)


def arrange(positions: Sequence[NDArray[np.float64]], orientation: NDArray[np.float64], thickness: float | None = None) -> Planes:
    """Sort planes of one orientation. ``thickness`` is the step where there is only one plane.

    The step is the whole way divided by its number where planes are even, else the usual (median) one.
    """
    points = np.array(positions, np.float64)
    normal = np.cross(orientation[0], orientation[1])
    depths = points @ normal
    order = np.argsort(depths, kind="stable")
    points, depths = points[order], depths[order]
    places = tuple(int(i) for i in order)
    if len(points) == 1:
        step = normal * thickness if thickness else None
        return Planes(places, points[0], step, orientation, depths, ())
    gaps = np.diff(depths)
    problems = []
    if (gaps < _SAME_MM).any():
        problems.append("duplicate-position")
    kept = gaps[gaps >= _SAME_MM]
    if not len(kept):
        return Planes(places, points[0], None, orientation, depths, tuple(problems))
    usual = float(np.median(kept))
    facts: dict[str, Any] = {}
    if (kept > _GAP * usual).any():
        problems.append("missing-slice")
        wide = [int(i) for i in np.flatnonzero(gaps > _GAP * usual)]
        facts["gaps"] = tuple((i + 1, i + 2, max(1, round(float(gaps[i]) / usual) - 1)) for i in wide)
    elif (np.abs(kept - usual) > _UNEVEN * usual).any():
        problems.append("uneven-spacing")
        facts["steps_mm"] = (round(float(kept.min()), 4), round(float(kept.max()), 4))
    way = points[-1] - points[0]
    depth = float(way @ normal)
    sideways = float(np.linalg.norm(way - normal * depth))
    if sideways > _TILT * depth:
        problems.append("gantry-tilt")
        facts["tilt_degrees"] = round(float(np.degrees(np.arctan2(sideways, depth))), 2)
    along = way / depth  # per mm of depth: leans where the gantry was tilted
    even = not problems or problems == ["gantry-tilt"]
    step = way / (len(points) - 1) if even else along * usual
    return Planes(places, points[0], step, orientation, depths, tuple(problems), facts)
