"""Results back onto the image's own grid.

What is restored are *probabilities*: a network's logits are first activated, then resampled, then thresholded. Interpolated
probabilities are the expected share of a class in a pixel and stay in 0…1, cropped-away parts are simply 0, and the border
between two confident pixels lies half-way, whereas interpolated logits shift it towards the less confident one.
"""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from delineate.preprocessing.resize import resize
from delineate.preprocessing.trail import Trail

T = TypeVar("T", bound=np.generic)


def restore(planes: NDArray[np.floating[Any]], trail: Trail, fill: float = 0.0) -> NDArray[np.float32]:
    """(N, K, h, w) → (K, *original shape) float32: un-letterbox, resize, un-crop with ``fill``, undo the axes."""
    return assemble(restore_slices(planes, trail, fill), trail)


def restore_slices(planes: NDArray[np.floating[Any]], trail: Trail, fill: float = 0.0) -> NDArray[np.float32]:
    """(n, K, h, w), any of the trail's planes → (K, n, H, W) in plane order, for volumes that are restored piece by piece."""
    if planes.ndim != 4 or planes.shape[2:] != trail.size:
        raise ValueError(f"'planes' must be (n, K, {trail.size[0]}, {trail.size[1]}), got {planes.shape}")
    y0, x0, y1, x1 = trail.window
    top, left, bottom, right = trail.box
    if trail.window == (0, 0, *trail.plane) == trail.box and trail.size == trail.plane:
        return np.asarray(planes.transpose(1, 0, 2, 3), dtype=np.float32)  # nothing was resized: no copy
    out = np.full((planes.shape[1], planes.shape[0], *trail.plane), fill, dtype=np.float32)
    for number, plane in enumerate(planes):
        inner = np.asarray(plane[:, y0:y1, x0:x1], dtype=np.float32)
        out[:, number, top:bottom, left:right] = resize(inner, (bottom - top, right - left))
    return out


def assemble(slices: NDArray[T], trail: Trail) -> NDArray[T]:
    """(K, N, H, W) in plane order → (K, *original shape): the image's own axes again. Any dtype (labels, probabilities)."""
    if slices.shape[1:] != (trail.planes, *trail.plane):
        raise ValueError(f"'slices' must be (K, {trail.planes}, {trail.plane[0]}, {trail.plane[1]}), got {slices.shape}")
    if not trail.volumetric:
        return slices[:, 0]
    return np.ascontiguousarray(trail.axes.inverse().apply(slices, leading=1))
