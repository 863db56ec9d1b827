"""A mask file → its classes, one boolean array after the other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from delineate.domain import Geometry
from delineate.errors import DataError, UnreadableFile, UsageError
from delineate.formats import format_of, read_header, read_labels
from delineate.measures.frame import Binary

#: More different values than this are no labels: the largest atlases of organs and brain regions have a few hundred.
MAX_VALUES = 1000
MAX_COLOURS = 64
#: So many values between black and white, on at most this share of the pixels, are grey edges and no classes.
MOST_GREYS, GREY_SHARE = 10, 0.2
#: Name of the only class of a mask of 0 and something.
FOREGROUND = "foreground"


@dataclass(frozen=True)
class Names:
    """What classes are called. ``by_label``: raw value → name; ``in_order``: names of the values in the file, lowest first."""

    by_label: Mapping[int, str]
    in_order: tuple[str, ...] = ()

    def of(self, labels: Sequence[int], own: Mapping[int, str]) -> dict[int, str]:
        """A name for each of ``labels``; ``own`` is what the file says of itself. Raises UsageError ``too-few-class-names``."""
        if self.in_order and len(labels) == 1 == len(self.in_order):
            return {labels[0]: self.in_order[0]}
        if self.in_order and max(labels, default=0) > len(self.in_order):
            raise UsageError("too-few-class-names", names=", ".join(self.in_order), labels=", ".join(map(str, labels)))
        given = dict(enumerate(self.in_order, start=1)) | dict(self.by_label)
        only = FOREGROUND if len(labels) == 1 else None
        return {label: given.get(label) or own.get(label) or only or f"label_{label}" for label in labels}


@dataclass(frozen=True, eq=False)
class OpenMask:
    """A mask file's grid and classes; ``classes`` reads them when iterated: (label, name, boolean array)."""

    geometry: Geometry
    labels: dict[int, str]
    values: NDArray[Any] | None
    path: Path
    items: tuple[str, ...] = ()

    def classes(self) -> Iterator[tuple[int, str, Binary]]:
        for number, (label, name) in enumerate(self.labels.items()):
            if self.values is not None:
                yield label, name, np.asarray(self.values == label)
            else:
                values = read_labels(self.path, item=self.items[number]).values
                assert values is not None
                yield label, name, np.asarray(values > 0)


def open_mask(path: Path, names: Names, threshold: float | None = None) -> OpenMask:
    """Read the mask file ``path``. Colours become labels 1, 2 … named ``#rrggbb``; 0 and 255 alone are one class.

    ``threshold``: values from there on are foreground, for probabilities and grey edges.

    Raises
    ------
    UnreadableFile
        The file cannot be read.
    DataError
        ``mask-not-integer``, ``mask-too-many-values``, ``mask-negative``, ``mask-grey-edges``: it holds no labels.
    UsageError
        ``too-few-class-names``.
    """
    try:
        raw = read_labels(path)
    except UnreadableFile as error:
        segments = _segments(path) if error.code == "unsupported" else {}
        if len(segments) < 2:
            raise
        geometry = read_labels(path, item=str(next(iter(segments)))).geometry
        return OpenMask(geometry, names.of(list(segments), segments), None, path, tuple(map(str, segments)))
    if raw.colours is not None:
        values, own = _coloured(path, raw.colours)
    else:
        assert raw.values is not None
        own = {int(number): str(name) for number, name in dict(raw.meta.get("segments", {})).items() if name}
        values = _whole(path, raw.values, threshold)
    labels = _present(path, values)
    if not own and not names.by_label:
        _refuse_grey(path, values, labels)
    if labels == [255] and not own:  # 0 and 255: how pictures say no and yes
        values, labels = (values == 255).astype(np.uint8), [1]
    return OpenMask(raw.geometry, names.of(labels, own), values, path)


def _segments(path: Path) -> dict[int, str]:
    """Number → name of a DICOM segmentation's segments, whose voxels may overlap."""
    if format_of(path) != "dicom":
        return {}
    return {int(number): str(name) for number, name in dict(read_header(path).meta.get("segments", {})).items()}


def _whole(path: Path, values: NDArray[Any], threshold: float | None) -> NDArray[Any]:
    if threshold is not None:
        return (values >= threshold).astype(np.uint8)
    if values.dtype == bool:
        return values.astype(np.uint8)
    if np.issubdtype(values.dtype, np.integer):
        return values
    whole = np.rint(values)
    unclear = ~np.isfinite(values) | (values != whole)
    if unclear.any():
        example = float(values[unclear][0])
        raise DataError("mask-not-integer", path=path, value=f"{example:g}", count=int(np.count_nonzero(unclear)))
    return np.asarray(whole, dtype=np.int64)


def _present(path: Path, values: NDArray[Any]) -> list[int]:
    """The values in ``values`` but 0, in order."""
    if values.size and int(values.min()) < 0:
        raise DataError("mask-negative", path=path, value=int(values.min()))
    top = int(values.max()) if values.size else 0
    if top <= 0xFFFF:
        found = np.flatnonzero(np.bincount(values.ravel(), minlength=1))
    else:
        found = np.unique(values)
    labels = [int(value) for value in found if value]
    if len(labels) > MAX_VALUES:
        raise DataError("mask-too-many-values", path=path, count=len(labels), most=MAX_VALUES)
    return labels


def _refuse_grey(path: Path, values: NDArray[Any], labels: list[int]) -> None:
    """A black and white picture that was resampled or compressed has greys along its edges, each of which would be a class."""
    if 255 in labels and labels[-1] == 255 and len(labels) > MOST_GREYS:
        grey = int(np.count_nonzero((values > 0) & (values < 255)))
        if grey < GREY_SHARE * values.size:
            raise DataError("mask-grey-edges", path=path, count=len(labels) - 1, pixels=grey)


def _coloured(path: Path, colours: NDArray[np.uint8]) -> tuple[NDArray[Any], dict[int, str]]:
    packed = colours.astype(np.int64) @ np.array([1 << 16, 1 << 8, 1])
    found, inverse = np.unique(packed, return_inverse=True)
    if len(found) > MAX_COLOURS:
        raise DataError("mask-too-many-values", path=path, count=len(found), most=MAX_COLOURS)
    kinds = [int(colour) for colour in found if colour]  # black is background
    number = np.array([0 if not colour else kinds.index(int(colour)) + 1 for colour in found])
    return number[inverse].reshape(packed.shape), {k: f"#{colour:06x}" for k, colour in enumerate(kinds, start=1)}
