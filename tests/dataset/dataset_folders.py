"""Pictures and arrays on disk, written with the plainest means."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image


def write(path: Path, array: Any, palette: Sequence[int] | None = None) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".npy":
        np.save(path, array)
        return path
    image = PIL.Image.fromarray(np.asarray(array))
    if palette is not None:
        image.putpalette(list(palette))
    image.save(path)
    return path


def disc(size: int = 32, radius: float = 8, value: int = 1, row: float | None = None, column: float | None = None) -> Any:
    rows, columns = np.mgrid[:size, :size]
    row, column = (size / 2 if row is None else row), (size / 2 if column is None else column)
    return (((rows - row) ** 2 + (columns - column) ** 2 <= radius**2) * value).astype(np.uint8)
