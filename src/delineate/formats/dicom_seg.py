"""DICOM Segmentation objects (PS3.3 A.51, and label maps of Supplement 243) as labels.

Frames are put in place by their positions; planes an object leaves out because they are empty are zero. The grid is the object's
own: from its first to its last plane, which may be fewer than the image has; the affine says where.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from delineate.domain import Geometry
from delineate.errors import UnreadableFile
from delineate.formats.bounds import check_grid
from delineate.formats.dicom_file import (
    SEGMENTATIONS,
    check_dicom,
    frames_of,
    group,
    numbers,
    open_dicom,
    orientation_of,
    pixel_spacing,
    position_of,
)
from delineate.formats.dicom_pixels import decode
from delineate.formats.dicom_planes import Planes, arrange
from delineate.formats.trouble import check_file, guarded, unreadable
from delineate.formats.types import LIMITS, Header, Limits, RawLabels


def is_segmentation(path: Path) -> bool:
    """Whether ``path`` is a DICOM SEG, by its header; False for whatever cannot be read."""
    try:
        check_file(path, LIMITS)
        with guarded(path):
            return open_dicom(path, tags=["SOPClassUID", "Rows", "Columns"]).get("SOPClassUID") in SEGMENTATIONS
    except UnreadableFile:
        return False


def seg_header(path: Path, dataset: Any, limits: Limits) -> Header:
    """``names`` are the numbers of the segments, as ``item`` takes them."""
    geometry, _ = _grid(path, dataset)
    check_grid(path, geometry.shape, 1, 2, limits)
    names = tuple(str(number) for number in segment_labels(dataset))
    meta = {"modality": "SEG", "segments": segment_labels(dataset), "kind": str(dataset.get("SegmentationType", ""))}
    return Header("dicom", geometry.shape, 1, "uint16", "grey", 1, names, geometry.spacing, meta)


def segment_labels(dataset: Any) -> dict[int, str]:
    """Numbers and labels of the segments. Segments count from 1; the 0 that label maps may describe is the background."""
    items = [(int(item.SegmentNumber), str(item.get("SegmentLabel") or "")) for item in dataset.get("SegmentSequence") or []]
    return {number: label for number, label in items if number > 0}


def _grid(path: Path, dataset: Any) -> tuple[Geometry, list[int]]:
    """The volume's geometry and the slice each frame belongs to."""
    positions = [position_of(dataset, frame) for frame in range(frames_of(dataset))]
    orientation = orientation_of(dataset)
    spacing, _ = pixel_spacing(dataset)
    if orientation is None or spacing is None or any(position is None for position in positions):
        raise unreadable("unsupported", path, "a segmentation whose frames do not say where they lie")
    known = [position for position in positions if position is not None]
    normal = np.cross(orientation[0], orientation[1])
    depths = np.array([float(position @ normal) for position in known])
    step = _step(dataset, depths)
    places = [int(place) for place in np.rint((depths - depths.min()) / step)]
    if np.abs(depths - depths.min() - np.array(places) * step).max() > 0.1 * step:
        raise unreadable("unsupported", path, "a segmentation with unevenly spaced slices")
    first = known[int(np.argmin(depths))]
    last = known[int(np.argmax(depths))]
    way = (last - first) / max(places) if max(places) else normal * step
    planes: Planes = arrange([first], orientation, step)
    planes = Planes(planes.order, first, np.asarray(way), orientation, planes.depths, ())
    return planes.geometry((int(dataset.Rows), int(dataset.Columns)), spacing, max(places) + 1), places


def _step(dataset: Any, depths: NDArray[np.float64]) -> float:
    """Distance of slices: the smallest between frames, unless the object states a smaller one that fits (sparse objects)."""
    measures = group(dataset, 0, "PixelMeasuresSequence")
    stated = None
    for name in ("SpacingBetweenSlices", "SliceThickness"):
        found = numbers([measures.get(name)], 1) if measures is not None else None
        if stated is None and found is not None and found[0] > 0:
            stated = float(found[0])
    gaps = np.diff(np.unique(np.round(depths, 3)))
    if not len(gaps):
        return stated or 1.0
    smallest = float(gaps.min())
    if stated is not None and stated < smallest * 0.99 and abs(smallest / stated - round(smallest / stated)) < 0.1:
        return smallest / round(smallest / stated)
    return smallest


def seg_labels(path: Path, item: str | None, limits: Limits) -> RawLabels:
    """Segment numbers as values; with ``item`` (a segment's number) that segment alone as 0/1.

    Raises UnreadableFile (``unsupported``) where segments overlap and no ``item`` is given.
    """
    dataset = open_dicom(path, limits, pixels=True)
    check_dicom(path, dataset, limits)
    geometry, places = _grid(path, dataset)
    check_grid(path, geometry.shape, 1, 2, limits)
    kind = str(dataset.get("SegmentationType", "BINARY"))
    meta = {"modality": "SEG", "segments": segment_labels(dataset), "kind": kind}
    wanted = _wanted(path, dataset, item)
    frames = decode(path, dataset)[..., 0]
    if kind == "FRACTIONAL":
        return RawLabels(geometry, path, values=_fractional(path, dataset, frames, places, wanted, geometry.shape), meta=meta)
    volume = np.zeros(geometry.shape, np.uint16)
    for frame, (pixels, place) in enumerate(zip(frames, places, strict=True)):
        if kind == "LABELMAP":
            new = pixels.astype(np.uint16) if wanted is None else (pixels == wanted).astype(np.uint16)
        else:
            number = _segment(path, dataset, frame)
            if wanted is not None and number != wanted:
                continue
            new = (pixels > 0).astype(np.uint16) * np.uint16(number if wanted is None else 1)
        if bool(((volume[place] > 0) & (new > 0)).any()):
            raise unreadable("unsupported", path, "its segments overlap; read them one by one")
        volume[place] += new
    return RawLabels(geometry, path, values=volume, meta=meta)


def _wanted(path: Path, dataset: Any, item: str | None) -> int | None:
    if item is None:
        return None
    if item not in {str(number) for number in segment_labels(dataset)}:
        raise unreadable("not-found", path, f"no segment {item}")
    return int(item)


def _segment(path: Path, dataset: Any, frame: int) -> int:
    found = group(dataset, frame, "SegmentIdentificationSequence")
    if found is None:
        raise unreadable("damaged", path, "a frame that belongs to no segment")
    return int(found.ReferencedSegmentNumber)


def _fractional(
    path: Path, dataset: Any, frames: NDArray[Any], places: list[int], wanted: int | None, shape: tuple[int, ...]
) -> NDArray[np.float32]:
    """Fractions 0…1 of one segment."""
    owners = [_segment(path, dataset, frame) for frame in range(len(frames))]
    chosen = wanted if wanted is not None else owners[0]
    if wanted is None and len(set(owners)) > 1:
        raise unreadable("unsupported", path, "several fractional segments; read them one by one")
    volume = np.zeros(shape, np.float32)
    top = float(dataset.get("MaximumFractionalValue") or 255)
    for pixels, place, owner in zip(frames, places, owners, strict=True):
        if owner == chosen:
            volume[place] = pixels / top
    return volume
