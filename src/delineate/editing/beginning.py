"""What a session began from, so that after a crash all of it is there again: the image it belongs to, the labels, the prediction
and its model, the reference, the probabilities.

Packing a large volume takes longer than a stroke may, so a thread does it, from when a document is open; no edit waits for it.
"""

from __future__ import annotations

import hashlib
import json
import struct
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from delineate.domain import LabelSet
from delineate.editing.changes import Change, Labels, change_to, pack, unpack
from delineate.editing.document import Document
from delineate.editing.journal import Journal, Kind
from delineate.errors import ResourceError
from delineate.recipe import ModelRecord
from delineate.recipe.strict import parse

#: More probabilities than this are not kept: they can be made again from the image and the model.
MAX_SHARES = 1 << 30
#: Seconds.
UNNOTICED = 0.005
_SHARES = struct.Struct("<4I")


class Beginning:
    """The first records of a document's journal, as it is now.

    Edits may go on while they are packed, if all of them are in the same journal: replaying them gives every voxel its last value,
    whatever the packed labels had there, and a voxel that was never edited is as it was.
    ``error`` is what went wrong in the thread.
    """

    def __init__(self, document: Document) -> None:
        self.error: ResourceError | None = None
        self._of = document.revision, id(document.edited), id(document.predicted), id(document.truth)
        self._journal: Journal | None = None
        self._ready: list[tuple[Kind, bytes]] = []
        self._cancelled = False
        edited, predicted, truth, shares = document.edited, document.predicted, document.truth, document.probabilities
        made: dict[Kind, bytes] = {}

        def base() -> bytes:  # most often the prediction, packed already
            same = predicted is not None and np.array_equal(predicted, edited)
            return made["predicted"] if same else _packed(edited)

        makers: list[tuple[Kind, Callable[[], bytes]]] = [("about", partial(_about, document))]
        if predicted is not None:
            makers.append(("predicted", partial(_packed, predicted)))
        makers.append(("base", base))
        if truth is not None:
            makers.append(("truth", partial(_packed, truth)))
        if shares is not None and shares.size <= MAX_SHARES:
            makers.append(("probabilities", partial(_pack_shares, shares)))

        def make(kind: Kind, maker: Callable[[], bytes]) -> None:
            if not self._cancelled:
                made[kind] = maker()
                self._ready.append((kind, made[kind]))
                self._flush()

        self._pool = ThreadPoolExecutor(1, "delineate-journal")
        self._tasks = [self._pool.submit(self._guarded, partial(make, kind, maker)) for kind, maker in makers]

    def is_of(self, document: Document) -> bool:
        """Whether the document is still as it was."""
        return self._of == (document.revision, id(document.edited), id(document.predicted), id(document.truth))

    def write(self, journal: Journal) -> None:
        """Let everything be written to ``journal`` as soon as it is ready; waits for no longer than a hand would notice."""
        self._journal = journal
        self._tasks.append(self._pool.submit(self._guarded, self._flush))
        self._pool.shutdown(wait=False)
        wait(self._tasks, timeout=UNNOTICED)

    def wait(self) -> None:
        """Until all is written (or went wrong)."""
        wait(self._tasks)

    def cancel(self) -> None:
        self._cancelled = True
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _flush(self) -> None:
        """Runs in the one thread of the pool only."""
        while self._journal is not None and self._ready and not self._cancelled:
            self._journal.add(*self._ready[0])
            del self._ready[0]

    def _guarded(self, work: Callable[[], None]) -> None:
        try:
            if self.error is None:
                work()
        except ResourceError as error:
            self.error = error
        except MemoryError:
            self.error = ResourceError("no-memory")


def image_digest(document: Document) -> str:
    """SHA-256 (FIPS 180-4) of the image's pixels in the file's own order, with their shape and type."""
    pixels = document.image.pixels
    digest = hashlib.sha256(f"{pixels.shape} {pixels.dtype.name}".encode())
    for channel in pixels:
        for plane in channel if channel.ndim == 3 else [channel]:
            digest.update(plane.tobytes())
    return digest.hexdigest()


def take_about(about: dict[str, Any], document: Document) -> None:
    """Labels' names, model and provenance as they were; the labels themselves become empty."""
    names = LabelSet.model_validate(about["labels"])
    if names != document.label_set or document.edited.shape[0] != document.layers:
        document.label_set = names
        document.edited = np.zeros((document.layers, *document.grid.shape), np.uint8)
    document.edited[:] = 0
    document.predicted = document.probabilities = None
    record = about.get("record")
    document.model = None if record is None else parse(ModelRecord, record, "journal")
    document.provenance = dict(about.get("provenance") or {})


def unpack_labels(data: bytes, document: Document, check: Callable[[list[Change]], None]) -> Labels:
    """The whole labels of a ``base``, ``predicted`` or ``truth`` record; ``check`` raises where they do not fit."""
    changes = unpack(data)
    check(changes)
    labels = np.zeros((document.layers, *document.grid.shape), np.uint8)
    for change in changes:
        change.apply(labels)
    return labels


def unpack_shares(data: bytes, document: Document) -> NDArray[np.float32]:
    """(K, S, R, C) float32, to 1/255. Raises ``ValueError`` where they do not fit the document."""
    try:
        shape = _SHARES.unpack_from(data)
        if shape[1:] != document.grid.shape or shape[0] != document.label_set.classes:
            raise ValueError("probabilities of another shape")
        expand = zlib.decompressobj()
        total = int(np.prod(shape, dtype=object))
        flat = expand.decompress(data[_SHARES.size :], total + 1)
    except (struct.error, zlib.error) as error:
        raise ValueError(str(error)) from error
    if len(flat) != total or not expand.eof:
        raise ValueError("probabilities cut short")
    return np.asarray(np.frombuffer(flat, np.uint8).reshape(shape).astype(np.float32) / np.float32(255), np.float32)


def _about(document: Document) -> bytes:
    path, model = document.image.path, document.model
    about = {
        "image": "" if path is None else str(path.absolute()),
        "sha256": image_digest(document),
        "shape": list(document.edited.shape),
        "labels": document.label_set.model_dump(mode="json"),
        "model": None if model is None else model.name,
        "record": None if model is None else model.model_dump(mode="json"),
        "provenance": document.provenance,
    }
    return json.dumps(about, default=str).encode()


def _packed(labels: Labels) -> bytes:
    """The labels as changes from nothing, cut down to where they are."""
    empty = np.zeros((1, *labels.shape[1:]), np.uint8)
    found = (change_to(empty, 0, (0, 0, 0), layer) for layer in labels)
    return pack([Change(k, c.box, c.before, c.after) for k, c in enumerate(found) if c is not None])


def _pack_shares(shares: NDArray[np.float32]) -> bytes:
    squeeze = zlib.compressobj(1)
    parts = [squeeze.compress(_bytes_of(plane)) for volume in shares for plane in volume]  # one slice after the other: memory
    return b"".join([_SHARES.pack(*shares.shape), *parts, squeeze.flush()])


def _bytes_of(plane: NDArray[np.float32]) -> bytes:
    return bytes(np.rint(np.clip(plane, 0, 1) * np.float32(255)).astype(np.uint8))
