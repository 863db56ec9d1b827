"""A large TIFF band by band: rows of one page or pyramid level, decoded when asked for, never the whole.

The pixels are those of :func:`~delineate.formats.read_image` (palettes expanded, alpha dropped, white-is-zero turned). Works on
tiles and on strips of any compression, on uncompressed pages of any arrangement, and on channels in pages of their own.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from delineate.domain import Geometry
from delineate.formats.samples import Samples, to_image
from delineate.formats.tiff import _as_shown, _check_segments, _meta, _opened, _Stack
from delineate.formats.tiff_spacing import spacing_mm
from delineate.formats.trouble import guarded, unreadable
from delineate.formats.types import Limits

BAND_LIMITS = Limits(max_pixels=1 << 36, max_side=1 << 20, max_bytes=1 << 40, max_file_bytes=1 << 40)
"""What is read by bands may be larger than what is read at once."""
MAX_SEGMENT_BYTES = 1 << 29  # one strip or tile decoded: a page in one compressed piece cannot be read by bands
_JPEG = (6, 7, 33007, 34892)


class TiffBands:
    """One plane of a TIFF. ``shape`` (H, W); ``levels`` the shapes of its pyramid, finest first; ``spacing`` mm or ``None``.

    Made by :func:`tiff_bands`. ``dtype`` and ``channels`` are those of the bands that :meth:`rows` gives.
    """

    def __init__(self, path: Path, stack: _Stack, levels: tuple[tuple[int, int], ...], level: int, spacing: Any) -> None:
        self.path, self.levels, self.level = path, levels, level
        self._stack, self._pages = stack, _pages_of(path, stack)
        self.shape = stack.plane
        self.spacing: tuple[float, ...] | None = spacing
        self._kept: dict[tuple[int, int], NDArray[Any]] = {}
        first = self.rows(0, 1)
        self.channels, self.dtype = int(first.shape[0]), first.dtype

    @property
    def geometry(self) -> Geometry:
        return Geometry(self.shape, self.spacing)

    @property
    def row_bytes(self) -> int:
        """Decoded bytes of one row."""
        return self.shape[1] * self.channels * self.dtype.itemsize

    def rows(self, top: int, bottom: int) -> NDArray[Any]:
        """(C, bottom - top, W). Asking from top to bottom decodes every piece of the file once."""
        if not 0 <= top < bottom <= self.shape[0]:
            raise ValueError(f"rows {top}…{bottom} of {self.shape[0]}")
        with guarded(self.path):
            parts = [self._page_rows(number, top, bottom) for number in range(len(self._pages))]
            values = parts[0] if len(parts) == 1 else np.concatenate(parts, axis=-1)
            shown = _as_shown(values, self._stack.page)
            samples = Samples(shown, self._stack.palette, self._stack.alpha, _meta(self._stack))
            return np.asarray(to_image(samples, Geometry(shown.shape[:-1]), self.path, "tiff").pixels)

    def _page_rows(self, number: int, top: int, bottom: int) -> NDArray[Any]:
        """(rows, W, samples of this page)"""
        page = self._pages[number]
        if page.keyframe.is_memmappable:
            return self._mapped(page, top, bottom)
        length = _length(page)
        first, last = top // length, (bottom - 1) // length
        for key in [key for key in self._kept if key[0] == number and not first <= key[1] <= last]:
            del self._kept[key]
        parts = []
        for row in range(first, last + 1):
            if (number, row) not in self._kept:
                self._kept[number, row] = self._segments(page, row, length)
            parts.append(self._kept[number, row][max(0, top - row * length) : bottom - row * length])
        for row in range(first, last):  # of the pieces only the last can be needed again
            del self._kept[number, row]
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def _mapped(self, page: Any, top: int, bottom: int) -> NDArray[Any]:
        values = page.asarray(out="memmap")
        planes_first = page.keyframe.axes.startswith("S")
        rows = values[..., top:bottom, :] if planes_first else values[top:bottom]
        rows = np.array(rows)  # out of the file now: a map of a removed file is no array
        if planes_first:
            return np.moveaxis(rows, 0, -1)
        return rows.reshape(bottom - top, self.shape[1], -1)

    def _segments(self, page: Any, row: int, length: int) -> NDArray[Any]:
        """One row of tiles, or one strip, of all the page's samples: (rows, W, samples)."""
        keyframe, file = page.keyframe, page.parent.filehandle
        down, across = _grid(page, length)
        separate = keyframe.planarconfig == 2 and keyframe.samplesperpixel > 1
        planes = keyframe.samplesperpixel if separate else 1
        height = min(length, self.shape[0] - row * length)
        samples = 1 if separate else keyframe.samplesperpixel
        out = np.zeros((height, self.shape[1], planes * samples), keyframe.dtype)
        more: dict[str, Any] = {"_fullsize": False}
        if keyframe.compression in _JPEG:
            more |= {"jpegtables": page.jpegtables, "jpegheader": keyframe.jpegheader}
        for plane in range(planes):
            for column in range(across):
                index = (plane * down + row) * across + column
                file.seek(page.dataoffsets[index])
                data = file.read(page.databytecounts[index])
                piece, place, _ = keyframe.decode(data, index, **more)
                if piece is None:
                    continue
                piece = piece[0]
                left = place[3]
                part = out[:, left : left + piece.shape[1], plane * samples : (plane + 1) * samples]
                part[:] = piece[: part.shape[0], : part.shape[1]]
        return out


