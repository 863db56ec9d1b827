"""What an edit did to the labels: the box it touched, before and after. Applying and reverting it are exact.

Labels are (layers, slices, rows, columns) uint8: one layer with 0…K for classes that exclude each other, a layer of 0/1 a class
where they overlap.
"""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from delineate.editing.planes import Box, Voxel

Labels = NDArray[np.uint8]
MAX_CHANGE_BYTES = 16 << 30


@dataclass(frozen=True, eq=False)
class Change:
    """``before`` and ``after`` are the labels inside ``box`` of one layer."""

    layer: int
    box: Box
    before: Labels
    after: Labels

    def apply(self, labels: Labels) -> None:
        labels[self.layer][slices(self.box)] = self.after

    def revert(self, labels: Labels) -> None:
        labels[self.layer][slices(self.box)] = self.before

    @property
    def changed(self) -> int:
        """Voxels that differ."""
        return int(np.count_nonzero(self.before != self.after))


def slices(box: Box) -> tuple[slice, slice, slice]:
    return slice(*box[0]), slice(*box[1]), slice(*box[2])


def box_at(first: Voxel, shape: tuple[int, ...]) -> Box:
    a, b, c = ((start, start + size) for start, size in zip(first, shape, strict=True))
    return a, b, c


def union(one: Box, other: Box) -> Box:
    a, b, c = ((min(p[0], q[0]), max(p[1], q[1])) for p, q in zip(one, other, strict=True))
    return a, b, c


def change_to(labels: Labels, layer: int, first: Voxel, after: Labels) -> Change | None:
    """The change that puts ``after`` (3-D) at ``first``, cut down to what differs; ``None`` where nothing does. Changes nothing."""
    box = box_at(first, after.shape)
    before = labels[layer][slices(box)]
    differs = before != after
    trimmed: list[slice] = []
    for axis in range(3):
        found = np.flatnonzero(differs.any(axis=tuple(a for a in range(3) if a != axis)))
        if found.size == 0:
            return None
        trimmed.append(slice(int(found[0]), int(found[-1]) + 1))
    inner = tuple(trimmed)
    start = (first[0] + trimmed[0].start, first[1] + trimmed[1].start, first[2] + trimmed[2].start)
    kept = after[inner].copy()
    return Change(layer, box_at(start, kept.shape), before[inner].copy(), kept)


def paint(
    labels: Labels, layer: int, value: int, first: Voxel, region: NDArray[np.bool_], only: Sequence[int] | None = None
) -> Change | None:
    """Set ``value`` where ``region`` (3-D, at ``first``) is true; with ``only`` just over those values."""
    before = labels[layer][slices(box_at(first, region.shape))]
    where = region if only is None else region & np.isin(before, list(only))
    return change_to(labels, layer, first, np.where(where, np.uint8(value), before))


def merge(labels: Labels, changes: Sequence[Change]) -> list[Change]:
    """Changes that were applied one after another as one per layer; ``labels`` is as they left it."""
    merged = []
    for layer in dict.fromkeys(change.layer for change in changes):
        mine = [change for change in changes if change.layer == layer]
        box = mine[0].box
        for change in mine[1:]:
            box = union(box, change.box)
        before = labels[layer][slices(box)].copy()
        for change in reversed(mine):
            inside = tuple(slice(a - o[0], b - o[0]) for (a, b), o in zip(change.box, box, strict=True))
            before[inside] = change.before
        after = labels[layer][slices(box)].copy()
        if not np.array_equal(before, after):
            merged.append(Change(layer, box, before, after))
    return merged


def pack(changes: Sequence[Change]) -> bytes:
    """Bytes that :func:`unpack` reads: a JSON header, then zlib (RFC 1950) of before and after of each change."""
    head = json.dumps([{"layer": change.layer, "box": change.box} for change in changes]).encode()
    squeeze = zlib.compressobj(1)
    parts = [struct.pack("<I", len(head)), head]
    for change in changes:
        parts += [squeeze.compress(np.ascontiguousarray(a).data) for a in (change.before, change.before ^ change.after)]
    return b"".join([*parts, squeeze.flush()])


def unpack(blob: bytes) -> list[Change]:
    """Raises ``ValueError`` where the bytes are not what :func:`pack` wrote."""
    try:
        (size,) = struct.unpack_from("<I", blob)
        heads = [(int(h["layer"]), tuple((int(a), int(b)) for a, b in h["box"])) for h in json.loads(blob[4 : 4 + size])]
        shapes = [tuple(b - a for a, b in box) for _, box in heads]
        if any(len(shape) != 3 or min(shape) < 1 for shape in shapes) or any(layer < 0 for layer, _ in heads):
            raise ValueError("a box without voxels")
        total = sum(2 * int(np.prod(shape, dtype=object)) for shape in shapes)
        if total > MAX_CHANGE_BYTES:
            raise ValueError("a change too large")
        expand = zlib.decompressobj()
        flat = expand.decompress(blob[4 + size :], total + 1)  # never more than the boxes hold
        if len(flat) != total or not expand.eof:
            raise ValueError("a change cut short")
    except (struct.error, KeyError, TypeError, zlib.error) as error:
        raise ValueError(str(error)) from error
    changes, at = [], 0
    for (layer, box), shape in zip(heads, shapes, strict=True):
        count = int(np.prod(shape))
        before = np.frombuffer(flat, np.uint8, count, at).reshape(shape)
        after = before ^ np.frombuffer(flat, np.uint8, count, at + count).reshape(shape)
        changes.append(Change(layer, (box[0], box[1], box[2]), before, after))
        at += 2 * count
    return changes
