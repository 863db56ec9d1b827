"""The three questions asked of a file: what is in it, its pixels, its labels."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from delineate.domain import Geometry, Image
from delineate.formats.base import Format, registry
from delineate.formats.dicom_series import read_series, series_header
from delineate.formats.sniff import format_of
from delineate.formats.trouble import check_file, guarded, unreadable
from delineate.formats.types import LIMITS, Header, Limits, RawLabels


def read_header(path: Path, *, limits: Limits = LIMITS) -> Header:
    """What the file says of itself: shape, channels, type, spacing, items. No pixels are decoded.

    A folder is read as its one DICOM series. ``dtype`` is the stored one; DICOM's rescaling may widen it on reading.
    Raises UnreadableFile with one of :data:`~delineate.formats.trouble.CODES`.
    """
    path = Path(path)
    with guarded(path):
        if path.is_dir():
            return series_header(path, None, limits)
        return _format(path, limits).header(path, limits)


def read_image(path: Path, *, index: int | None = None, item: str | None = None, limits: Limits = LIMITS) -> Image:
    """The pixels, channels first, in the file's own number type, with their geometry.

    ``index``: page of a TIFF, place on the first axis of an array stack, frame of a cine, or slice of a volume, read as 2-D.
    ``item``: array of an NPZ; for a folder the UID of a DICOM series in it. Raises UnreadableFile.
    """
    path = Path(path)
    with guarded(path):
        if path.is_dir():
            image = read_series(path, item, limits)
        else:
            image = _format(path, limits).image(path, index, item, limits)
    if index is None or image.geometry.ndim == 2:
        return image
    _check_slice(path, index, image.geometry)
    return replace(image, pixels=np.ascontiguousarray(image.pixels[:, index]), geometry=_plane(image.geometry))


def read_labels(path: Path, *, index: int | None = None, item: str | None = None, limits: Limits = LIMITS) -> RawLabels:
    """A mask file's values, palette indices or colours, before any rule; ``index`` and ``item`` as for images.

    For a DICOM segmentation ``item`` is a segment's number. Raises UnreadableFile; JPEG with ``lossy-mask``.
    """
    path = Path(path)
    with guarded(path):
        if path.is_dir():
            image = read_series(path, item, limits)
            if image.channels != 1:
                raise unreadable("unsupported", path, f"a mask with {image.channels} channels")
            labels = RawLabels(image.geometry, path, values=image.pixels[0], meta=image.meta)
        else:
            labels = _format(path, limits).labels(path, index, item, limits)
    if index is None or labels.geometry.ndim == 2:
        return labels
    _check_slice(path, index, labels.geometry)
    values = None if labels.values is None else np.ascontiguousarray(labels.values[index])
    colours = None if labels.colours is None else np.ascontiguousarray(labels.colours[index])
    return replace(labels, values=values, colours=colours, geometry=_plane(labels.geometry))


def _format(path: Path, limits: Limits) -> Format:
    check_file(path, limits)
    name = format_of(path)
    if name is None:
        raise unreadable("not-an-image", path)
    return registry.get(name)


def _check_slice(path: Path, index: int, geometry: Geometry) -> None:
    if not 0 <= index < geometry.shape[0]:
        raise unreadable("unsupported", path, f"slice {index} of {geometry.shape[0]}")


def _plane(geometry: Geometry) -> Geometry:
    return Geometry(geometry.shape[1:], None if geometry.spacing is None else geometry.spacing[1:])
