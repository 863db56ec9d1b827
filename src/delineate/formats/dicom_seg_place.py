"""A DICOM segmentation put onto the grid of the image it was drawn on: every segment, every plane, whatever is left out.

The grid of the object itself (``dicom_seg``) begins at its first plane that is not empty and cannot describe series with gaps; here
frames find their plane by position, so that what was written comes back exactly, in any order.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from delineate.domain import Image
from delineate.formats.bounds import check_grid
from delineate.formats.dicom_file import SEGMENTATIONS, check_dicom, frames_of, group, open_dicom, orientation_of, position_of
from delineate.formats.dicom_object import SAME_DIRECTION, frame_places
from delineate.formats.dicom_pixels import decode
from delineate.formats.dicom_seg import segment_labels
from delineate.formats.trouble import check_file, guarded, unreadable
from delineate.formats.types import LIMITS, Limits

_APART_MM = 0.05
"""A frame belongs to a plane whose position is no further away: positions are written as decimal strings."""


@dataclass(frozen=True, eq=False)
class Segments:
    """``masks``: (K, *image shape), uint8 of 0/1, or float32 0…1 of a FRACTIONAL object; ``numbers`` and ``names`` of the K."""

    numbers: tuple[int, ...]
    names: tuple[str, ...]
    masks: NDArray[Any]


def read_segments(path: Path, image: Image, limits: Limits = LIMITS) -> Segments:
    """The segments of the DICOM SEG ``path`` on the grid of ``image`` (read from DICOM). Overlaps are kept.

    Raises UnreadableFile: no segmentation, of another size or orientation, or with a frame at none of the image's planes.
    """
    path = Path(path)
    check_file(path, limits)
    with guarded(path):
        dataset = open_dicom(path, limits, pixels=True)
        check_dicom(path, dataset, limits)
        if dataset.get("SOPClassUID") not in SEGMENTATIONS:
            raise unreadable("unsupported", path, "it is no DICOM segmentation")
        shape = image.geometry.shape
        if (int(dataset.Rows), int(dataset.Columns)) != shape[-2:]:
            raise unreadable(
                "unsupported", path, f"a segmentation of {dataset.Rows} × {dataset.Columns}, the image is {shape[-2:]}"
            )
        labels = segment_labels(dataset)
        numbers = tuple(labels)
        names = tuple(label or str(number) for number, label in labels.items())
        kind = str(dataset.get("SegmentationType", "BINARY"))
        planes = shape[0] if len(shape) == 3 else 1
        check_grid(path, (planes, *shape[-2:]), max(len(numbers), 1), 4 if kind == "FRACTIONAL" else 1, limits)
        masks = np.zeros((len(numbers), planes, *shape[-2:]), np.float32 if kind == "FRACTIONAL" else np.uint8)
        places = _places(path, dataset, image)
        top = float(dataset.get("MaximumFractionalValue") or 255)
        for frame, (pixels, place) in enumerate(zip(decode(path, dataset)[..., 0], places, strict=True)):
            if kind == "LABELMAP":
                for k, number in enumerate(numbers):
                    masks[k, place] |= (pixels == number).astype(np.uint8)
                continue
            found = group(dataset, frame, "SegmentIdentificationSequence")
            if found is None or int(found.ReferencedSegmentNumber) not in numbers:
                raise unreadable("damaged", path, "a frame that belongs to no segment")
            k = numbers.index(int(found.ReferencedSegmentNumber))
            masks[k, place] = np.maximum(masks[k, place], pixels / top if kind == "FRACTIONAL" else pixels > 0)
    return Segments(numbers, names, masks.reshape(len(numbers), *shape))


def _places(path: Path, dataset: Any, image: Image) -> list[int]:
    """For each frame the plane of the image that it lies on."""
    count = frames_of(dataset)
    here = [position_of(dataset, frame) for frame in range(count)]
    known, orientation = _planes(image)
    if not known and image.geometry.ndim == 2:
        return [0] * count  # a radiograph: no positions, one plane
    there = [position for position in here if position is not None]
    if not known or len(there) != count:
        return [_by_reference(path, dataset, frame, image) for frame in range(count)]
    table = np.array(known)
    answer = []
    for frame, position in enumerate(there):
        own = orientation_of(dataset, frame)
        if own is None or orientation is None or np.abs(own - orientation).max() > SAME_DIRECTION:
            raise unreadable("unsupported", path, "a segmentation of another orientation than the image")
        distances = np.linalg.norm(table - position, axis=1)
        if float(distances.min()) > _APART_MM:
            raise unreadable("unsupported", path, f"a frame that lies {distances.min():.3g} mm from any plane of the image")
        answer.append(int(distances.argmin()))
    return answer


def _planes(image: Image) -> tuple[list[NDArray[np.float64]], NDArray[np.float64] | None]:
    """Position of every plane of ``image`` (LPS mm), in its order, and the orientation of all; nothing where files do not say."""
    datasets = []
    for file in image.meta.get("files", ()):
        with guarded(file):
            datasets.append(open_dicom(file))
    if not datasets:
        return [], None
    if len(datasets) > 1:
        found = [position_of(dataset) for dataset in datasets]
    elif frames_of(datasets[0]) == 1:
        found = [position_of(datasets[0])]
    else:
        places, _ = frame_places(datasets[0])
        order = places.order if places is not None else range(frames_of(datasets[0]))
        found = [position_of(datasets[0], frame) for frame in order]
    positions = [position for position in found if position is not None]
    return (positions if len(positions) == len(found) else []), orientation_of(datasets[0])


def _by_reference(path: Path, dataset: Any, frame: int, image: Image) -> int:
    """Where nothing has a position: the frame of the source (a cine) that is named as its origin."""
    derivation = group(dataset, frame, "DerivationImageSequence")
    source = (derivation.get("SourceImageSequence") or [None])[0] if derivation is not None else None
    number = source.get("ReferencedFrameNumber") if source is not None else None
    if number is None:
        raise unreadable("unsupported", path, "a segmentation whose frames do not say where they lie")
    place = int(number) - 1
    if not 0 <= place < image.geometry.shape[0]:
        raise unreadable("damaged", path, f"it names frame {number} of its image")
    return place
