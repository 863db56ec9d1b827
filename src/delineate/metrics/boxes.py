"""The part of two masks that there is anything in: nothing of either lies outside, so what is measured inside is exact."""

from __future__ import annotations

import numpy as np

from delineate.metrics.overlap import Mask


def joint_box(p: Mask, t: Mask) -> tuple[slice, ...] | None:
    """Bounding box of both together; ``None`` where both are empty."""
    union = p | t
    box = []
    for axis in range(union.ndim):
        rest = tuple(other for other in range(union.ndim) if other != axis)
        used = np.flatnonzero(union.any(axis=rest))
        if used.size == 0:
            return None
        box.append(slice(int(used[0]), int(used[-1]) + 1))
    return tuple(box)
