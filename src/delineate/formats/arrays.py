"""NumPy's NPY and NPZ: arrays without a word about what their axes mean, so the convention is stated here.

- 2-D: (row, column), one grey image.
- 3-D with a last axis of at most 4: (row, column, channel), one image.
- 3-D otherwise: (item, row, column), a stack.
- 4-D with a last axis of at most 16: (item, row, column, channel), a stack. Anything else is refused.

A stack has ``Header.items``; ``index`` reads one item, no index the whole stack as a volume. Pickled (object) arrays are
refused, always. NPY is memory-mapped: one item of a large stack costs one item. A colour *mask* is (row, column, 3) uint8.
"""

from __future__ import annotations

import math
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from delineate.domain import Geometry, Image
from delineate.errors import DataError
from delineate.formats.base import Format, registry
from delineate.formats.bounds import MAX_CHANNELS, check_grid, check_stored
from delineate.formats.samples import Samples, colour_of, to_image, to_labels
from delineate.formats.trouble import unreadable
from delineate.formats.types import Header, Limits, RawLabels


@dataclass(frozen=True)
class _Layout:
    """How an array's axes are meant: items (0 when it is one image), spatial shape of an item, channels (0: no such axis)."""

    items: int
    shape: tuple[int, int]
    channels: int


def _layout(path: Path, shape: tuple[int, ...], name: str = "") -> _Layout:
    if len(shape) == 2:
        return _Layout(0, (shape[0], shape[1]), 0)
    if len(shape) == 3 and shape[2] <= 4:
        return _Layout(0, (shape[0], shape[1]), shape[2])
    if len(shape) == 3:
        return _Layout(shape[0], (shape[1], shape[2]), 0)
    if len(shape) == 4 and shape[3] <= MAX_CHANNELS:
        return _Layout(shape[0], (shape[1], shape[2]), shape[3])
    raise unreadable("unsupported", path, f"an array of shape {shape} {name}".strip())


