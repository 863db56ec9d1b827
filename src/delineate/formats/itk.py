"""NRRD (.nrrd, .nhdr) and MetaImage (.mha, .mhd) by SimpleITK.

ITK's world is LPS+, ours RAS+: the first two rows of the affine change sign. Vector pixels and a fourth axis are channels (up to
16). A spacing or a position the header does not state is ``None``, not ITK's stand-in.
"""

from __future__ import annotations

import functools
import math
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from delineate.domain import Geometry, Image
from delineate.formats.base import Format, registry
from delineate.formats.bounds import MAX_CHANNELS, check_grid, check_stored
from delineate.formats.itk_header import TextHeader, read_text_header
from delineate.formats.samples import native
from delineate.formats.trouble import unreadable
from delineate.formats.types import Header, Limits, RawLabels

_READERS = {"nrrd": "NrrdImageIO", "mha": "MetaImageIO"}
LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])


@functools.cache
def simple_itk() -> Any:
    """The module, with the warnings its C++ side would print switched off."""
    import SimpleITK

    SimpleITK.ProcessObject.GlobalWarningDisplayOff()
    return SimpleITK


def _inspect(path: Path, kind: str, limits: Limits) -> tuple[Any, TextHeader, tuple[int, ...], int, np.dtype[Any]]:
    """The reader with the header read, our reading of it, the grid (array order), channels and type."""
    text = read_text_header(path, kind)
    sitk = simple_itk()
    reader = sitk.ImageFileReader()
    reader.SetFileName(str(path))
    reader.SetImageIO(_READERS[kind])
    reader.ReadImageInformation()
    size: tuple[int, ...] = tuple(int(n) for n in reader.GetSize())
    components = int(reader.GetNumberOfComponents())
    pixel = sitk.GetPixelIDValueAsString(reader.GetPixelID())
    if "complex" in pixel:
        raise unreadable("unsupported", path, pixel)
    dtype = _dtype(path, pixel)
    while len(size) > 3 and size[-1] == 1:
        size = size[:-1]
    if len(size) == 4 and components == 1:
        size, components = size[:3], size[-1]
    if len(size) not in (2, 3):
        raise unreadable("unsupported", path, f"{len(size)} axes {size}")
    if components > MAX_CHANNELS:
        raise unreadable("unsupported", path, f"{components} channels; {MAX_CHANNELS} are allowed")
    decoded = check_grid(path, size, components, dtype.itemsize, limits)
    if text.coding:
        check_stored(path, decoded, text.stored, text.coding)
    return reader, text, size[::-1], components, dtype


def _dtype(path: Path, pixel: str) -> np.dtype[Any]:
    bits = next((word for word in pixel.split() if word.endswith("-bit")), "")
    width = {"8-bit": 1, "16-bit": 2, "32-bit": 4, "64-bit": 8}.get(bits)
    if width is None:
        raise unreadable("unsupported", path, f"values of type {pixel}")
    return np.dtype(f"{'u' if 'unsigned' in pixel else 'f' if 'float' in pixel else 'i'}{width}")


def _geometry(reader: Any, text: TextHeader, shape: tuple[int, ...]) -> Geometry:
    size = len(shape)
    dimension = int(reader.GetDimension())
    steps = np.array(reader.GetSpacing(), float)[:size] * text.unit
    spacing = (
        tuple(float(step) for step in steps[::-1]) if text.has_spacing and all(np.isfinite(steps)) and (steps > 0).all() else None
    )
    if size == 2 or not text.has_position or spacing is None:
        return Geometry(shape, spacing)
    affine = np.eye(4)
    affine[:3, :3] = np.array(reader.GetDirection(), float).reshape(dimension, dimension)[:3, :3] * steps
    affine[:3, 3] = np.array(reader.GetOrigin(), float)[:3] * text.unit
    affine = (LPS_TO_RAS @ affine)[:, [2, 1, 0, 3]]
    if not np.isfinite(affine).all() or math.isclose(float(np.linalg.det(affine[:3, :3])), 0.0, abs_tol=1e-12):
        return Geometry(shape, spacing)
    return Geometry(shape, spacing, affine)


def _header(path: Path, kind: str, limits: Limits) -> Header:
    reader, text, shape, channels, dtype = _inspect(path, kind, limits)
    geometry = _geometry(reader, text, shape)
    return Header(kind, shape, channels, dtype.name, _colour(channels, dtype), spacing=geometry.spacing, meta={})


def _colour(channels: int, dtype: np.dtype[Any]) -> str:
    return "grey" if channels == 1 else "rgb" if channels == 3 and dtype == np.uint8 else "channels"


def _pixels(path: Path, kind: str, limits: Limits) -> tuple[NDArray[Any], Geometry]:
    reader, text, shape, channels, _ = _inspect(path, kind, limits)
    array = simple_itk().GetArrayFromImage(reader.Execute())
    if reader.GetNumberOfComponents() > 1:
        array = np.moveaxis(array.reshape(*shape, channels), -1, 0)
    return native(np.ascontiguousarray(array.reshape(channels, *shape))), _geometry(reader, text, shape)


def _image(path: Path, kind: str, limits: Limits) -> Image:
    pixels, geometry = _pixels(path, kind, limits)
    return Image(pixels, geometry, path, kind, _colour(pixels.shape[0], pixels.dtype), {})


def _labels(path: Path, kind: str, limits: Limits) -> RawLabels:
    pixels, geometry = _pixels(path, kind, limits)
    if len(pixels) == 1:
        return RawLabels(geometry, path, values=pixels[0])
    if len(pixels) == 3 and pixels.dtype == np.uint8:
        return RawLabels(geometry, path, colours=np.ascontiguousarray(np.moveaxis(pixels, 0, -1)))
    raise unreadable("unsupported", path, f"a mask with {len(pixels)} channels")


def _nrrd_matches(head: bytes, suffix: str) -> bool:
    return head.startswith(b"NRRD000")


def _mha_matches(head: bytes, suffix: str) -> bool:
    return b"NDims" in head and b"=" in head and (b"ObjectType" in head or b"DimSize" in head) and b"\0" not in head[:16]


def _add(kind: str, suffixes: tuple[str, ...]) -> None:
    registry.add(
        kind,
        Format(
            kind,
            suffixes,
            _nrrd_matches if kind == "nrrd" else _mha_matches,
            lambda path, limits: _header(path, kind, limits),
            lambda path, index, item, limits: _image(path, kind, limits),
            lambda path, index, item, limits: _labels(path, kind, limits),
        ),
    )


_add("nrrd", (".nrrd", ".nhdr"))
_add("mha", (".mha", ".mhd"))
