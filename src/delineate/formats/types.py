"""What readers return beside an image, and the bounds they keep."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from delineate.domain import Geometry


@dataclass(frozen=True)
class Limits:
    """Bounds on what an untrusted file may make us do. Checked on the header, before any pixel is decoded."""

    max_pixels: int = 1 << 30
    max_side: int = 65_535
    max_bytes: int = 4 << 30  # decoded
    max_file_bytes: int = 16 << 30


LIMITS = Limits()


@dataclass(frozen=True)
class Header:
    """What a file says of itself without its pixels being decoded.

    ``shape`` is the spatial shape of one item (2 or 3 axes); ``items`` how many images the file holds (pages of a TIFF that are
    not one volume, first axis of an array file), ``names`` their names where they have some (NPZ).
    """

    format: str
    shape: tuple[int, ...]
    channels: int
    dtype: str
    colour: str = "channels"
    items: int = 1
    names: tuple[str, ...] = ()
    spacing: tuple[float, ...] | None = None
    meta: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class RawLabels:
    """A mask file's pixels before any rule is applied.

    Exactly one of ``values`` ((*space) numbers: integers, or floats for resampled masks) and ``colours`` ((*space, 3) uint8)
    is given. A palette image gives ``values`` = palette indices *and* ``palette`` (n, 3) uint8. RGB(A) files whose channels are all
    equal give ``values``.
    """

    geometry: Geometry
    path: Path | None = None
    values: NDArray[Any] | None = None
    colours: NDArray[np.uint8] | None = None
    palette: NDArray[np.uint8] | None = None
    meta: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Series:
    """A DICOM series in a folder: ``files`` sorted by position along the slice normal; never by name."""

    folder: Path
    uid: str
    modality: str
    files: tuple[Path, ...]
    problems: tuple[str, ...] = ()
    """Codes such as ``missing-slice``, ``gantry-tilt``, ``mixed-orientation``, ``duplicate-position``."""
    facts: Mapping[str, Any] = field(default_factory=dict)
    """Numbers to the problems: ``gaps``, ``tilt_degrees``, ``steps_mm`` (see ``dicom_planes.Planes``), ``split_by``."""


#: Problems with which no affine is right beyond the first slices: masks are written without a position, mm³ are not given.
IRREGULAR = frozenset({"missing-slice", "uneven-spacing"})


def is_irregular(meta: Mapping[str, Any]) -> bool:
    """Whether an image's ``meta`` says that its slices are not evenly spaced."""
    return not IRREGULAR.isdisjoint(meta.get("problems", ()))
