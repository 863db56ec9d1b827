"""DICOM series: the files of a folder that are one volume, found, sorted by position and read as one image."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from delineate.domain import Geometry, Image
from delineate.errors import UnreadableFile
from delineate.formats.dicom_file import (
    PLANAR,
    SEGMENTATIONS,
    check_dicom,
    frames_of,
    numbers,
    open_dicom,
    orientation_of,
    pixel_spacing,
    position_of,
)
from delineate.formats.dicom_object import object_header, read_object
from delineate.formats.dicom_pixels import decode, modality_values
from delineate.formats.dicom_planes import Planes, arrange
from delineate.formats.samples import colour_of, native
from delineate.formats.sniff import format_of
from delineate.formats.trouble import check_file, guarded, unreadable
from delineate.formats.types import LIMITS, Header, Limits, Series

#: What tells volumes of one series apart that lie at the same places, the most meaningful first.
_TELLING = (
    "TemporalPositionIdentifier",
    "EchoNumbers",
    "EchoTime",
    "DiffusionBValue",
    "InversionTime",
    "TriggerTime",
    "ImageType",
    "ComplexImageComponent",
    "ConvolutionKernel",
    "AcquisitionNumber",
    "ContentTime",
    "AcquisitionTime",
)

_TAGS = [
    "SOPClassUID",
    "SeriesInstanceUID",
    "Modality",
    "Rows",
    "Columns",
    "NumberOfFrames",
    "SamplesPerPixel",
    "BitsAllocated",
    "InstanceNumber",
    "ImagePositionPatient",
    "ImageOrientationPatient",
    "PixelSpacing",
    "ImagerPixelSpacing",
    "SliceThickness",
    "SpacingBetweenSlices",
    *_TELLING,
]


def dicom_files(folder: Path) -> Iterator[Path]:
    """The DICOM files directly in ``folder``, in natural order; what cannot be opened is passed over."""
    for path in sorted((entry for entry in folder.iterdir() if not entry.name.startswith(".")), key=_natural):
        try:
            if format_of(path) == "dicom":
                yield path
        except UnreadableFile:
            continue


def _natural(path: Path) -> list[tuple[int, int, str]]:
    return [(0, int(part), "") if part.isdigit() else (1, 0, part) for part in re.split(r"(\d+)", path.name) if part]


def find_series(folder: Path) -> list[Series]:
    """The image series directly in ``folder`` (not below it), each with its files sorted along the slice normal.

    Files of one SeriesInstanceUID that differ in orientation or size cannot be one volume: each part is a Series of its own
    (``uid#1``, ``uid#2`` …) with the problem ``mixed-orientation`` (or ``mixed-size``). So do files at the same places that an
    attribute tells apart (time point, echo, b-value, image type …): ``several-volumes``, the attribute as ``facts["split_by"]``.
    X-ray, ultrasound and photographs are one Series a file, as is every multi-frame file. Segmentations and objects without pixels
    are not listed; files that cannot be read are passed over (read them by themselves to hear why).
    """
    groups: dict[str, list[tuple[Path, Any]]] = defaultdict(list)
    for path in dicom_files(Path(folder)):
        try:
            check_file(path, LIMITS)
            with guarded(path):
                dataset = open_dicom(path, tags=_TAGS)
        except UnreadableFile:
            continue
        if dataset.get("SOPClassUID") not in SEGMENTATIONS:
            groups[str(dataset.get("SeriesInstanceUID") or "unknown")].append((path, dataset))
    found = []
    for uid, members in groups.items():
        parts, why = _parts(members)
        volumes = [(volume, by) for part in parts for volume, by in _volumes(part)]
        for number, (part, by) in enumerate(volumes, 1):
            files, problems, facts = _sorted(part)
            if by:
                problems, facts = ("several-volumes", *problems), {**facts, "split_by": by}
            name = uid if len(volumes) == 1 else f"{uid}#{number}"
            found.append(Series(Path(folder), name, str(part[0][1].get("Modality", "")), files, (*why, *problems), facts))
    return found


_Members = list[tuple[Path, Any]]


def _parts(members: _Members) -> tuple[list[_Members], tuple[str, ...]]:
    parts: dict[tuple[Any, ...], _Members] = defaultdict(list)
    orientations, sizes = set(), set()
    for path, dataset in members:
        orientation = orientation_of(dataset)
        direction = None if orientation is None else tuple(np.round(orientation.ravel(), 2) + 0.0)
        size = (int(dataset.Rows), int(dataset.Columns), int(dataset.get("SamplesPerPixel") or 1))
        alone = str(dataset.get("Modality", "")) in PLANAR and position_of(dataset) is None
        if alone or frames_of(dataset) > 1:
            parts[path, direction, size].append((path, dataset))
            continue
        orientations.add(direction)
        sizes.add(size)
        parts[None, direction, size].append((path, dataset))
    why = ("mixed-orientation",) * (len(orientations) > 1) + ("mixed-size",) * (len(sizes) > 1)
    return list(parts.values()), why


def _volumes(part: _Members) -> list[tuple[_Members, str]]:
    """``part`` itself, or where several files lie at one place, the volumes that one attribute makes of it, and that attribute.

    Taken only if it leaves no two files of a volume at one place, and volumes of one size: anything else would be a guess.
    """
    planes = _planes(part) if len(part) > 1 else None
    if planes is None or "duplicate-position" not in planes.problems:
        return [(part, "")]
    for name in _TELLING:
        groups: dict[str, _Members] = defaultdict(list)
        for path, dataset in part:
            groups[str(dataset.get(name, ""))].append((path, dataset))
        if len(groups) < 2 or len({len(group) for group in groups.values()}) > 1:
            continue
        arranged = [_planes(group) for group in groups.values()]
        if all(one is not None and "duplicate-position" not in one.problems for one in arranged):
            return [(group, name) for _, group in sorted(groups.items(), key=lambda entry: _natural(Path(entry[0])))]
    return [(part, "")]


def _planes(part: _Members) -> Planes | None:
    """None where any file lacks a position or an orientation."""
    positions = [position_of(dataset) for _, dataset in part]
    orientation = orientation_of(part[0][1])
    if orientation is None or any(position is None for position in positions):
        return None
    first = part[0][1]
    thickness = next(
        (float(v[0]) for name in ("SpacingBetweenSlices", "SliceThickness") if (v := numbers([first.get(name)], 1)) is not None), 0
    )
    return arrange([position for position in positions if position is not None], orientation, abs(thickness) or None)


def _sorted(part: _Members) -> tuple[tuple[Path, ...], tuple[str, ...], Mapping[str, Any]]:
    if len(part) == 1:
        return (part[0][0],), (), {}
    planes = _planes(part)
    if planes is None:
        by_number = sorted(part, key=lambda member: (int(member[1].get("InstanceNumber") or 0), _natural(member[0])))
        return tuple(path for path, _ in by_number), ("no-position",), {}
    return tuple(part[i][0] for i in planes.order), planes.problems, planes.facts


def choose_series(folder: Path, item: str | None) -> Series:
    """The series ``item`` of ``folder``; without ``item`` the only one."""
    found = find_series(folder)
    if not found:
        raise unreadable("not-an-image", folder, "a folder without a DICOM series")
    if item is None:
        if len(found) > 1:
            raise unreadable("unsupported", folder, f"{len(found)} series, say which")
        return found[0]
    for series in found:
        if series.uid == item:
            return series
    raise unreadable("not-found", folder, "no such series in the folder")


def _grid(series: Series, part: _Members, limits: Limits) -> tuple[Geometry, dict[str, Any]]:
    first = part[0][1]
    check_dicom(series.files[0], first, limits, len(part))
    if "duplicate-position" in series.problems:
        raise unreadable("unsupported", series.folder, "several images at one position (a time series or echoes)")
    spacing, source = pixel_spacing(first)
    plane = (int(first.Rows), int(first.Columns))
    planes = _planes(part)
    geometry = planes.geometry(plane, spacing) if planes is not None else Geometry((len(part), *plane))
    meta: dict[str, Any] = {"problems": series.problems, "files": series.files, **series.facts}
    if source not in (None, "PixelSpacing"):
        meta["spacing_from"] = source
    return geometry, meta


def _open_all(series: Series, limits: Limits, *, pixels: bool) -> Iterator[tuple[Path, Any]]:
    for path in series.files:
        check_file(path, limits)
        with guarded(path):
            dataset = open_dicom(path, limits, pixels=pixels, tags=None if pixels else _TAGS)
        yield path, dataset


def series_header(folder: Path, item: str | None, limits: Limits) -> Header:
    """Header of a series in a folder (see :func:`find_series`)."""
    series = choose_series(folder, item)
    if len(series.files) == 1:
        (path,) = series.files
        with guarded(path):
            dataset = open_dicom(path, limits)
            check_dicom(path, dataset, limits)
            return object_header(path, dataset, limits)
    part = list(_open_all(series, limits, pixels=False))
    geometry, meta = _grid(series, part, limits)
    channels = int(part[0][1].get("SamplesPerPixel") or 1)
    dtype = "uint8" if int(part[0][1].get("BitsAllocated") or 8) <= 8 else "int16"
    meta["modality"] = series.modality
    return Header("dicom", geometry.shape, channels, dtype, colour_of(channels), spacing=geometry.spacing, meta=meta)


def read_series(folder: Path, item: str | None, limits: Limits) -> Image:
    """The series as one volume (C, slices, rows, columns), slices along the normal; a series of one file as that file.

    Raises UnreadableFile where slices share a position: they are several volumes. A series with gaps is read as it is, with
    ``meta["problems"]`` telling; it has no affine.
    """
    series = choose_series(folder, item)
    if len(series.files) == 1:
        with guarded(series.files[0]):
            return read_object(series.files[0], None, limits)
    geometry, meta = _grid(series, list(_open_all(series, limits, pixels=False)), limits)
    planes: list[NDArray[Any]] = []
    for path, dataset in _open_all(series, limits, pixels=True):
        with guarded(path):
            check_dicom(path, dataset, limits)
            values, facts = modality_values(path, dataset, decode(path, dataset))
        if values.shape[:3] != (1, *geometry.shape[1:]) or (planes and values.shape != planes[0].shape):
            raise unreadable("damaged", path, "it does not have the size of the other slices of its series")
        planes.append(values)
        meta |= facts
    volume = np.concatenate(planes)  # of slices that need a wider type than others, the widest
    pixels = native(np.ascontiguousarray(np.moveaxis(volume, -1, 0)))
    return Image(pixels, geometry, folder, "dicom", colour_of(len(pixels)), meta)
