"""Jobs that belong together, and their images read by a thread while others are computed."""

from __future__ import annotations

import math
import threading
from collections import deque
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

import numpy as np

from delineate.domain import Image
from delineate.errors import DelineateError, ResourceError
from delineate.formats import read_header
from delineate.inference.channel_files import read_job
from delineate.inference.inputs import Job
from delineate.inference.large import LargeImage, as_large
from delineate.preprocessing import measured_jointly
from delineate.recipe import ModelRecord

MAX_GROUP_BYTES = 1 << 30
"""Slices of a volume are held together up to this many bytes; beyond it each is prepared by itself."""

Loaded = list[tuple[Job, Image | LargeImage | DelineateError]]
T = TypeVar("T")
U = TypeVar("U")


def slices_form_volumes(record: ModelRecord) -> bool:
    """Whether single 2-D files are parts of volumes for this model: its preprocessing measures them together or sees them with
    their neighbours, or its provenance says so (``slices_form_volumes``)."""
    jointly = measured_jointly(record.preprocessing) or record.preprocessing.neighbours > 0
    return jointly or record.provenance.get("slices_form_volumes") is True


def units_of(jobs: list[Job], record: ModelRecord) -> Iterator[list[Job]]:
    """Jobs that are computed together, in order."""
    if not slices_form_volumes(record):
        yield from ([job] for job in jobs)
        return
    groups: dict[object, list[Job]] = {}
    for job in jobs:
        groups.setdefault(job.series or job, []).append(job)
    for members in groups.values():
        if len(members) > 1 and _fit_together(members):
            yield sorted(members, key=lambda job: job.number)
        else:
            yield from ([job] for job in members)


def _fit_together(members: list[Job]) -> bool:
    """Two-dimensional, of one size, and small enough to be held at once; by their headers, before any pixel is read."""
    shapes, total = set(), 0
    for job in members:
        try:
            header = read_header(job.path)
        except DelineateError:
            continue  # its row will say why
        shapes.add((header.shape, header.channels))
        total += math.prod(header.shape) * header.channels * np.dtype(header.dtype).itemsize
    return len(shapes) == 1 and len(next(iter(shapes))[0]) == 2 and total <= MAX_GROUP_BYTES


def load(unit: list[Job], record: ModelRecord, memory: int, level: int | None) -> Loaded:
    """The images of a unit; what does not fit ``memory`` is opened, not read."""
    return [(job, _read(job, record, memory, level)) for job in unit]


def size_of(loaded: Loaded) -> int:
    """Bytes of the pixels that were read."""
    return sum(image.pixels.nbytes for _, image in loaded if isinstance(image, Image))


def _read(job: Job, record: ModelRecord, memory: int, level: int | None) -> Image | LargeImage | DelineateError:
    try:
        if job.item is None and not job.channels and (large := as_large(job.path, record, memory, level)) is not None:
            return large
        return read_job(job)
    except DelineateError as error:
        return error
    except OSError:  # looking at its first bytes; reading in the usual way says what is the matter
        try:
            return read_job(job)
        except DelineateError as error:
            return error
    except MemoryError:
        return ResourceError("image-exceeds-memory", path=job.path, shape="?")


class Ahead(Generic[T, U]):
    """``make(item)`` for each item, in order, made by a thread ahead of the consumer: at most ``count`` results, and no further
    one once those waiting hold ``most`` bytes. Use as a context manager; leaving it ends the thread after its current item."""

    def __init__(self, items: list[T], make: Callable[[T], U], size: Callable[[U], int], count: int, most: int) -> None:
        self._items, self._make, self._size, self._count, self._most = items, make, size, count, most
        self._ready: deque[U] = deque()
        self._held = 0
        self._over = self._stopped = False
        self._trouble: BaseException | None = None
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._work, name="read", daemon=True)

    def __enter__(self) -> Ahead[T, U]:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        with self._changed:
            self._stopped = True
            self._changed.notify_all()
        self._thread.join()

    def __iter__(self) -> Iterator[U]:
        while True:
            found = self.take(1)
            if not found:
                return
            yield found[0]

    def take(self, most: int) -> list[U]:
        """The next ``most`` results, waiting for them: fewer at the end (then none), and where more would not be held at once."""
        most = min(most, self._count)
        with self._changed:
            while len(self._ready) < most and not self._over and not (self._ready and self._held >= self._most):
                self._changed.wait()
            if not self._ready and self._trouble is not None:
                raise self._trouble
            found = [self._ready.popleft() for _ in range(min(most, len(self._ready)))]
            self._held -= sum(map(self._size, found))
            self._changed.notify_all()
            return found

    def _work(self) -> None:
        try:
            for item in self._items:
                with self._changed:
                    while not self._stopped and (len(self._ready) >= self._count or (self._ready and self._held >= self._most)):
                        self._changed.wait()
                    if self._stopped:
                        return
                made = self._make(item)
                with self._changed:
                    self._ready.append(made)
                    self._held += self._size(made)
                    self._changed.notify_all()
                del made
        except BaseException as error:  # noqa: BLE001 - told to the consumer, in whose thread it belongs
            self._trouble = error
        finally:
            with self._changed:
                self._over = True
                self._changed.notify_all()
