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

SAME_PICTURE = 0.95
"""Least correlation of two high-passed thumbnails of one picture. JPEG at quality 50, re-scaling to 70 % and brightening stay above
it in nearly all real images tried; two persons reach 0.85 in brain MR and chest X-rays and 0.91 in fundus photographs."""

SIDE = 64
MAX_PAIRS = 1_000_000


def hash_pairs(hashes: NDArray[np.uint64], owners: NDArray[np.integer], block: int = 1024) -> tuple[NDArray[np.int64], int]:
    """Pairs of different owners whose 64-bit hashes differ in at most :data:`HASH_DISTANCE` bits.

    Bits are compared as a product of ±1 vectors, so that 20,000 pictures take about a second.

    Returns
    -------
    (n, 2) indices i < j, nearest first, at most :data:`MAX_PAIRS`; and how many pairs beyond that were left out.
    """
    bits = np.unpackbits(np.asarray(hashes, dtype=np.uint64).view(np.uint8).reshape(len(hashes), 8), axis=1)
    signs = bits.astype(np.float32) * 2 - 1
    found = np.zeros((0, 3), np.int64)
    dropped = 0
    for start in range(0, len(signs), block):
        distance = (64 - signs[start : start + block] @ signs[start:].T) / 2
        rows, columns = np.nonzero(distance <= HASH_DISTANCE)
        near = (columns > rows) & (owners[start + rows] != owners[start + columns])
        rows, columns = rows[near], columns[near]
        new = np.stack([distance[rows, columns].astype(np.int64), start + rows, start + columns], axis=1)
        found = np.concatenate([found, new])
        found = found[np.lexsort(found.T[::-1])]
        dropped += max(0, len(found) - MAX_PAIRS)
        found = found[:MAX_PAIRS]
    return found[:, 1:], dropped


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


def likeness(first: NDArray[np.float32], second: NDArray[np.float32]) -> NDArray[np.float32]:
    """Correlation, −1 … 1, of each of two lists (n, SIDE, SIDE) of thumbnails."""
    return np.asarray(np.einsum("nij,nij->n", first, second), np.float32)