def _read_array_header(path: Path, file: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Shape, Fortran order and type of the NPY stream, which is left at the first value."""
    version = np.lib.format.read_magic(file)
    if version == (1, 0):
        shape, fortran, dtype = np.lib.format.read_array_header_1_0(file)
    elif version == (2, 0):
        shape, fortran, dtype = np.lib.format.read_array_header_2_0(file)
    else:
        raise unreadable("unsupported", path, f"NPY version {version}")
    if dtype.hasobject:
        raise unreadable("unsupported", path, "pickled Python objects")
    if dtype.kind not in "buif" or dtype.itemsize > 8:
        raise unreadable("unsupported", path, f"values of type {dtype}")
    return shape, fortran, dtype


def _checked(path: Path, shape: tuple[int, ...], dtype: np.dtype[Any], limits: Limits, name: str = "") -> _Layout:
    layout = _layout(path, shape, name)
    check_grid(path, (layout.items or 1, *layout.shape), layout.channels or 1, dtype.itemsize, limits)
    return layout


def _describe(path: Path, format: str, layout: _Layout, dtype: np.dtype[Any], names: tuple[str, ...] = (), **meta: Any) -> Header:  # noqa: A002
    channels = layout.channels or 1
    kept = "uint8" if dtype.kind == "b" else "float32" if dtype == np.float16 else dtype.newbyteorder("=").name
    return Header(format, layout.shape, channels, kept, colour_of(channels), layout.items or 1, names, meta=meta)


def _samples(path: Path, array: NDArray[Any], layout: _Layout, index: int | None) -> tuple[Samples, Geometry]:
    """One image, one item of a stack, or (no index) the whole stack as a volume."""
    if index is not None and not 0 <= index < (layout.items or 1):
        raise unreadable("unsupported", path, f"item {index} of {layout.items or 1}")
    if layout.items and index is not None:
        array = array[index]
    values = np.array(array if layout.channels else array[..., None])
    return Samples(values), Geometry(values.shape[:-1])


# -- NPY


def _npy_header(path: Path, limits: Limits) -> Header:
    with path.open("rb") as file:
        shape, _, dtype = _read_array_header(path, file)
        layout = _checked(path, shape, dtype, limits)
        check_stored(path, math.prod(shape) * dtype.itemsize, path.stat().st_size - file.tell(), "none")
    return _describe(path, "npy", layout, dtype)


def _npy(path: Path, index: int | None, limits: Limits) -> tuple[Samples, Geometry]:
    _npy_header(path, limits)
    array = np.load(path, mmap_mode="r", allow_pickle=False)
    return _samples(path, array, _layout(path, array.shape), index)


# -- NPZ


@contextmanager
def _member(path: Path, archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Iterator[IO[bytes]]:
    if info.flag_bits & 1:
        raise unreadable("unsupported", path, f"{info.filename} is encrypted")
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise unreadable("unsupported", path, f"{info.filename}: compression {info.compress_type}")
    with archive.open(info) as file:
        yield file


def _arrays(path: Path, archive: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    members = {info.filename[: -len(".npy")]: info for info in archive.infolist() if info.filename.endswith(".npy")}
    if not members:
        raise unreadable("not-an-image", path, "a ZIP file without arrays")
    return members


def _shapes(path: Path, archive: zipfile.ZipFile) -> dict[str, tuple[tuple[int, ...], np.dtype[Any]]]:
    """Every array that could be an image; others (numbers, names, object arrays) are passed over."""
    found = {}
    for name, info in _arrays(path, archive).items():
        try:
            with _member(path, archive, info) as file:
                shape, _, dtype = _read_array_header(path, file)
            _layout(path, shape)
        except (ValueError, DataError):
            continue
        if min(shape) > 0:
            found[name] = (shape, dtype)
    return found


def _npz_header(path: Path, limits: Limits) -> Header:
    with zipfile.ZipFile(path) as archive:
        found = _shapes(path, archive)
        if not found:
            _read_member(path, archive, _choose(path, archive, None), None, limits)  # says what is wrong with it
            raise unreadable("not-an-image", path, "no array in it is an image")
        shape, dtype = next(iter(found.values()))
        layout = _checked(path, shape, dtype, limits)
    return _describe(path, "npz", layout, dtype, tuple(found), arrays={name: list(shape) for name, (shape, _) in found.items()})


def _choose(path: Path, archive: zipfile.ZipFile, item: str | None) -> str:
    names = _arrays(path, archive)
    if item is not None:
        if item not in names:
            raise unreadable("unsupported", path, f"no array '{item}'; there are: {', '.join(names)}")
        return item
    usable = list(_shapes(path, archive)) or list(names)
    if len(usable) > 1:
        raise unreadable("unsupported", path, f"several arrays, say which: {', '.join(usable)}")
    return usable[0]


def _read_member(
    path: Path, archive: zipfile.ZipFile, name: str, index: int | None, limits: Limits
) -> tuple[NDArray[Any], _Layout, int | None]:
    """The array, or with ``index`` only its item (as a stack of one), without inflating what comes after it."""
    info = _arrays(path, archive)[name]
    with _member(path, archive, info) as file:
        shape, fortran, dtype = _read_array_header(path, file)
        layout = _checked(path, shape, dtype, limits, name)
        size = math.prod(shape) * dtype.itemsize
        if info.file_size < size:
            raise unreadable("truncated", path, f"{name}: {size:,} bytes claimed, {info.file_size:,} stored")
        check_stored(path, size, info.compress_size, "none" if info.compress_type == zipfile.ZIP_STORED else "deflate")
        if index is not None and layout.items and not fortran and 0 <= index < layout.items:
            size //= layout.items
            file.seek(size * index, 1)
            shape, layout, index = (1, *shape[1:]), _Layout(1, layout.shape, layout.channels), 0
        data = file.read(size)
    if len(data) < size:
        raise unreadable("truncated", path, name)
    return np.frombuffer(data, dtype).reshape(shape, order="F" if fortran else "C"), layout, index


def _npz(path: Path, index: int | None, item: str | None, limits: Limits) -> tuple[Samples, Geometry]:
    with zipfile.ZipFile(path) as archive:
        array, layout, index = _read_member(path, archive, _choose(path, archive, item), index, limits)
    return _samples(path, array, layout, index)


def _npz_matches(head: bytes, suffix: str) -> bool:
    """A ZIP whose first entry is an array; other ZIPs (office files, archives of images) are none of ours."""
    if head[:4] != b"PK\x03\x04":
        return False
    name = head[30 : 30 + int.from_bytes(head[26:28], "little")]
    return name.endswith(b".npy") or suffix == ".npz"


def _npy_image(path: Path, index: int | None, item: str | None, limits: Limits) -> Image:
    return to_image(*_npy(path, index, limits), path, "npy")


def _npy_labels(path: Path, index: int | None, item: str | None, limits: Limits) -> RawLabels:
    return to_labels(*_npy(path, index, limits), path)


def _npz_image(path: Path, index: int | None, item: str | None, limits: Limits) -> Image:
    return to_image(*_npz(path, index, item, limits), path, "npz")


def _npz_labels(path: Path, index: int | None, item: str | None, limits: Limits) -> RawLabels:
    return to_labels(*_npz(path, index, item, limits), path)


def _npy_matches(head: bytes, suffix: str) -> bool:
    return head.startswith(b"\x93NUMPY")


registry.add("npy", Format("npy", (".npy",), _npy_matches, _npy_header, _npy_image, _npy_labels))
registry.add("npz", Format("npz", (".npz",), _npz_matches, _npz_header, _npz_image, _npz_labels))
