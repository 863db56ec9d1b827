"""From what a mask file holds to plain values or colours: the same way when a rule is inferred and when it is applied."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from delineate.domain import Image, Source
from delineate.errors import UnreadableFile
from delineate.formats import RawLabels, read_header, read_image, read_labels

CHUNK = 1 << 20
"""Pixels worked on at once where a step needs a wider copy."""


class RawReader:
    """Reads the mask sources of one case.

    Grey palettes are expanded. An array file with class channels (PanNuke's (N, 256, 256, 6)) gives the channel that
    ``Source.item`` numbers, or values 0…C (see :func:`flatten_stack`) without one; the channels are read once for all sources.
    """

    def __init__(self) -> None:
        self._stack: tuple[tuple[Path, int | None], Image] | None = None

    def read(self, source: Source) -> RawLabels:
        """Raises ``UnreadableFile``."""
        if source.path.suffix.lower() == ".npy" and read_header(source.path).channels > 1:
            raw = self._channels(source)
            if raw is not None:
                return raw
        raw = read_labels(source.path, index=source.index, item=source.item)
        if raw.palette is not None and raw.values is not None and _is_grey(raw.palette):
            raw = replace(raw, values=_expand(raw.values, raw.palette)[..., 0], palette=None)
        return raw

    def _channels(self, source: Source) -> RawLabels | None:
        key = (source.path, source.index)
        if self._stack is None or self._stack[0] != key:
            self._stack = (key, read_image(source.path, index=source.index))
        image = self._stack[1]
        if source.item is not None and source.item.isdigit():
            if int(source.item) >= image.channels:
                detail = f"channel {source.item} of {image.channels}"
                raise UnreadableFile("unsupported", path=source.path, reason="unsupported", detail=detail)
            return RawLabels(image.geometry, source.path, values=image.pixels[int(source.item)])
        if image.channels == 3:
            return None  # colours, not classes
        values = flatten_stack(np.moveaxis(image.pixels, 0, -1))
        return RawLabels(image.geometry, source.path, values=values, meta={"stack": image.channels})


def _is_grey(palette: NDArray[np.uint8]) -> bool:
    return bool((palette == palette[:, :1]).all())


def _expand(values: NDArray[Any], palette: NDArray[np.uint8]) -> NDArray[np.uint8]:
    table = np.zeros((256, 3), dtype=np.uint8)
    table[: len(palette)] = palette[:256]
    expanded: NDArray[np.uint8] = table[np.clip(values, 0, 255).astype(np.uint8)]
    return expanded


def flatten_stack(stack: NDArray[Any]) -> NDArray[np.uint8]:
    """(*space, C) class channels → values (*space): c + 1 where channel c is the first that is not zero, 0 where none is.

    A last channel that is the background (set where, but for 1 % of the pixels, no other channel is, as PanNuke stores it)
    becomes 0. Channels may hold instance numbers; only zero or not counts.
    """
    present = stack != 0
    others = present[..., :-1].any(axis=-1)
    last_is_background = float((present[..., -1] == others).mean()) <= 0.01
    classes = present[..., :-1] if last_is_background else present
    return np.where(classes.any(axis=-1), classes.argmax(axis=-1) + 1, 0).astype(np.uint8)


def as_colours(raw: RawLabels) -> NDArray[np.uint8]:
    """The file's pixels as (*space, 3) colours: palettes expanded, grey values repeated (values above 255 saturate)."""
    if raw.colours is not None:
        return raw.colours
    if raw.values is None:
        raise ValueError("a mask has values or colours")
    if raw.palette is not None:
        return _expand(raw.values, raw.palette)
    grey = np.clip(np.nan_to_num(raw.values.astype(np.float32)), 0, 255).astype(np.uint8)
    return np.repeat(grey[..., None], 3, axis=-1)


def pack(colours: NDArray[np.uint8]) -> NDArray[np.uint32]:
    """(*space, 3) colours → 0xRRGGBB numbers (*space)."""
    wide = colours.astype(np.uint32)
    return np.asarray((wide[..., 0] << 16) | (wide[..., 1] << 8) | wide[..., 2], dtype=np.uint32)


def hex_of(number: int) -> str:
    """0xRRGGBB → ``"#rrggbb"``."""
    return f"#{number:06x}"


def number_of(colour: str) -> int:
    """``"#rrggbb"`` → 0xRRGGBB."""
    return int(colour.lstrip("#"), 16)


def count_values(values: NDArray[Any]) -> dict[float, int]:
    """Value → number of pixels. Integral values come as whole floats; NaN is counted under ``nan``."""
    flat = values.reshape(-1)
    if flat.size == 0:
        return {}
    if flat.dtype == bool:
        flat = flat.view(np.uint8)
    if flat.dtype == np.uint8 or (np.issubdtype(flat.dtype, np.integer) and flat.min() >= 0 and flat.max() < 65536):
        counts = count_small(flat)
        return {float(value): int(counts[value]) for value in np.flatnonzero(counts)}
    unique, counts = np.unique(flat, return_counts=True)
    return {float(value): int(count) for value, count in zip(unique.tolist(), counts.tolist(), strict=True)}


def count_small(flat: NDArray[Any]) -> NDArray[np.int64]:
    """Histogram of whole values 0…65535, by value. In chunks: bincount makes a copy eight times the size of bytes."""
    counts = np.zeros(int(flat.max()) + 1, dtype=np.int64)
    for start in range(0, flat.size, CHUNK):
        counts += np.bincount(flat[start : start + CHUNK], minlength=len(counts))
    return counts
