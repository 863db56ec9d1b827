"""Where a tool works: boolean arrays of a plane, with the place of their first pixel. Pure functions; nothing is changed here.

Radii are in units of the frame's ``scale`` (the finest axis' pixels), so that a brush is round in the patient.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from delineate.editing.planes import Frame

Point = tuple[float, float]


@dataclass(frozen=True, eq=False)
class Stamp:
    """Pixels of a plane: ``mask`` (h, w) with its first pixel at ``origin`` (v, u)."""

    origin: tuple[int, int]
    mask: NDArray[np.bool_]

    @property
    def area(self) -> int:
        return int(np.count_nonzero(self.mask))


def stroke(frame: Frame, points: Sequence[Point], radius: float) -> Stamp | None:
    """All pixels whose middle is at most ``radius`` from the line through ``points``; ``None`` outside of the image."""
    (sv, su), (height, width) = frame.scale, frame.shape
    vs, us = [v for v, _ in points], [u for _, u in points]
    v0, v1 = max(0, math.ceil(min(vs) - radius / sv)), min(height - 1, math.floor(max(vs) + radius / sv))
    u0, u1 = max(0, math.ceil(min(us) - radius / su)), min(width - 1, math.floor(max(us) + radius / su))
    if v0 > v1 or u0 > u1:
        return None
    v = (np.arange(v0, v1 + 1, dtype=np.float32) * np.float32(sv))[:, None]
    u = (np.arange(u0, u1 + 1, dtype=np.float32) * np.float32(su))[None]
    mask = np.zeros((v1 - v0 + 1, u1 - u0 + 1), np.bool_)
    starts = points[:-1] if len(points) > 1 else points
    ends = points[1:] if len(points) > 1 else points
    for (av, au), (bv, bu) in zip(starts, ends, strict=True):
        dv, du = (bv - av) * sv, (bu - au) * su
        length = dv * dv + du * du
        along = ((v - av * sv) * dv + (u - au * su) * du) / length if length > 0 else np.float32(0)
        along = np.clip(along, 0, 1)
        mask |= (v - av * sv - along * dv) ** 2 + (u - au * su - along * du) ** 2 <= radius * radius * (1 + 1e-6)
    return Stamp((v0, u0), mask)


def polygon(frame: Frame, points: Sequence[Point]) -> Stamp | None:
    """All pixels whose middle lies in the closed polygon (even-odd rule); a lasso is a polygon of many points."""
    if len(points) < 3:
        return None
    (height, width), corners = frame.shape, np.asarray(points, np.float64)
    v0, u0 = (max(0, math.floor(value)) for value in corners.min(axis=0))
    v1, u1 = (min(n - 1, math.ceil(value)) for n, value in zip((height, width), corners.max(axis=0), strict=True))
    if v0 > v1 or u0 > u1:
        return None
    columns = np.arange(u0, u1 + 1, dtype=np.float64)
    crossings = np.zeros((v1 - v0 + 1, u1 - u0 + 2), np.int32)
    for (av, au), (bv, bu) in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        if av == bv:
            continue
        first, last = max(v0, math.ceil(min(av, bv))), min(v1, math.ceil(max(av, bv)) - 1)
        if first > last:
            continue
        rows = np.arange(first, last + 1)
        at = np.searchsorted(columns, au + (rows - av) * (bu - au) / (bv - av), side="left")
        np.add.at(crossings, (rows - v0, at), 1)
    mask = (np.cumsum(crossings, axis=1)[:, :-1] % 2).astype(np.bool_)
    return Stamp((v0, u0), mask) if mask.any() else None


def flood(pixels: NDArray[Any], seed: tuple[int, int], tolerance: float) -> Stamp:
    """The 4-connected pixels around ``seed`` whose values, in every channel, differ from the seed's by at most ``tolerance``.

    ``pixels`` is a slice (C, V, U).
    """
    start = pixels[:, seed[0], seed[1]].astype(np.float64)
    alike = np.ones(pixels.shape[1:], np.bool_)
    for channel, value in zip(pixels, start, strict=True):
        alike &= (channel >= value - tolerance) & (channel <= value + tolerance)
    alike[seed] = True
    return _around(alike, seed)


def smart_stroke(
    frame: Frame, pixels: NDArray[Any], points: Sequence[Point], radius: float, strictness: float = 2.0
) -> Stamp | None:
    """A stroke that stops at edges: within the brush only what is connected with its middle line and looks like it.

    The values under the line's middle (a third of the radius) give mean and spread of every channel; pixels within ``strictness``
    spreads that are 4-connected with the line belong to it. The spread is at least a twentieth of the values' range in the
    brush, so that an even region is not refused for its noise. Region growing after Adams & Bischof (1994), bounded by the brush.
    """
    brush = stroke(frame, points, radius)
    if brush is None:
        return None
    core = stroke(frame, points, max(radius / 3, 0.5 * max(frame.scale)))
    if core is None:
        return None
    (v, u), (h, w) = brush.origin, brush.mask.shape
    window = pixels[:, v : v + h, u : u + w].astype(np.float32)
    middle = np.zeros_like(brush.mask)
    dv, du = core.origin[0] - v, core.origin[1] - u
    inner = core.mask[: h - dv, : w - du]
    middle[dv : dv + inner.shape[0], du : du + inner.shape[1]] = inner
    middle &= brush.mask
    if not middle.any():
        return None
    alike = brush.mask.copy()
    for channel in window:
        seeds, all_ = channel[middle], channel[brush.mask]
        centre = float(np.median(seeds))
        spread = max(1.4826 * float(np.median(np.abs(seeds - centre))), float(np.ptp(all_)) / 20)
        alike &= np.abs(channel - centre) <= strictness * spread
    numbers, _ = ndimage.label(alike)
    wanted = np.unique(numbers[middle & alike])
    mask = np.isin(numbers, wanted[wanted > 0])
    return Stamp(brush.origin, mask) if mask.any() else None


def _around(where: NDArray[np.bool_], seed: tuple[int, int]) -> Stamp:
    """The 4-connected component of ``where`` with ``seed``, cut out."""
    plane = where.astype(np.uint8)
    _, _, _, box = cv2.floodFill(plane, None, (seed[1], seed[0]), 2, flags=4)
    u, v, width, height = box
    return Stamp((v, u), plane[v : v + height, u : u + width] == 2)
