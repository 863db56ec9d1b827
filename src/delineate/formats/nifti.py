"""NIfTI-1 and -2 (.nii, .nii.gz) by nibabel.

NIfTI's (i, j, k[, channel]) becomes (channel, k, j, i); the affine's columns move with the axes, so that a voxel keeps its place.
Header units other than mm are converted; none stated is mm, as all software reads it, but for steps of 1 in a header that states
neither unit nor position: nobody filled it in, and the spacing is unknown. A file whose sform and qform codes are both
0 does not say where it lies: its affine is ``None``. A fourth axis of up to 16 is channels; longer is a time series and refused.
"""

from __future__ import annotations

import gzip
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from delineate.domain import Geometry, Image
from delineate.formats.base import Format, registry
from delineate.formats.bounds import MAX_CHANNELS, check_grid, check_stored
from delineate.formats.samples import colour_of, native
from delineate.formats.trouble import unreadable
from delineate.formats.types import Header, Limits, RawLabels

_UNITS = {"mm": 1.0, "unknown": 1.0, "meter": 1000.0, "micron": 0.001}
_MAX_OFFSET = 64 << 20
"""Extensions before the pixels larger than this are no extensions."""


@dataclass(frozen=True)
class _Opened:
    nifti: Any
    grid: tuple[int, ...]  # (i, j) or (i, j, k)
    channels: int
    rgb: bool
    dtype: np.dtype[Any]  # of the image made of it
    scaled: bool  # asked of the header as stored: nibabel takes slope and intercept out of the one it hands on

    @property
    def shape(self) -> tuple[int, ...]:
        return self.grid[::-1]


@contextmanager
def _opened(path: Path, limits: Limits) -> Iterator[_Opened]:
    import nibabel

    with path.open("rb") as raw:
        zipped = raw.read(2) == b"\x1f\x8b"
        raw.seek(0)
        stream = gzip.GzipFile(fileobj=raw) if zipped else raw
        head = stream.read(540)
        if len(head) < 348:
            raise unreadable("truncated", path, "no complete header")
        kind = nibabel.Nifti2Image if head[4:8] == b"n+2\0" else nibabel.Nifti1Image
        if head[344:348] == b"ni1\0" or head[4:8] == b"ni2\0":
            raise unreadable("unsupported", path, "a header without its pixels (.hdr/.img pair)")
        header = kind.header_class(head[: kind.header_class.sizeof_hdr])
        opened = _describe(path, header)
        itemsize = header.get_data_dtype().itemsize
        check_grid(path, opened.grid, opened.channels, max(itemsize, opened.dtype.itemsize if opened.scaled else 0), limits)
        stored = math.prod(header.get_data_shape()) * itemsize
        offset = int(header.get_data_offset())
        if not 0 <= offset <= _MAX_OFFSET:
            raise unreadable("damaged", path, f"pixels from byte {offset:,}")
        check_stored(path, stored + offset, path.stat().st_size, "deflate" if zipped else "none")
        stream.seek(0)
        nifti = kind.from_stream(stream)
        yield replace(opened, nifti=nifti)


def _is_scaled(header: Any) -> bool:
    slope, inter = header.get_slope_inter()
    return slope is not None and (slope, inter) != (1.0, 0.0)


def _describe(path: Path, header: Any) -> _Opened:
    shape = tuple(int(n) for n in header.get_data_shape())
    while len(shape) > 3 and shape[-1] == 1:
        shape = shape[:-1]
    if len(shape) == 5 and shape[3] == 1:  # vectors: (i, j, k, 1, channel)
        shape = (*shape[:3], shape[4])
    dtype = header.get_data_dtype()
    rgb = dtype.names is not None
    if dtype.kind == "c" or (not rgb and (dtype.kind not in "uif" or dtype.itemsize > 8)):
        raise unreadable("unsupported", path, f"values of type {dtype}")
    if len(shape) not in (2, 3, 4) or (rgb and len(shape) == 4):
        raise unreadable("unsupported", path, f"{len(shape)} axes {shape}")
    channels = 3 if rgb else shape[3] if len(shape) == 4 else 1
    if channels > MAX_CHANNELS:
        raise unreadable("unsupported", path, f"a series of {channels} volumes; up to {MAX_CHANNELS} are read as channels")
    kept = np.dtype(np.uint8) if rgb else dtype.newbyteorder("=")
    scaled = not rgb and _is_scaled(header)
    if scaled:
        kept = np.dtype(np.float64 if dtype.itemsize > 2 else np.float32)
    return _Opened(None, shape[:3], channels, rgb, np.dtype(kept), scaled)


