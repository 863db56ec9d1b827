"""Planes larger than the network's working side: overlapping tiles, blended without seams, in bounded memory."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Plane = NDArray[np.float32]

_FLOOR = 1e-6  # weights stay positive, so that a pixel seen by one tile only is still defined


def tile_starts(length: int, tile: int, overlap: float) -> list[int]:
    """First pixels of tiles along an axis: evenly stepped, the last one shifted inward so that it ends with the axis."""
    if length <= tile:
        return [0]
    step = max(1, round(tile * (1 - overlap)))
    return [*range(0, length - tile, step), length - tile]


def tile_weights(tile: int, overlap: float) -> NDArray[np.float64]:
    """Weight of a tile's pixels along an axis: a linear ramp over the overlap, nothing of its outermost eighth, where a network
    sees beyond the tile's border and is least sure, and full weight inside."""
    width = max(1.0, tile * overlap)
    margin = width / 8
    inward = np.minimum(np.arange(tile), np.arange(tile)[::-1]) + 0.5
    return np.asarray(np.clip((inward - margin) / max(width - 2 * margin, 1.0), _FLOOR, 1.0))


def predict_tiled(
    plane: Plane, run: Callable[[Plane], Plane], result: Plane, tile: tuple[int, int], overlap: float, batch: int = 1
) -> None:
    """(C, H, W) → logits, written into ``result`` (channels, H, W).

    ``run`` maps (B, C, *tile) to (B, channels, *tile). Tiles of one row are blended into a band, bands into the plane; each step
    moves the value already there towards the new one (``old + share · (new - old)``) with weights per axis, which is the weighted
    mean of all tiles and gives back a constant exactly. Beside the result only one band is held.
    """
    channels, height, width = result.shape
    result[:] = 0
    rows, columns = tile_starts(height, tile[0], overlap), tile_starts(width, tile[1], overlap)
    down, across = _shares(rows, tile[0], height, overlap), _shares(columns, tile[1], width, overlap)
    tall = min(tile[0], height)
    band = np.empty((channels, tall, width), dtype=np.float32)
    for top, down_share in zip(rows, down, strict=True):
        band[:] = 0
        for first in range(0, len(columns), batch):
            some = columns[first : first + batch]
            tiles = np.stack([_cut(plane, top, left, tile) for left in some])
            for left, share, logits in zip(some, across[first : first + batch], run(tiles), strict=True):
                part = band[:, :, left : left + tile[1]]
                part += share * (logits[:, : part.shape[1], : part.shape[2]] - part)
        part = result[:, top : top + tall]
        part += down_share[:, np.newaxis] * (band - part)


def _shares(starts: list[int], tile: int, length: int, overlap: float) -> list[NDArray[np.float32]]:
    """Per tile and pixel: its weight over the sum of weights up to and including it (1 where it is the first)."""
    weights = tile_weights(tile, overlap)[: min(tile, length)]
    total = np.zeros(length)
    shares = []
    for start in starts:
        window = total[start : start + len(weights)]
        window += weights
        shares.append((weights / window).astype(np.float32))
    return shares


def _cut(plane: Plane, top: int, left: int, tile: tuple[int, int]) -> Plane:
    part = plane[:, top : top + tile[0], left : left + tile[1]]
    missing = (tile[0] - part.shape[1], tile[1] - part.shape[2])
    if any(missing):
        part = np.pad(part, ((0, 0), (0, missing[0]), (0, missing[1])), mode="edge")
    return part
