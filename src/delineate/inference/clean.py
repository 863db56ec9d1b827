"""Clean-up of predicted masks: explicit, chosen on validation cases, recorded in the model file.

Components are connected over corners too (8 neighbours in 2-D, 26 in 3-D); a hole is background that does not reach the border
of the image over edges (4 / 6 neighbours).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from delineate.domain import LabelSet
from delineate.recipe import Clean
from delineate.registry import Registry

Binary = NDArray[np.bool_]
Postprocessor = Callable[[Binary, Any], Binary]

postprocessors: Registry[Postprocessor] = Registry("postprocessor")
"""Name of a :class:`Clean` option → (mask, option's value) → new mask; run in the order of registration."""


@postprocessors.register("largest")
def keep_largest(mask: Binary, wanted: bool = True) -> Binary:
    """Only the largest component; of equal ones the first in array order."""
    components, sizes = _components(mask, corners=True)
    return mask if not wanted or len(sizes) <= 2 else np.asarray(components == 1 + int(sizes[1:].argmax()))


@postprocessors.register("min_pixels")
def drop_small(mask: Binary, fewest: int) -> Binary:
    """Without components of fewer than ``fewest`` pixels."""
    components, sizes = _components(mask, corners=True)
    keep = sizes >= fewest
    keep[0] = False
    return mask if keep[1:].all() else np.asarray(keep[components])


@postprocessors.register("fill_holes")
def fill_holes(mask: Binary, wanted: bool = True) -> Binary:
    """Enclosed background becomes foreground; in a volume it must be enclosed on all sides."""
    if not wanted:
        return mask
    background, sizes = _components(~mask, corners=False)
    hole = np.ones(len(sizes), dtype=bool)
    for axis in range(mask.ndim):
        for end in (0, -1):
            hole[np.unique(background.take(end, axis=axis))] = False
    hole[0] = False
    return mask | hole[background]


def clean_mask(mask: Binary, options: Clean) -> Binary:
    """``options`` applied to one class on its whole 2-D or 3-D grid."""
    if options == Clean() or not mask.any():
        return mask
    window = tuple(slice(int(where[0]), int(where[-1]) + 1) for where in _extents(mask))  # all that can change lies within
    part = mask[window]
    for name in postprocessors.names():
        value = getattr(options, name, None)
        if value:
            part = postprocessors.get(name)(part, value)
    result = np.zeros_like(mask)
    result[window] = part
    return result


def clean_labels(labels: NDArray[np.uint8], label_set: LabelSet, options: Sequence[Clean]) -> NDArray[np.uint8]:
    """Each class cleaned by its own options: (*shape) labels, or (K, *shape) for regions.

    What is dropped becomes background; filled holes never overwrite another class.
    """
    if all(option == Clean() for option in options):
        return labels
    result: NDArray[np.uint8] = np.array(labels, dtype=np.uint8)
    for label, option in enumerate(options, start=1):
        if option == Clean():
            continue
        before = label_set.one_class(labels, label)
        after = clean_mask(before, option)
        if label_set.kind == "regions":
            result[label - 1] = after
        else:
            result[before & ~after] = 0
            result[after & (result == 0)] = label
    return result


def _extents(mask: Binary) -> list[NDArray[np.intp]]:
    axes = range(mask.ndim)
    return [np.flatnonzero(np.any(mask, axis=tuple(other for other in axes if other != axis))) for axis in axes]


def _components(mask: Binary, corners: bool) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Component number per pixel (0: not in the mask) and pixels per number."""
    if mask.ndim == 2:
        import cv2

        count, found = cv2.connectedComponents(np.ascontiguousarray(mask, dtype=np.uint8), connectivity=8 if corners else 4)
    else:
        from scipy import ndimage  # late: takes a third of a second, and only volumes need it

        found, count = ndimage.label(mask, structure=np.ones((3, 3, 3)) if corners else None)
        count += 1
    return np.asarray(found), np.bincount(np.asarray(found).ravel(), minlength=count)
