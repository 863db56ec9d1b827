"""How alike two pictures are, on small versions of them.

Candidates come from the difference hash (N. Krawetz, "Kind of Like That", 2013); they are confirmed by the correlation of
high-passed thumbnails. Without the high pass two different brains (or chests) correlate at 0.9 and more, since the body's outline
is the same; their fine structure is not.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

HASH_DISTANCE = 6
"""Bits out of 64 in which the hashes of two candidates may differ."""

SAME_PICTURE = 0.9
"""Least correlation of two high-passed thumbnails of one picture. Re-compressing or re-scaling by a third stays above it;
pictures of two persons in the reference data sets stay below 0.75."""

SIDE = 64
MAX_PAIRS = 20_000


def hash_pairs(hashes: NDArray[np.uint64], owners: NDArray[np.integer], block: int = 1024) -> list[tuple[int, int]]:
    """Index pairs (i < j) of different owners whose 64-bit hashes differ in at most :data:`HASH_DISTANCE` bits, nearest first.

    Bits are compared as a product of ±1 vectors, so that 20,000 pictures take about a second. At most :data:`MAX_PAIRS`.
    """
    bits = np.unpackbits(np.asarray(hashes, dtype=np.uint64).view(np.uint8).reshape(len(hashes), 8), axis=1)
    signs = bits.astype(np.float32) * 2 - 1
    found: list[tuple[int, int, int]] = []
    for start in range(0, len(signs), block):
        distance = (64 - signs[start : start + block] @ signs[start:].T) / 2
        rows, columns = np.nonzero(distance <= HASH_DISTANCE)
        near = (columns > rows) & (owners[start + rows] != owners[start + columns])
        rows, columns = rows[near], columns[near]
        found += zip(distance[rows, columns].astype(int).tolist(), (start + rows).tolist(), (start + columns).tolist(), strict=True)
        if len(found) > 4 * MAX_PAIRS:
            found = sorted(found)[:MAX_PAIRS]
    return [(i, j) for _, i, j in sorted(found)[:MAX_PAIRS]]


def thumbnail(pixels: NDArray[Any]) -> NDArray[np.float32] | None:
    """(C, …, rows, columns) → high-passed (SIDE, SIDE) of the middle plane with mean 0 and norm 1; ``None`` without content."""
    plane = pixels if pixels.ndim == 3 else pixels[:, pixels.shape[1] // 2]
    grey = np.nan_to_num(plane.astype(np.float32).mean(axis=0), nan=0.0, posinf=0.0, neginf=0.0)
    low, high = np.percentile(grey, [1, 99])
    if high <= low:
        return None
    grey = np.clip((grey - low) / (high - low), 0, 1).astype(np.float32)
    small = cv2.resize(grey, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    fine = small - cv2.GaussianBlur(small, (0, 0), 3)
    fine -= fine.mean()
    size = float(np.linalg.norm(fine))
    return None if size < 0.5 else np.asarray(fine / size, np.float32)


def likeness(first: NDArray[np.float32], second: NDArray[np.float32]) -> float:
    """Correlation of two thumbnails, −1 … 1."""
    return float((first * second).sum())
