"""From what a mask file holds to plain values or colours, the same way everywhere: when a rule is inferred and when it is applied."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from delineate.domain import Case, Geometry, Source
from delineate.errors import UnreadableFile
from delineate.formats import read_header, read_labels
from delineate.formats.types import RawLabels

MAX_STACK = 64
"""A last axis longer than this is never taken for a stack of class channels."""


def read_raw(source: Source, image_shape: tuple[int, ...] | None = None) -> RawLabels:
    """The mask file of ``source`` with grey palettes expanded and stacks of class channels flattened.

    ``image_shape`` is the spatial shape of the image it belongs to: a mask with one more axis at the end than the image (PanNuke's
    ``(256, 256, 6)``) is a stack of class channels and becomes values 0…C. Raises ``UnreadableFile``.
    """
    raw = read_labels(source.path, index=source.index, item=source.item)
    if raw.palette is not None and raw.values is not None and _is_grey(raw.palette):
        raw = replace(raw, values=_expand(raw.values, raw.palette)[..., 0], palette=None)
    if raw.values is not None and image_shape is not None:
        shape = raw.values.shape
        if len(shape) == len(image_shape) + 1 and shape[:-1] == tuple(image_shape) and 1 < shape[-1] <= MAX_STACK:
            raw = replace(
                raw,
                values=flatten_stack(raw.values),
                geometry=Geometry(shape[:-1]),
                palette=None,
                meta={**raw.meta, "stack": shape[-1]},
            )
    return raw


def image_shape(case: Case) -> tuple[int, ...] | None:
    """From the header alone; ``None`` where it cannot be had, so that a mask can be read without its image."""
    source = case.images[0]
    try:
        header = read_header(source.path)
    except UnreadableFile:
        return None
    if source.index is not None and header.items == 1 and len(header.shape) == 3:
        return header.shape[1:]  # one slice of what the header calls a volume
    return header.shape


def _is_grey(palette: NDArray[np.uint8]) -> bool:
    return bool((palette == palette[:, :1]).all())


def _expand(values: NDArray[Any], palette: NDArray[np.uint8]) -> NDArray[np.uint8]:
    table = np.zeros((256, 3), dtype=np.uint8)
    table[: len(palette)] = palette[:256]
    return table[np.clip(values, 0, 255).astype(np.uint8)]


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
    return (wide[..., 0] << 16) | (wide[..., 1] << 8) | wide[..., 2]


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
        counts = np.bincount(flat)
        present = np.flatnonzero(counts)
        return {float(value): int(counts[value]) for value in present}
    unique, counts = np.unique(flat, return_counts=True)
    return {float(value): int(count) for value, count in zip(unique.tolist(), counts.tolist(), strict=True)}
