"""Resizing of (C, h, w) float arrays: area averaging where an axis shrinks, linear interpolation where it grows."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_GROUP = 4  # OpenCV is sure to handle up to four interleaved channels
_ONE_PASS = 256  # pixels averaged into one


def resize(plane: NDArray[np.float32], size: tuple[int, int]) -> NDArray[np.float32]:
    """(C, h, w) → (C, *size), pixel areas aligned (half-pixel centres), edges replicated.

    Area averaging when shrinking sees every pixel, so thin structures fade instead of breaking up; linear when growing cannot
    overshoot (cubic can). An axis that shrinks and one that grows are treated one after the other. Constant in, constant out.
    """
    height, width = plane.shape[1:]
    if (height, width) == size:
        return plane
    mixed = (size[0] < height and size[1] > width) or (size[0] > height and size[1] < width)
    if mixed or height * width > _ONE_PASS * size[0] * size[1]:  # OpenCV's float sums over many pixels lose digits
        return _resize(_resize(plane, (size[0], width)), size)
    return _resize(plane, size)


def _resize(plane: NDArray[np.float32], size: tuple[int, int]) -> NDArray[np.float32]:
    import cv2  # late: prediction of an already fitting image starts faster without

    shrinking = size[0] < plane.shape[1] or size[1] < plane.shape[2]
    how = cv2.INTER_AREA if shrinking else cv2.INTER_LINEAR
    out = np.empty((plane.shape[0], *size), dtype=np.float32)
    for start in range(0, plane.shape[0], _GROUP):
        group = np.ascontiguousarray(plane[start : start + _GROUP].transpose(1, 2, 0), dtype=np.float32)
        done = cv2.resize(group, (size[1], size[0]), interpolation=how)
        out[start : start + _GROUP] = done[np.newaxis] if done.ndim == 2 else done.transpose(2, 0, 1)
    return out
