"""One mask of both lungs → the patient's left and right lung."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy import ndimage

from delineate.measures.frame import Binary, Floats, Frame
from delineate.measures.regions import Region, centroid, components_of, region_of

#: Names of a class that is both lungs in one.
LUNGS = frozenset({"lung", "lungs", "both lungs", "肺", "双肺", "肺部"})
#: The smaller of two lungs is seldom under a third of the larger; what is much smaller is a speck, or the lungs are joined.
SMALLEST = 0.2
#: Lungs that touch have a waist between them: its section is at most this share of the thinner lung's thickest one.
WAIST = 0.5


@dataclass(frozen=True, eq=False)
class Lungs:
    """``left`` and ``right`` are the patient's. ``by``: ``components`` where the lungs are apart, ``midline`` where one plane
    through the waist between them parts them."""

    left: Region
    right: Region
    by: Literal["components", "midline"]


def split_lungs(region: Region, frame: Frame, *, radiological: bool = False) -> Lungs | None:
    """The two lungs of ``region``; ``None`` where the sides are not known or where there are no two.

    Sides come from the patient's right in the affine. Without one, ``radiological`` says that the image is shown as usual (frontal
    X-ray as if facing the patient, axial slices as if from the feet): the image's left is the patient's right.

    Two lungs are the two largest components, if the second has :data:`SMALLEST` of the first's size and they lie beside each
    other; smaller components go to the nearer of their centres. Where all hangs together it is cut across right–left at the waist.
    """
    right = _rightwards(frame, radiological)
    if right is None:
        return None
    parts = components_of(region)
    if len(parts) > 1 and parts[1].count >= SMALLEST * parts[0].count:
        found = _by_components(parts, frame, right)
        if found is not None:
            return _named(region, found, "components")
    cut = _by_waist(region, right)
    return None if cut is None else _named(region, cut, "midline")


def _rightwards(frame: Frame, radiological: bool) -> Floats | None:
    """How far right in the patient one step along each axis goes."""
    if frame.origin is not None:
        return np.asarray(frame.step[0])
    if not radiological:
        return None
    right = np.zeros(frame.axes)
    right[-1] = -frame.lengths[-1]
    return right


def _by_components(parts: list[Region], frame: Frame, right: Floats) -> list[Region] | None:
    """The components of the right lung; ``None`` where the two largest do not lie beside each other."""
    centres = [centroid(part) for part in parts]
    apart = centres[0] - centres[1]
    across = float(right @ apart)
    if abs(across) < 0.5 * float(np.linalg.norm(frame.step @ apart)):  # above or behind each other: not two lungs
        return None
    first_is_right = across > 0
    chosen = []
    for part, centre in zip(parts, centres, strict=True):
        first, second = (float(np.linalg.norm(frame.step @ (centre - other))) for other in centres[:2])
        if (first <= second) == first_is_right:
            chosen.append(part)
    return chosen


def _by_waist(region: Region, right: Floats) -> list[Region] | None:
    """Voxels to the right of the plane across right–left where the section is smallest between two thicker ones."""
    grids = np.meshgrid(*(np.arange(size) for size in region.mask.shape), indexing="ij", sparse=True)
    across = sum((grid * weight for grid, weight in zip(grids, right, strict=True)), start=np.zeros((1,) * region.mask.ndim))
    width = float(np.abs(right).max())
    bins = np.floor((across - across.min()) / width).astype(np.int64)
    sections = np.bincount(np.broadcast_to(bins, region.mask.shape)[region.mask]).astype(np.float64)
    smooth = ndimage.uniform_filter1d(sections, max(1, len(sections) // 20))
    third = len(smooth) // 3
    if third < 1:
        return None
    waist = third + int(smooth[third : len(smooth) - third].argmin())
    sides = smooth[:waist].max(initial=0.0), smooth[waist + 1 :].max(initial=0.0)
    if smooth[waist] > WAIST * min(sides):
        return None
    beyond: Binary = np.asarray(region.mask & (bins > waist))
    found = region_of(beyond, region.corner)
    return None if found is None else [found]


def _named(region: Region, right_parts: list[Region], by: Literal["components", "midline"]) -> Lungs | None:
    whole = np.zeros_like(region.mask)
    for part in right_parts:
        window = tuple(slice(s.start - c, s.stop - c) for s, c in zip(part.window, region.corner, strict=True))
        whole[window] |= part.mask
    right = region_of(whole, region.corner)
    left = region_of(region.mask & ~whole, region.corner)
    return None if left is None or right is None else Lungs(left, right, by)