@contextmanager
def tiff_bands(path: Path, level: int = 0) -> Iterator[TiffBands]:
    """Open pyramid ``level`` (0: the finest) of a TIFF whose first image is one plane.

    Raises UnreadableFile: ``unsupported`` for stacks, levels that are not there, and pages that are one compressed piece.
    """
    path = Path(path)
    with guarded(path), _opened(path, BAND_LIMITS) as (tif, stack):
        if stack.pages != 1 or stack.volume:
            raise unreadable("unsupported", path, f"{stack.pages} pages; only single planes are read by bands")
        found = _levels(stack)
        levels = tuple(one.plane for one in found)
        if not 0 <= level < len(levels):
            raise unreadable("unsupported", path, f"pyramid level {level}; it has 0 to {len(levels) - 1}")
        chosen = found[level]
        if level:
            _check_segments(path, chosen)
        spacing = spacing_mm(tif, False)
        if spacing is not None:
            spacing = tuple(s * whole / part for s, whole, part in zip(spacing, stack.plane, chosen.plane, strict=True))
        yield TiffBands(path, chosen, levels, level, spacing)


def _levels(stack: _Stack) -> list[_Stack]:
    """The stack itself and what coarser levels of it there are, finest first; levels that are not the same picture are left out."""
    found = [stack]
    for series in list(getattr(stack.series, "levels", []))[1:]:
        if series.axes != stack.series.axes or np.dtype(series.dtype) != np.dtype(stack.series.dtype):
            continue
        plane = (int(series.shape[series.axes.index("Y")]), int(series.shape[series.axes.index("X")]))
        rest = math.prod(series.shape) // math.prod(plane)
        if rest == stack.channels and plane[0] < found[-1].plane[0] and plane[1] <= found[-1].plane[1]:
            found.append(replace(stack, series=series, page=series.keyframe, plane=plane))
    return found


def _pages_of(path: Path, stack: _Stack) -> list[Any]:
    pages = [page for page in stack.series.pages if page is not None]
    per_page = math.prod(pages[0].shape) // math.prod(stack.plane) if pages else 0
    if not pages or per_page * len(pages) != stack.channels:
        raise unreadable("unsupported", path, "its pages share one block of pixels")
    for page in pages:
        keyframe = page.keyframe  # a frame, one of many pages alike, has no facts of its own
        if keyframe.is_memmappable:
            continue
        wide = keyframe.tilewidth if keyframe.is_tiled else stack.plane[1]
        length = _length(page)
        size = wide * length * keyframe.samplesperpixel * np.dtype(keyframe.dtype).itemsize
        if size > MAX_SEGMENT_BYTES:
            raise unreadable("unsupported", path, f"one compressed piece of {size:,} bytes; save it again with tiles")
        if len(page.dataoffsets) < math.prod(_grid(page, length)):
            raise unreadable("truncated", path, f"{len(page.dataoffsets)} pieces listed")
    return pages


def _grid(page: Any, length: int) -> tuple[int, int]:
    """(down, across): rows and columns of tiles, or of strips, of one sample plane."""
    keyframe = page.keyframe
    across = -(-keyframe.imagewidth // keyframe.tilewidth) if keyframe.is_tiled else 1
    return -(-keyframe.imagelength // length), across


def _length(page: Any) -> int:
    """Rows of a tile or strip."""
    keyframe = page.keyframe
    return int(keyframe.tilelength if keyframe.is_tiled else min(keyframe.rowsperstrip, keyframe.imagelength))
