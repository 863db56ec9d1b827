"""A mask too large to be held, written as a tiled TIFF while its rows come."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from delineate.formats.atomic import replacing

TILE = 512


def write_tiff_rows(
    path: Path, blocks: Iterable[NDArray[np.uint8]], shape: tuple[int, int], spacing: tuple[float, ...] | None = None
) -> Path:
    """Write (rows, W) uint8 ``blocks``, together ``shape``, as one deflated TIFF of 512² tiles; whole or not at all.

    ``spacing`` (mm) goes into ImageJ-style resolution with the unit micrometre only where it is known. Memory: a row of tiles.
    """
    import tifffile

    height, width = shape
    with (
        replacing(path, path.suffix or ".tif") as temporary,
        tifffile.TiffWriter(temporary, bigtiff=height * width > 1 << 31) as file,
    ):
        resolution = {}
        if spacing is not None:
            resolution = {"resolution": (10 / spacing[1], 10 / spacing[0]), "resolutionunit": "CENTIMETER"}
        file.write(
            _tiles(blocks, shape),
            shape=shape,
            dtype=np.uint8,
            tile=(TILE, TILE),
            photometric="minisblack",
            compression="deflate",
            metadata=None,
            maxworkers=1,
            **resolution,
        )
    return path


def _tiles(blocks: Iterable[NDArray[np.uint8]], shape: tuple[int, int]) -> Iterator[NDArray[np.uint8]]:
    """Row-major tiles; those at the right and lower border are filled with zeros."""
    height, width = shape
    band = np.zeros((TILE, width), np.uint8)
    filled = done = 0
    for block in blocks:
        start = 0
        while start < len(block):
            step = min(TILE - filled, len(block) - start)
            band[filled : filled + step] = block[start : start + step]
            filled, start, done = filled + step, start + step, done + step
            if filled == TILE or done == height:
                band[filled:] = 0
                for left in range(0, width, TILE):
                    tile = np.zeros((TILE, TILE), np.uint8)
                    part = band[:, left : left + TILE]
                    tile[:, : part.shape[1]] = part
                    yield tile
                filled = 0
    if done != height:
        raise ValueError(f"{done} of {height} rows were given")
