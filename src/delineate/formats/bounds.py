"""What a header may claim: checked before a single pixel is decoded."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from delineate.formats.trouble import unreadable
from delineate.formats.types import Limits

#: Most a stream of these codings can grow when decoded (deflate: RFC 1951's longest match costs two bits at best).
GROWTH = {"none": 1, "deflate": 1032, "lzw": 1500, "packbits": 64}

MAX_CHANNELS = 16
"""More samples a pixel than this is a time series or a diffusion measurement, not the channels of a picture."""


def check_grid(path: Path, shape: Sequence[int], channels: int, itemsize: float, limits: Limits) -> int:
    """Bytes the decoded pixels take; refuses empty and oversized grids.

    ``shape`` is the spatial shape (all items included), ``itemsize`` bytes a sample (may be a fraction for packed bits).
    """
    if not shape or min(shape) <= 0 or channels <= 0:
        raise unreadable("damaged", path, f"it claims a size of {_times(shape)} × {channels}")
    pixels = math.prod(shape)
    decoded = math.ceil(pixels * channels * itemsize)
    if max(shape) > limits.max_side:
        raise unreadable("too-large", path, f"{_times(shape)}; {limits.max_side:,} is the longest side allowed")
    if pixels > limits.max_pixels:
        raise unreadable("too-large", path, f"{_times(shape)}; {limits.max_pixels:,} pixels are allowed")
    if decoded > limits.max_bytes:
        raise unreadable("too-large", path, f"{decoded:,} bytes decoded; {limits.max_bytes:,} are allowed")
    return decoded


def check_stored(path: Path, decoded: int, stored: int, coding: str) -> None:
    """Refuse a header that claims more than ``stored`` bytes of ``coding`` can ever hold."""
    most = stored * GROWTH[coding] + 4096 * (coding != "none")
    if decoded > most:
        raise unreadable("truncated", path, f"{decoded:,} bytes claimed, {stored:,} stored")


def _times(shape: Sequence[int]) -> str:
    return " × ".join(str(n) for n in shape)
