"""Planes larger than the network's working side: overlapping tiles, blended without seams, in bounded memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Plane = NDArray[np.float32]
Blend = Literal["linear", "gaussian"]
BLENDS: tuple[Blend, ...] = ("linear", "gaussian")

_FLOOR = 1e-6  # weights stay positive, so that a pixel seen by one tile only is still defined


def tile_starts(length: int, tile: int, overlap: float) -> list[int]:
    """First pixels of tiles along an axis: evenly stepped, the last one shifted inward so that it ends with the axis."""
    if length <= tile:
        return [0]
    step = max(1, round(tile * (1 - overlap)))
    return [*range(0, length - tile, step), length - tile]


def tile_weights(tile: int, overlap: float, blend: Blend = "linear") -> NDArray[np.float64]:
    """Weight of a tile's pixels along an axis.

    ``linear``: a ramp over the overlap, nothing of its outermost eighth, where a network sees beyond the tile's border and is
    least sure, and full weight inside. ``gaussian``: a bell with a deviation of an eighth of the tile, as nnU-Net has it
    (Isensee et al. 2021, doi:10.1038/s41592-020-01008-z).
    """
    if blend == "gaussian":
        away = (np.arange(tile) - (tile - 1) / 2) / (tile / 8)
        return np.asarray(np.maximum(np.exp(-0.5 * away**2), _FLOOR))
    width = max(1.0, tile * overlap)
    margin = width / 8
    inward = np.minimum(np.arange(tile), np.arange(tile)[::-1]) + 0.5
    return np.asarray(np.clip((inward - margin) / max(width - 2 * margin, 1.0), _FLOOR, 1.0))


def predict_tiled(
    plane: Plane,
    run: Callable[[Plane], Plane],
    result: Plane,
    tile: tuple[int, int],
    overlap: float,
    batch: int = 1,
    blend: Blend = "linear",
) -> None:
    """(C, H, W) → logits, written into ``result`` (channels, H, W). ``run`` maps (B, C, *tile) to (B, channels, *tile).

    Beside the result one band is held, as high as a tile.
    """
    at = 0
    for block in tiled_rows([plane], plane.shape[1:], run, result.shape[0], tile, overlap, batch, blend):
        result[:, at : at + block.shape[1]] = block
        at += block.shape[1]


def tiled_rows(
    blocks: Iterable[Plane],
    size: tuple[int, ...],
    run: Callable[[Plane], Plane],
    channels: int,
    tile: tuple[int, int],
    overlap: float,
    batch: int = 1,
    blend: Blend = "linear",
) -> Iterator[Plane]:
    """Blocks (C, n, W) of a plane's rows, together ``size`` → blocks (channels, n, W) of its logits, as soon as they are final.

    Tiles of one row are blended into a band, bands into the plane; each step moves the value already there towards the new one
    (``old + share · (new - old)``) with weights per axis, which is the weighted mean of all tiles and gives back a constant
    exactly. Held are the rows that tiles of the current row still need, and one band of logits.
    """
    height, width = size
    rows, columns = tile_starts(height, tile[0], overlap), tile_starts(width, tile[1], overlap)
    down, across = _shares(rows, tile[0], height, overlap, blend), _shares(columns, tile[1], width, overlap, blend)
    tall = min(tile[0], height)
    source = _Window(iter(blocks), height)
    band = np.empty((channels, tall, width), dtype=np.float32)
    open_rows = np.zeros((channels, tall, width), dtype=np.float32)  # of the current row of tiles; some are final, some not
    for number, (top, down_share) in enumerate(zip(rows, down, strict=True)):
        held = source.rows(top, top + tall)
        band[:] = 0
        for first in range(0, len(columns), batch):
            some = columns[first : first + batch]
            tiles = np.stack([_cut(held, 0, left, tile) for left in some])
            for left, share, logits in zip(some, across[first : first + batch], run(tiles), strict=True):
                part = band[:, :, left : left + tile[1]]
                part += share * (logits[:, : part.shape[1], : part.shape[2]] - part)
        open_rows += down_share[:, np.newaxis] * (band - open_rows)
        final = (rows[number + 1] if number + 1 < len(rows) else height) - top
        yield open_rows[:, :final].copy()
        if final < tall:
            open_rows[:, : tall - final] = open_rows[:, final:].copy()
        open_rows[:, tall - final :] = 0


class _Window:
    """The rows of a stream that are needed now; those above the last request are let go."""

    def __init__(self, blocks: Iterator[Plane], height: int) -> None:
        self._blocks, self._height = blocks, height
        self._held: list[Plane] = []
        self._top = self._bottom = 0

    def rows(self, top: int, bottom: int) -> Plane:
        while self._bottom < bottom:
            block = next(self._blocks, None)
            if block is None:
                raise ValueError(f"{self._bottom} of {self._height} rows were given")
            self._held.append(block)
            self._bottom += block.shape[1]
        while self._held and self._top + self._held[0].shape[1] <= top:
            self._top += self._held.pop(0).shape[1]
        self._held[0] = self._held[0][:, top - self._top :]
        held = self._held[0] if len(self._held) == 1 else np.concatenate(self._held, axis=1)
        self._held, self._top = [held], top
        return held[:, : bottom - top]


def _shares(starts: list[int], tile: int, length: int, overlap: float, blend: Blend) -> list[NDArray[np.float32]]:
    """Per tile and pixel: its weight over the sum of weights up to and including it (1 where it is the first)."""
    weights = tile_weights(tile, overlap, blend)[: min(tile, length)]
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
