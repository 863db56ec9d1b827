"""Pictures of a few validation planes after each epoch, as files: what a window shows while a network learns.

``<run>/examples/step_000120.jpg``: the planes side by side, the true outline green, the predicted one red. A few kilobytes each.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from delineate.formats.atomic import replacing

FOLDER = "examples"
SIDE = 240  # pixels of the longer side of one plane
_GAP = 4


def write_example(run_folder: Path, pictures: Sequence[NDArray[np.float32]], step: int) -> Path | None:
    """Write ``pictures`` ((3, h, w) of 0…1) side by side; ``None`` where there are none. Raises ResourceError."""
    if not pictures:
        return None
    tiles = [_tile(picture) for picture in pictures]
    height, width = max(tile.shape[0] for tile in tiles), sum(tile.shape[1] + _GAP for tile in tiles) - _GAP
    sheet = np.zeros((height, width, 3), np.uint8)
    left = 0
    for tile in tiles:
        sheet[: tile.shape[0], left : left + tile.shape[1]] = tile
        left += tile.shape[1] + _GAP
    path = run_folder / FOLDER / f"step_{step:06d}.jpg"
    encoded = cv2.imencode(".jpg", sheet[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 88])[1].tobytes()
    with replacing(path, ".jpg") as temporary:
        temporary.write_bytes(encoded)
    return path


def _tile(picture: NDArray[np.float32]) -> NDArray[np.uint8]:
    """(3, h, w) → (rows, columns, 3) with the longer side :data:`SIDE`; small planes are enlarged without smoothing, for the
    outlines are a pixel wide."""
    rows, columns = picture.shape[1:]
    scale = SIDE / max(rows, columns)
    size = max(1, round(columns * scale)), max(1, round(rows * scale))
    shown = (np.clip(np.moveaxis(picture, 0, -1), 0, 1) * 255).astype(np.uint8)
    how = cv2.INTER_NEAREST if scale >= 1 else cv2.INTER_AREA
    return np.asarray(cv2.resize(np.ascontiguousarray(shown), size, interpolation=how), np.uint8)
