"""PNG, JPEG, BMP and GIF: two-dimensional pictures, decoded by Pillow (16-bit colour PNG by imagecodecs).

None of them carries a spacing we may trust: PNG's pHYs and JPEG's density are print resolutions, so ``spacing`` is ``None``.

Grey images of 1, 2 and 4 bits are stretched to 0…255, as the PNG standard (ISO 15948, 13.12) and every viewer do; a black and
white mask of one bit therefore says 0/255, like its 8-bit siblings. A JPEG whose EXIF says that it was taken with the camera
turned is turned upright, as browsers and annotation tools show it; ``meta["exif_orientation"]`` keeps the number.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from delineate.domain import Geometry, Image
from delineate.formats.base import Format, registry
from delineate.formats.bounds import check_grid, check_stored
from delineate.formats.samples import Samples, colour_of, is_grey, to_image, to_labels
from delineate.formats.trouble import unreadable
from delineate.formats.types import Header, Limits, RawLabels

_BMP_HEADERS = (12, 16, 40, 52, 56, 64, 108, 124)


@contextmanager
def _opened(path: Path, kind: str, limits: Limits) -> Iterator[Any]:
    """The Pillow picture, its size checked and its pixels not yet decoded.

    The plug-in's class is used directly: ``PIL.Image.open`` would import every plug-in and apply a limit of its own that can
    only be changed for the whole process.
    """
    with path.open("rb") as file:
        picture = _plugin(kind)(file)
        width, height = picture.size
        decoded = check_grid(path, (height, width), len(picture.getbands()), 2 if _is_wide(picture) else _bits(picture) / 8, limits)
        if kind == "png":
            check_stored(path, decoded, path.stat().st_size, "deflate")
        yield picture


def _plugin(kind: str) -> Any:
    if kind == "png":
        from PIL.PngImagePlugin import PngImageFile

        return PngImageFile
    if kind == "jpeg":
        from PIL.JpegImagePlugin import JpegImageFile

        return JpegImageFile
    if kind == "gif":
        from PIL.GifImagePlugin import GifImageFile

        return GifImageFile
    from PIL.BmpImagePlugin import BmpImageFile

    return BmpImageFile


def _is_wide(picture: Any) -> bool:
    return str(picture.mode).startswith(("I", "F"))


def _bits(picture: Any) -> float:
    return 1 / 8 if picture.mode == "1" else 8


def _png_kind(path: Path) -> tuple[int, int]:
    """Bit depth and colour type of the PNG's IHDR."""
    with path.open("rb") as file:
        head = file.read(26)
    if len(head) < 26 or head[12:16] != b"IHDR":
        raise unreadable("damaged", path, "no IHDR")
    depth, colour = struct.unpack(">BB", head[24:26])
    return int(depth), int(colour)


def _palette(picture: Any) -> NDArray[np.uint8]:
    return np.asarray(picture.getpalette("RGB"), np.uint8).reshape(-1, 3)


def _decode(path: Path, kind: str, index: int | None, limits: Limits) -> Samples:
    meta: dict[str, Any] = {}
    if kind == "png":
        depth, colour_type = _png_kind(path)
        meta |= {"bits": depth}
        if depth == 16 and colour_type in (2, 4, 6):
            return _decode_wide_png(path, colour_type, meta, limits)
    with _opened(path, kind, limits) as picture:
        meta["mode"] = picture.mode
        if kind == "gif":
            picture.seek(_frame(path, index, getattr(picture, "n_frames", 1)))
        elif index not in (None, 0):
            raise unreadable("unsupported", path, f"item {index} of a file with one image")
        picture.load()
        if kind == "jpeg":
            picture, meta = _upright(picture, meta)
        if picture.mode == "CMYK":
            picture = picture.convert("RGB")
        if picture.mode in ("P", "PA"):
            values = np.asarray(picture)
            values = values[..., None] if values.ndim == 2 else values
            return Samples(values, _palette(picture), alpha=picture.mode == "PA", meta=meta)
        values = np.asarray(picture)
        if picture.mode == "1":
            values = np.where(values, np.uint8(255), np.uint8(0))
            meta["bits"] = 1
        values = values[..., None] if values.ndim == 2 else values
        if _is_wide(picture) and picture.mode != "F":
            values = values.astype(np.uint16)
        return Samples(values, alpha=picture.mode in ("LA", "RGBA", "La", "RGBa"), meta=meta)


