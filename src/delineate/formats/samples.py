"""From decoded samples to an image or to labels: alpha, palettes and colours are treated the same in every format."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from delineate.domain import Geometry, Image
from delineate.formats.trouble import unreadable
from delineate.formats.types import RawLabels


@dataclass(frozen=True, eq=False)
class Samples:
    """Decoded pixels, samples last.

    ``values`` is (*space, S); ``alpha`` says that the last sample is one; with ``palette`` ((n, 3) uint8) the values are its
    indices.
    """

    values: NDArray[Any]
    palette: NDArray[np.uint8] | None = None
    alpha: bool = False
    meta: Mapping[str, Any] = field(default_factory=dict)


def colour_of(channels: int) -> str:
    return {1: "grey", 3: "rgb"}.get(channels, "channels")


def is_grey(palette: NDArray[np.uint8]) -> bool:
    """A palette of greys only: such a file is a grey picture, whatever its mode says."""
    return bool((palette[:, :1] == palette).all())


def to_image(samples: Samples, geometry: Geometry, path: Path, format: str) -> Image:  # noqa: A002 - the field's own name
    """Channels first; a palette expanded (to grey where it holds only greys); alpha dropped.

    Alpha is always dropped, so that a data set that mixes RGB and RGBA has one number of channels; ``meta["alpha"]`` says
    ``"opaque"`` or ``"varying"``.
    """
    values, meta = _without_alpha(samples)
    if samples.palette is not None:
        table = samples.palette[:, :1] if is_grey(samples.palette) else samples.palette
        values = table[_checked_indices(values[..., 0], len(table), path)]
    pixels = np.ascontiguousarray(np.moveaxis(native(values), -1, 0))
    return Image(pixels, geometry, path, format, colour_of(pixels.shape[0]), meta)


def to_labels(samples: Samples, geometry: Geometry, path: Path) -> RawLabels:
    """Palette indices, single values, or colours; equal colour channels are one value."""
    values, meta = _without_alpha(samples)
    values = native(values)
    if samples.palette is not None:
        return RawLabels(geometry, path, values=np.ascontiguousarray(values[..., 0]), palette=samples.palette, meta=meta)
    if values.shape[-1] == 1 or (values.shape[-1] == 3 and _all_equal(values)):
        return RawLabels(geometry, path, values=np.ascontiguousarray(values[..., 0]), meta=meta)
    if values.shape[-1] != 3:
        raise unreadable("unsupported", path, f"a mask with {values.shape[-1]} channels")
    return RawLabels(geometry, path, colours=_as_bytes(values, path), meta=meta)


def native(values: NDArray[Any]) -> NDArray[Any]:
    """Native byte order; booleans as 0/1 in uint8; half floats as float32. Refuses nothing."""
    if values.dtype == bool:
        return values.astype(np.uint8)
    if values.dtype == np.float16:
        return values.astype(np.float32)
    if not values.dtype.isnative:
        return values.astype(values.dtype.newbyteorder("="))
    return values


def _without_alpha(samples: Samples) -> tuple[NDArray[Any], dict[str, Any]]:
    meta = dict(samples.meta)
    if not samples.alpha:
        return samples.values, meta
    alpha = samples.values[..., -1]
    top = np.iinfo(alpha.dtype).max if np.issubdtype(alpha.dtype, np.integer) else 1.0
    meta["alpha"] = "opaque" if bool((alpha == top).all()) else "varying"
    return samples.values[..., :-1], meta


def _all_equal(values: NDArray[Any]) -> bool:
    return bool((values[..., 0] == values[..., 1]).all() and (values[..., 0] == values[..., 2]).all())


def _as_bytes(colours: NDArray[Any], path: Path) -> NDArray[np.uint8]:
    """Colours in 8 bits; 16-bit ones only where they are the 8-bit ones stretched (v × 257), so that none is merged."""
    if colours.dtype == np.uint8:
        return np.ascontiguousarray(colours)
    if colours.dtype == np.uint16 and not (colours % 257).any():
        return (colours // 257).astype(np.uint8)
    raise unreadable("unsupported", path, f"a colour mask in {colours.dtype}")


def _checked_indices(indices: NDArray[Any], length: int, path: Path) -> NDArray[Any]:
    if indices.size and int(indices.max()) >= length:
        raise unreadable("damaged", path, f"palette index {int(indices.max())} of {length}")
    return indices
