"""TIFF by tifffile: one page or many, grey, palette, colour, in all its compressions.

Pages of equal shape without a stated meaning are independent images (``Header.items``); ``index`` reads one, no index reads
them as one volume without position. Axes that ImageJ or OME metadata declare as Z are one volume; declared channels (C) are
channels. Photographic conventions are undone: white-is-zero is inverted, one-bit images become 0/255 like in PNG.

Spacing comes from OME ``PhysicalSize`` or ImageJ's unit only: a plain TIFF's dpi is what a printer was told.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from delineate.domain import Geometry, Image
from delineate.formats.base import Format, registry
from delineate.formats.bounds import GROWTH, MAX_CHANNELS, check_grid, check_stored
from delineate.formats.samples import Samples, colour_of, is_grey, to_image, to_labels
from delineate.formats.tiff_spacing import spacing_mm
from delineate.formats.trouble import unreadable
from delineate.formats.types import Header, Limits, RawLabels

_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB, _PALETTE, _YCBCR = 0, 1, 2, 3, 6
_JPEG = (6, 7, 33007, 34892)
_GROWTH_OF = {1: "none", 5: "lzw", 8: "deflate", 32946: "deflate", 32773: "packbits"}


@dataclass(frozen=True)
class _Stack:
    """How a file's first series is meant. ``order`` brings its axes to (page…, row, column, channel…)."""

    series: Any
    page: Any
    order: tuple[int, ...]
    page_axes: str
    pages: int
    plane: tuple[int, int]
    channels: int
    volume: bool
    alpha: bool
    palette: NDArray[np.uint8] | None
    others: int = 0
    """Series after the first: thumbnails, pyramid levels, pages of another size. Not read."""

    @property
    def shape(self) -> tuple[int, ...]:
        return (self.pages, *self.plane) if self.volume else self.plane

    @property
    def meaning(self) -> int:
        """Channels of the image made of it."""
        if self.palette is not None:
            return 1 if is_grey(self.palette) else 3
        return self.channels - self.alpha


@contextmanager
def _opened(path: Path, limits: Limits) -> Iterator[tuple[Any, _Stack]]:
    import tifffile

    with tifffile.TiffFile(path) as tif:
        if not len(tif.pages):
            raise unreadable("truncated", path, "no pages")
        stack = _understand(path, tif)
        dtype = np.dtype(stack.page.dtype)
        if dtype.kind not in "buif":
            raise unreadable("unsupported", path, f"values of type {dtype}")
        check_grid(path, (stack.pages, *stack.plane), stack.channels, dtype.itemsize, limits)
        _check_chain(path, tif)
        _check_segments(path, stack)
        yield tif, stack


def _understand(path: Path, tif: Any) -> _Stack:
    series = tif.series[0]
    if series.kind == "generic" and len(tif.series) == 1 and len(series.pages) != len(tif.pages):
        raise unreadable("damaged", path, "its pages do not agree with each other")
    page = series.keyframe
    axes, shape = series.axes, series.shape
    if "Y" not in axes or "X" not in axes:
        raise unreadable("unsupported", path, f"axes {axes}")
    channel_axes = [i for i, axis in enumerate(axes) if axis in "SC"]
    page_axes = [i for i, axis in enumerate(axes) if axis not in "SCYX"]
    order = (*page_axes, axes.index("Y"), axes.index("X"), *channel_axes)
    channels = math.prod(shape[i] for i in channel_axes)
    if channels > MAX_CHANNELS:
        raise unreadable("unsupported", path, f"{channels} channels; {MAX_CHANNELS} are allowed")
    long = "".join(axes[i] for i in page_axes if shape[i] > 1)
    pages = math.prod(shape[i] for i in page_axes)
    plane = (int(shape[axes.index("Y")]), int(shape[axes.index("X")]))
    photometric, compression = int(page.photometric), int(page.compression)
    if photometric not in (_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB, _PALETTE) and not (photometric == _YCBCR and compression in _JPEG):
        if photometric not in (32803, 34892):
            raise unreadable("unsupported", path, f"photometric interpretation {page.photometric.name}")
        raise unreadable("unsupported", path, "raw camera data")
    alpha = "S" in axes and channels in (2, 4) and any(int(extra) in (1, 2) for extra in page.extrasamples)
    palette = _palette(page) if photometric == _PALETTE and channels == 1 else None
    return _Stack(series, page, order, long, pages, plane, channels, long == "Z", alpha, palette, len(tif.series) - 1)


def _palette(page: Any) -> NDArray[np.uint8] | None:
    if page.colormap is None or np.dtype(page.dtype).itemsize > 1:
        return None
    table = np.asarray(page.colormap).T
    return np.asarray(table >> 8 if table.max() > 255 else table, np.uint8)


def _check_chain(path: Path, tif: Any) -> None:
    """The last page must be the last: where the next one lies beyond the file's end, tifffile quietly gives fewer pages."""
    layout, file = tif.tiff, tif.filehandle
    file.seek(tif.pages[-1].offset)
    (tags,) = struct.unpack(layout.tagnoformat, file.read(layout.tagnosize))
    file.seek(tags * layout.tagsize, 1)
    entry = file.read(layout.offsetsize)
    following = struct.unpack(layout.offsetformat, entry)[0] if len(entry) == layout.offsetsize else file.size
    if following >= file.size:
        raise unreadable("truncated", path, f"pages are missing after page {len(tif.pages)}")