def _decode_wide_png(path: Path, colour_type: int, meta: dict[str, Any], limits: Limits) -> Samples:
    """16-bit colour: Pillow would silently reduce it to 8 bits."""
    import imagecodecs

    with _opened(path, "png", limits) as picture:
        width, height = picture.size
    channels = {2: 3, 4: 2, 6: 4}[colour_type]
    check_grid(path, (height, width), channels, 2, limits)
    values = imagecodecs.png_decode(path.read_bytes())
    if values.shape[:2] != (height, width) or values.dtype != np.uint16:
        raise unreadable("damaged", path, f"decoded to {values.shape} {values.dtype}")
    meta["mode"] = {2: "RGB;16", 4: "LA;16", 6: "RGBA;16"}[colour_type]
    values = values.reshape(height, width, -1)
    return Samples(values, alpha=values.shape[-1] in (2, 4), meta=meta)  # a transparent colour (tRNS) comes back as alpha too


def _frame(path: Path, index: int | None, frames: int) -> int:
    if index is not None and not 0 <= index < frames:
        raise unreadable("unsupported", path, f"item {index} of {frames}")
    return index or 0


def _orientation(picture: Any) -> int:
    number = picture.getexif().get(0x0112, 1)
    return int(number) if isinstance(number, int) and 1 <= number <= 8 else 1


def _upright(picture: Any, meta: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    number = _orientation(picture)
    if number == 1:
        return picture, meta
    from PIL.ImageOps import exif_transpose

    return exif_transpose(picture), {**meta, "exif_orientation": number}


def _header(path: Path, kind: str, limits: Limits) -> Header:
    with _opened(path, kind, limits) as picture:
        width, height = picture.size
        meta: dict[str, Any] = {"mode": picture.mode}
        frames = int(getattr(picture, "n_frames", 1)) if kind == "gif" else 1
        if picture.mode in ("P", "PA"):
            picture.seek(0)
            channels = 1 if is_grey(_palette(picture)) else 3
        else:
            channels = {"CMYK": 3, "LA": 1, "RGBA": 3, "RGB": 3, "YCbCr": 3}.get(picture.mode, 1)
        dtype = "uint16" if _is_wide(picture) else "uint8"
        if kind == "jpeg" and (number := _orientation(picture)) != 1:
            meta["exif_orientation"] = number
            if number >= 5:
                width, height = height, width
    if kind == "png":
        depth, colour_type = _png_kind(path)
        meta["bits"] = depth
        if depth == 16:
            dtype, channels = "uint16", {0: 1, 2: 3, 4: 1, 6: 3}.get(colour_type, channels)
    return Header(kind, (height, width), channels, dtype, colour_of(channels), frames, meta=meta)


def _image(path: Path, kind: str, index: int | None, limits: Limits) -> Image:
    samples = _decode(path, kind, index, limits)
    return to_image(samples, Geometry(samples.values.shape[:2]), path, kind)


def _labels(path: Path, kind: str, index: int | None, limits: Limits) -> RawLabels:
    if kind == "jpeg":
        raise unreadable("lossy-mask", path)
    samples = _decode(path, kind, index, limits)
    return to_labels(samples, Geometry(samples.values.shape[:2]), path)


def _add(kind: str, suffixes: tuple[str, ...], magic: tuple[bytes, ...]) -> None:
    def matches(head: bytes, suffix: str) -> bool:
        if kind == "bmp":  # two letters are not enough: many a text starts with "BM"
            return head[:2] == b"BM" and len(head) >= 18 and int.from_bytes(head[14:18], "little") in _BMP_HEADERS
        return head.startswith(magic)

    registry.add(
        kind,
        Format(
            kind,
            suffixes,
            matches,
            lambda path, limits: _header(path, kind, limits),
            lambda path, index, item, limits: _image(path, kind, index, limits),
            lambda path, index, item, limits: _labels(path, kind, index, limits),
        ),
    )


_add("png", (".png",), (b"\x89PNG\r\n\x1a\n",))
_add("jpeg", (".jpg", ".jpeg", ".jpe", ".jfif"), (b"\xff\xd8\xff",))
_add("bmp", (".bmp", ".dib"), ())
_add("gif", (".gif",), (b"GIF87a", b"GIF89a"))
