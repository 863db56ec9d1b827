"""A small picture of an image, for lists: the middle slice with the window that suits it. Meant for a thread of its own."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from delineate.errors import DelineateError
from delineate.formats import find_series, read_header, read_image

#: Pixel values of an image that is still read for its thumbnail; a larger one has none.
MOST_VALUES = 60_000_000


def thumbnail(path: Path, side: int = 64, *, index: int | None = None, item: str | None = None) -> NDArray[np.uint8] | None:
    """(rows, columns, 3) uint8 with the longer side ``side``; ``None`` where the image cannot be read or is too large for that."""
    try:
        plane = _plane(path, index, item)
    except DelineateError:
        return None
    if plane is None or not plane.size:
        return None
    values = np.nan_to_num(plane.astype(np.float32))
    rows, columns = values.shape[1:]
    scale = side / max(rows, columns)
    size = max(1, round(columns * scale)), max(1, round(rows * scale))
    channels = values[:3] if values.shape[0] >= 3 else values[:1]
    small = [cv2.resize(one, size, interpolation=cv2.INTER_AREA) for one in channels]
    picture = np.stack(small, axis=-1)
    low, high = (0.0, 255.0) if plane.dtype == np.uint8 and len(small) == 3 else np.percentile(picture, (1, 99.5))
    picture = np.clip((picture - low) / max(float(high - low), 1e-6), 0, 1) * 255
    return np.ascontiguousarray(np.repeat(picture, 3, axis=-1) if len(small) == 1 else picture, dtype=np.uint8)


def _plane(path: Path, index: int | None, item: str | None) -> NDArray[np.generic] | None:
    """(channels, rows, columns)."""
    if path.is_dir():
        series = find_series(path)
        files = next((one.files for one in series if item in (None, one.uid)), ())
        if not files:
            return None
        path, item = files[len(files) // 2], None
    header = read_header(path)
    if index is None and int(np.prod(header.shape)) * header.channels > MOST_VALUES:
        return None
    pixels = read_image(path, index=index, item=item).pixels
    return pixels if pixels.ndim == 3 else pixels[:, pixels.shape[1] // 2]
