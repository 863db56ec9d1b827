"""Masks in files → measures: the whole job, in which one bad file never ends the rest."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from delineate.domain import Geometry, Image
from delineate.errors import DataError, DelineateError
from delineate.events import EventSink, Progress, discard
from delineate.formats import is_irregular, read_image
from delineate.measures.case import Options, measure_mask
from delineate.measures.frame import Binary, Frame, frame_of
from delineate.measures.reading import FOREGROUND, Names, OpenMask, open_mask
from delineate.measures.sources import Gathered, ImageSource, MaskJob
from delineate.measures.tables import LeftOut, MeasuredFile


@dataclass(frozen=True)
class Reading:
    """How masks are read: ``names`` of classes; ``threshold`` from which a value is foreground; ``need_mm`` refuses masks whose
    spacing nobody knows instead of measuring them in pixels."""

    names: Names = field(default_factory=lambda: Names({}))
    threshold: float | None = None
    need_mm: bool = False


def measure_files(
    gathered: Gathered, reading: Reading, options: Options, *, on_event: EventSink = discard
) -> tuple[list[MeasuredFile], list[LeftOut]]:
    """Measure every job; what could not be measured is told with its reason. A single mask's error is raised."""
    done: list[MeasuredFile] = []
    left_out = list(gathered.left_out)
    total = len(gathered.jobs)
    images = _LastImage()
    for number, job in enumerate(gathered.jobs):
        on_event(Progress("measures", number, total))
        try:
            done.append(_measured(job, images, reading, options))
        except DelineateError as error:
            if total == 1:
                raise
            left_out.append(LeftOut(job.masks[0], error.key, dict(error.params)))
    on_event(Progress("measures", total, total))
    return done, left_out


class _LastImage:
    """Reads images; the same one for several masks in a row (a file per organ) only once."""

    def __init__(self) -> None:
        self._source: ImageSource | None = None
        self._image: Image | None = None

    def read(self, source: ImageSource) -> Image:
        if self._image is None or source != self._source:
            self._source, self._image = source, read_image(source.path, item=source.item)
        return self._image


def _measured(job: MaskJob, images: _LastImage, reading: Reading, options: Options) -> MeasuredFile:
    opened, names = _open(job, reading)
    image = None if job.image is None else images.read(job.image)
    geometry = _grid(opened[0].geometry, image)
    if geometry.spacing is None and geometry.affine is None and options.spacing_mm is None and reading.need_mm:
        raise DataError("spacing-unknown", path=job.masks[0])
    options = replace(options, spacing_mm=_spacing(options.spacing_mm, geometry, job.masks[0]))
    classes = _classes(opened, names)
    return MeasuredFile(
        job.case,
        job.masks,
        None if job.image is None else job.image.path,
        measure_mask(classes, geometry, image, options, path=job.masks[0]),
    )


def open_job(
    job: MaskJob, reading: Reading, spacing_mm: tuple[float, ...] | None = None
) -> tuple[Frame, Iterator[tuple[int, str, Binary]]]:
    """The frame of a job's mask and its classes, without measuring them."""
    opened, names = _open(job, reading)
    geometry = opened[0].geometry
    return frame_of(geometry, _spacing(spacing_mm, geometry, job.masks[0])), _classes(opened, names)


def _open(job: MaskJob, reading: Reading) -> tuple[list[OpenMask], Names]:
    names = reading.names if reading.names.in_order or reading.names.by_label else job.names or reading.names
    return [open_mask(path, Names({}) if len(job.masks) > 1 else names, reading.threshold) for path in job.masks], names


def _classes(opened: Sequence[OpenMask], names: Names) -> Iterator[tuple[int, str, Binary]]:
    return _per_file(opened, names) if len(opened) > 1 else _in_one(opened[0], names)


def _grid(mask: Geometry, image: Image | None) -> Geometry:
    """A mask's grid; where its file cannot say where it lies (a PNG of a DICOM image), that of the image it was drawn on.

    Not of a series with gaps or uneven steps: its spacing is the usual step, and no volume is right by it.
    """
    if image is None or is_irregular(image.meta) or mask.affine is not None or image.geometry.shape != mask.shape:
        return mask
    return image.geometry if mask.spacing is None or image.geometry.affine is not None else mask


def _spacing(given: tuple[float, ...] | None, geometry: Geometry, path: Path) -> tuple[float, ...] | None:
    """What a person says of the spacing, one value per axis; one value alone is for all axes."""
    if given is None or len(given) == geometry.ndim:
        return given
    if len(given) != 1:
        raise DataError("spacing-axes", path=path, given=len(given), axes=geometry.ndim)
    return given * geometry.ndim


def _in_one(mask: OpenMask, names: Names) -> Iterator[tuple[int, str, Binary]]:
    """The classes of a file, and those that are known by name and not in it: an empty class is a result too."""
    yield from mask.classes()
    known = dict(names.by_label) or dict(enumerate(names.in_order, start=1)) or ({} if mask.labels else {1: FOREGROUND})
    nothing = np.zeros(mask.geometry.shape, dtype=np.bool_)
    for label, name in known.items():
        if label not in mask.labels and name not in mask.labels.values():
            yield label, name, nothing


def _per_file(masks: Sequence[OpenMask], names: Names) -> Iterator[tuple[int, str, Binary]]:
    """One class per file: anything but 0 is the class."""
    for label, mask in enumerate(masks, start=1):
        name = names.in_order[label - 1] if label <= len(names.in_order) else names.by_label.get(label, f"label_{label}")
        whole = np.zeros(mask.geometry.shape, dtype=np.bool_)
        for _, _, part in mask.classes():
            whole |= part
        yield label, name, whole
