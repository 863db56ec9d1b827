"""Pixels with their geometry, and masks with their meaning."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from delineate.domain.geometry import Geometry


@dataclass(frozen=True, eq=False)
class Image:
    """An image as read.

    Attributes
    ----------
    pixels
        (C, rows, columns) or (C, slices, rows, columns), the file's own number type; channels first, always there.
    geometry
        Grid of the spatial axes.
    path
        The file (or, for a DICOM series, the folder) it came from; ``None`` for arrays made in memory.
    format
        Name of the format that read it, e.g. ``"tiff"``.
    colour
        What the channels mean: ``"grey"``, ``"rgb"`` or ``"channels"`` (anything else). An alpha channel is dropped by
        the reader where it is opaque or meaningless, palettes are expanded.
    meta
        Facts a writer or a person may need (``{"mode": "P", "modality": "CT", "inverted": True, …}``). Never names or
        identifiers of a patient.
    """

    pixels: NDArray[Any]
    geometry: Geometry
    path: Path | None = None
    format: str = "array"
    colour: str = "channels"
    meta: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.pixels.shape[1:] != self.geometry.shape:
            raise ValueError(f"'pixels' must be (channels, *{self.geometry.shape}), got {self.pixels.shape}")

    @property
    def channels(self) -> int:
        return int(self.pixels.shape[0])


@dataclass(frozen=True, eq=False)
class Mask:
    """A segmentation on an image's own grid.

    ``labels`` is an integer array of the geometry's shape: 0 is background, k the k-th class of the label set, and
    :data:`IGNORE` pixels that do not count. For overlapping regions it is (K, *shape) of 0/1 instead.
    """

    labels: NDArray[Any]
    geometry: Geometry

    def __post_init__(self) -> None:
        if self.labels.shape != self.geometry.shape and self.labels.shape[1:] != self.geometry.shape:
            raise ValueError(f"'labels' must have the shape {self.geometry.shape}, got {self.labels.shape}")
        if not (np.issubdtype(self.labels.dtype, np.integer) or self.labels.dtype == bool):
            raise ValueError(f"'labels' must be integers, got {self.labels.dtype}")
