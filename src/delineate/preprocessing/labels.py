"""Truth labels onto the planes' grid."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from delineate.domain import IGNORE, LabelSet
from delineate.preprocessing.resize import resize
from delineate.preprocessing.trail import Trail

_HALF = 0.5 - 1e-4  # half coverage counts, also after rounding: a 1-pixel line survives halving


def prepare_labels(labels: NDArray[Any], trail: Trail, label_set: LabelSet) -> NDArray[np.uint8]:
    """Labels on the image's grid → (N, h, w) uint8, or (N, K, h, w) of 0/1 for regions.

    Each class is resampled as a share of area and the largest share wins (one class: at least half), ties going to the class, not
    to background. :data:`IGNORE` is carried by nearest neighbour; letterbox padding is background.

    Parameters
    ----------
    labels
        Integers of the image's spatial shape, for regions (K, *shape).
    """
    regions = label_set.kind == "regions"
    if labels.shape[int(regions) :] != trail.geometry.shape or (regions and labels.shape[0] != label_set.classes):
        raise ValueError(f"'labels' must be of shape {trail.geometry.shape}, got {labels.shape}")
    moved = trail.axes.apply(labels, leading=int(regions))
    if not trail.volumetric:
        moved = moved[..., np.newaxis, :, :]
    shape = (trail.planes, *((label_set.classes,) if regions else ()), *trail.size)
    out = np.zeros(shape, dtype=np.uint8)
    top, left, bottom, right = trail.box
    y0, x0, y1, x1 = trail.window
    size = (y1 - y0, x1 - x0)
    for number in range(trail.planes):
        plane = moved[..., number, top:bottom, left:right]
        out[number, ..., y0:y1, x0:x1] = _regions(plane, size) if regions else _labels(plane, size, label_set.classes)
    return out


def _labels(plane: NDArray[Any], size: tuple[int, int], classes: int) -> NDArray[np.uint8]:
    if plane.shape == size:
        return plane.astype(np.uint8)
    present = [label for label in range(1, classes + 1) if (plane == label).any()]
    result = np.zeros(size, dtype=np.uint8)
    if present:
        shares = resize(np.stack([plane == label for label in present]).astype(np.float32), size)
        if len(present) == 1:
            result[shares[0] >= _HALF] = present[0]
        else:
            ignored = resize((plane == IGNORE)[np.newaxis].astype(np.float32), size)[0]
            background = 1.0 - shares.sum(axis=0) - ignored
            best = shares.argmax(axis=0)
            wins = np.take_along_axis(shares, best[np.newaxis], axis=0)[0] >= background - 1e-4
            result[wins] = np.asarray(present, dtype=np.uint8)[best[wins]]
    result[_nearest(plane == IGNORE, size)] = IGNORE
    return result


def _regions(plane: NDArray[Any], size: tuple[int, int]) -> NDArray[np.uint8]:
    if plane.shape[1:] == size:
        return plane.astype(np.uint8)
    result = (resize((plane == 1).astype(np.float32), size) >= _HALF).astype(np.uint8)
    for one, source in zip(result, plane, strict=True):
        one[_nearest(source == IGNORE, size)] = IGNORE
    return result


def _nearest(plane: NDArray[np.bool_], size: tuple[int, int]) -> NDArray[np.bool_]:
    rows = np.minimum(((np.arange(size[0]) + 0.5) * plane.shape[0] / size[0]).astype(np.intp), plane.shape[0] - 1)
    columns = np.minimum(((np.arange(size[1]) + 0.5) * plane.shape[1] / size[1]).astype(np.intp), plane.shape[1] - 1)
    return np.asarray(plane[np.ix_(rows, columns)])