def _geometry(opened: _Opened) -> tuple[Geometry, dict[str, Any]]:
    header = opened.nifti.header
    unit = _UNITS.get(header.get_xyzt_units()[0], 1.0)
    size = len(opened.grid)
    zooms = [abs(float(zoom)) * unit for zoom in header.get_zooms()[:size]]
    codes = (int(header["qform_code"]), int(header["sform_code"]))
    meta: dict[str, Any] = {
        "units": header.get_xyzt_units()[0],
        "nifti": {
            "version": 2 if header.sizeof_hdr == 540 else 1,
            "sform_code": codes[1],
            "qform_code": codes[0],
            "sform": header.get_sform().tolist(),
            "qform": _qform(header),
            "xyzt_units": int(header["xyzt_units"]),
            "pixdim": [float(value) for value in header["pixdim"][:4]],
        },
    }
    affine = np.array(opened.nifti.affine, np.float64)
    affine[:3] *= unit
    columns = np.linalg.norm(affine[:3, :3], axis=0)
    placed = any(codes) and bool(np.isfinite(affine).all()) and abs(np.linalg.det(affine[:3, :3])) > 1e-12
    if placed and not np.allclose(zooms, columns[:size], rtol=1e-3):
        zooms = [float(column) for column in columns[:size]]  # the affine places the voxels; pixdim disagrees with it
        meta["spacing_conflict"] = True
    spacing = tuple(zooms[::-1]) if all(math.isfinite(zoom) and zoom > 0 for zoom in zooms) else None
    if not any(codes) and header.get_xyzt_units()[0] == "unknown" and all(zoom == 1.0 for zoom in zooms):
        spacing = None  # what writers leave in a header when they know nothing
    if size == 2 or not placed:
        return Geometry(opened.shape, spacing), meta
    return Geometry(opened.shape, spacing, affine[:, [2, 1, 0, 3]]), meta


def _qform(header: Any) -> list[list[float]] | None:
    try:
        return [[float(value) for value in row] for row in header.get_qform()]
    except (ValueError, ArithmeticError):  # a broken quaternion in a file whose sform is used
        return None


def _header(path: Path, limits: Limits) -> Header:
    with _opened(path, limits) as opened:
        geometry, meta = _geometry(opened)
        colour = "rgb" if opened.rgb else "grey" if opened.channels == 1 else "channels"
        return Header("nifti", opened.shape, opened.channels, opened.dtype.name, colour, spacing=geometry.spacing, meta=meta)


def _pixels(opened: _Opened) -> NDArray[Any]:
    """(C, k, j, i) or (C, j, i)."""
    proxy = opened.nifti.dataobj
    if opened.scaled:
        array = np.asarray(proxy, dtype=opened.dtype)
    else:
        array = np.asarray(proxy.get_unscaled())
    if opened.rgb:
        array = np.stack([array[name] for name in ("R", "G", "B")], axis=-1)
    size = len(opened.grid)
    array = array.reshape(*opened.grid, opened.channels)
    return native(np.ascontiguousarray(np.transpose(array, (size, *range(size - 1, -1, -1)))))


def _image(path: Path, index: int | None, item: str | None, limits: Limits) -> Image:
    with _opened(path, limits) as opened:
        geometry, meta = _geometry(opened)
        colour = "rgb" if opened.rgb else colour_of(opened.channels) if opened.channels == 1 else "channels"
        return Image(_pixels(opened), geometry, path, "nifti", colour, meta)


def _labels(path: Path, index: int | None, item: str | None, limits: Limits) -> RawLabels:
    with _opened(path, limits) as opened:
        geometry, meta = _geometry(opened)
        pixels = _pixels(opened)
    if opened.rgb:
        return RawLabels(geometry, path, colours=np.ascontiguousarray(np.moveaxis(pixels, 0, -1)), meta=meta)
    if opened.channels != 1:
        raise unreadable("unsupported", path, f"a mask with {opened.channels} channels")
    return RawLabels(geometry, path, values=pixels[0], meta=meta)


def _matches(head: bytes, suffix: str) -> bool:
    return head[344:348] in (b"n+1\0", b"ni1\0") or head[4:8] in (b"n+2\0", b"ni2\0")


registry.add("nifti", Format("nifti", (".nii", ".nii.gz"), _matches, _header, _image, _labels))
