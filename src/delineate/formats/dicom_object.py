"""One DICOM object as an image: one plane, or many frames.

Frames that say where they lie, one place each, are a volume with an affine, in the order of their places. Frames that do not
(cine), and frames of several orientations or several at one place (echoes, time points), are ``items``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from delineate.domain import Geometry, Image
from delineate.formats.dicom_file import (
    SEGMENTATIONS,
    check_dicom,
    frames_of,
    open_dicom,
    orientation_of,
    pixel_spacing,
    position_of,
)
from delineate.formats.dicom_pixels import decode, facts, modality_values
from delineate.formats.dicom_planes import Planes, arrange
from delineate.formats.samples import Samples, colour_of, native, to_labels
from delineate.formats.trouble import unreadable
from delineate.formats.types import Header, Limits, RawLabels


def frame_places(dataset: Any) -> tuple[Planes | None, tuple[str, ...]]:
    """How the frames lie in the patient, and what is wrong with them. None for one frame, and for frames that are no volume:
    without a place, of several orientations, or several at one place."""
    count = frames_of(dataset)
    orientation = orientation_of(dataset)
    positions = [position_of(dataset, frame) for frame in range(count)]
    known = [position for position in positions if position is not None]
    if count == 1 or orientation is None or len(known) != count:
        return None, ()
    others = (orientation_of(dataset, frame) for frame in range(1, count))
    if any(other is None or np.abs(other - orientation).max() > SAME_DIRECTION for other in others):
        return None, ("mixed-orientation",)
    if len({pixel_spacing(dataset, frame)[0] for frame in range(count)}) > 1:
        return None, ("mixed-size",)
    planes = arrange(known, orientation)
    return (None, ("duplicate-position",)) if "duplicate-position" in planes.problems else (planes, planes.problems)


SAME_DIRECTION = 0.01
"""Largest difference of direction cosines within a volume."""


def _grid(dataset: Any) -> tuple[Planes | None, tuple[int, ...], Geometry, dict[str, Any]]:
    plane = (int(dataset.Rows), int(dataset.Columns))
    spacing, source = pixel_spacing(dataset)
    meta: dict[str, Any] = {} if source in (None, "PixelSpacing") else {"spacing_from": source}
    planes, problems = frame_places(dataset)
    if problems:
        meta["problems"] = problems
    if planes is None:
        return None, plane, Geometry(plane, spacing), meta
    meta |= planes.facts
    return planes, (frames_of(dataset), *plane), planes.geometry(plane, spacing), meta


def object_header(path: Path, dataset: Any, limits: Limits) -> Header:
    """What the object says of itself; its bounds have been checked."""
    planes, shape, geometry, meta = _grid(dataset)
    coloured = str(dataset.get("PhotometricInterpretation", "")) == "PALETTE COLOR"
    channels = 3 if coloured else int(dataset.get("SamplesPerPixel") or 1)
    bits, signed = int(dataset.get("BitsAllocated") or 8), int(dataset.get("PixelRepresentation") or 0)
    dtype = "uint8" if bits <= 8 and not signed else f"{'int' if signed else 'uint'}{max(bits, 8)}"
    if "FloatPixelData" in dataset or "DoubleFloatPixelData" in dataset:
        dtype = f"float{bits}"
    items = 1 if planes is not None else frames_of(dataset)
    return Header(
        "dicom", shape, channels, dtype, colour_of(channels), items, spacing=geometry.spacing, meta={**facts(dataset), **meta}
    )


def _read(path: Path, index: int | None, limits: Limits, labels: bool) -> tuple[NDArray[Any], Geometry, dict[str, Any]]:
    dataset = open_dicom(path, limits, pixels=True)
    check_dicom(path, dataset, limits)
    if dataset.get("SOPClassUID") in SEGMENTATIONS:
        raise unreadable("unsupported", path, "a DICOM segmentation is a mask, not an image")
    if labels and str(dataset.get("LossyImageCompression", "")) == "01":
        raise unreadable("lossy-mask", path)
    planes, _, geometry, meta = _grid(dataset)
    stored = decode(path, dataset)
    values, more = (stored, facts(dataset)) if labels else modality_values(path, dataset, stored)
    if planes is not None:
        values = values[list(planes.order)]
    if index is not None and not 0 <= index < len(values):
        raise unreadable("unsupported", path, f"frame {index} of {len(values)}")
    if index is not None or len(values) == 1:
        values = values[index or 0]
        spacing = geometry.spacing[-2:] if geometry.spacing is not None else pixel_spacing(dataset)[0]
        geometry = Geometry(values.shape[:-1], spacing)
    elif planes is None:
        geometry = Geometry(values.shape[:-1])
    return values, geometry, {**more, **meta, "files": (path,)}


def read_object(path: Path, index: int | None, limits: Limits) -> Image:
    """The object's pixels (C, …) in the modality's units; ``index`` one of its frames (of a volume: a slice along the normal)."""
    values, geometry, meta = _read(path, index, limits, labels=False)
    pixels = native(np.ascontiguousarray(np.moveaxis(values, -1, 0)))
    return Image(pixels, geometry, path, "dicom", colour_of(len(pixels)), meta)


def object_labels(path: Path, index: int | None, limits: Limits) -> RawLabels:
    """A mask stored as a plain DICOM image: its stored values. Raises UnreadableFile ``lossy-mask``."""
    values, geometry, meta = _read(path, index, limits, labels=True)
    return to_labels(Samples(values, meta=meta), geometry, path)