def _check_segments(path: Path, stack: _Stack) -> None:
    """Every strip and tile must lie inside the file and be able to hold what it claims: tifffile fills gaps with zeros."""
    length = path.stat().st_size
    stored = 0
    pages = [page for page in stack.series.pages if page is not None]
    for page in pages:
        for offset, count in zip(page.dataoffsets, page.databytecounts, strict=True):
            if offset <= 0 or count <= 0 or offset + count > length:
                raise unreadable("truncated", path, f"pixels expected up to byte {offset + count:,} of {length:,}")
            stored += count
    claimed = math.prod(stack.series.shape) * int(stack.page.bitspersample) // 8
    coding = _GROWTH_OF.get(int(stack.page.compression))
    if stack.series.dataoffset is not None and coding == "none":  # one block that several pages share
        stored = length - int(stack.series.dataoffset)
    if coding is not None and coding in GROWTH:
        check_stored(path, claimed, stored, coding)


def _header(path: Path, limits: Limits) -> Header:
    with _opened(path, limits) as (tif, stack):
        dtype = np.dtype(stack.page.dtype)
        kept = "uint8" if dtype.kind == "b" or stack.palette is not None else "float32" if dtype == np.float16 else dtype.name
        meta = _meta(stack)
        return Header(
            "tiff",
            stack.shape,
            stack.meaning,
            kept,
            colour_of(stack.meaning),
            1 if stack.volume else stack.pages,
            spacing=spacing_mm(tif, stack.volume),
            meta=meta,
        )


def _meta(stack: _Stack) -> dict[str, Any]:
    meta: dict[str, Any] = {
        "axes": stack.series.axes,
        "pages": stack.pages,
        "compression": stack.page.compression.name.lower(),
        "photometric": stack.page.photometric.name.lower(),
    }
    orientation = stack.page.tags.get(274)
    if orientation is not None and orientation.value != 1:
        meta["tiff_orientation"] = int(orientation.value)  # kept as stored: scientific readers all ignore it
    if stack.others:
        meta["other_series"] = stack.others
    if int(stack.page.photometric) == _WHITE_IS_ZERO:
        meta["inverted"] = True
    return meta


def _read(path: Path, index: int | None, limits: Limits, labels: bool) -> tuple[Samples, Geometry]:
    with _opened(path, limits) as (tif, stack):
        if labels and int(stack.page.compression) in _JPEG:
            raise unreadable("lossy-mask", path)
        if index is not None and not 0 <= index < stack.pages:
            raise unreadable("unsupported", path, f"page {index} of {stack.pages}")
        if index is None and len(stack.page_axes) > 1:
            raise unreadable("unsupported", path, f"several stacks in one (axes {stack.page_axes})")
        values = _plane(stack, index) if index is not None else None
        if values is None:
            array = np.transpose(stack.series.asarray(), stack.order)
            array = array.reshape(stack.pages, *stack.plane, stack.channels)
            values = array[index] if index is not None else array
        if index is None and stack.pages == 1 and not stack.volume:
            values = values[0]
        spacing = spacing_mm(tif, values.ndim == 4)
        samples = Samples(_as_shown(values, stack.page), stack.palette, stack.alpha, _meta(stack))
    return samples, Geometry(values.shape[:-1], spacing)


def _plane(stack: _Stack, index: int) -> NDArray[Any] | None:
    """One page alone, where a page is an item; None where its channels are spread over pages or the pages share one block."""
    if "C" in stack.series.axes or len(stack.series.pages) != stack.pages or stack.series.pages[index] is None:
        return None
    page = stack.series.pages[index]
    values = np.asarray(page.asarray())
    if values.ndim == 3 and page.axes.startswith("S"):
        values = np.moveaxis(values, 0, -1)
    return values.reshape(*stack.plane, stack.channels)


def _as_shown(values: NDArray[Any], page: Any) -> NDArray[Any]:
    """Bits as 0/255 and white-is-zero turned round: what every viewer shows."""
    if values.dtype == bool or int(page.bitspersample) == 1:
        values = values.astype(np.uint8) * np.uint8(255)
        return np.uint8(255) - values if int(page.photometric) == _WHITE_IS_ZERO else values
    if int(page.photometric) == _WHITE_IS_ZERO and values.dtype.kind == "u":
        return np.asarray(values.dtype.type((1 << int(page.bitspersample)) - 1) - values)
    return values


def _image(path: Path, index: int | None, item: str | None, limits: Limits) -> Image:
    return to_image(*_read(path, index, limits, labels=False), path, "tiff")


def _labels(path: Path, index: int | None, item: str | None, limits: Limits) -> RawLabels:
    return to_labels(*_read(path, index, limits, labels=True), path)


def _matches(head: bytes, suffix: str) -> bool:
    return head[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


registry.add("tiff", Format("tiff", (".tif", ".tiff", ".btf"), _matches, _header, _image, _labels))
