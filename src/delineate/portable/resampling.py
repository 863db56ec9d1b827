"""Inside the graph: crop, resize, letterbox and padding, and the way back, as one matrix per axis.

Resizing is linear in the pixels and works on rows and columns apart, so ``planes → rows · planes · columnsᵀ`` does all four at
once, for any image size, with two operators that every engine computes alike. ``Resize`` of ONNX has no area averaging.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from delineate.portable.nodes import Nodes
from delineate.recipe import Preprocessing


@dataclass(frozen=True)
class Axis:
    """One axis of the trail (``preprocessing.trail``); all are float64 vectors of one.

    ``length`` of the image, ``start`` and ``kept`` of its content box, ``inner`` pixels that the box becomes, ``offset`` of the
    letterbox, ``size`` and ``padded`` of the working plane.
    """

    length: str
    start: str
    kept: str
    inner: str
    offset: str
    size: str
    padded: str


def plan(n: Nodes, pixels: str, size: tuple[str, str], recipe: Preprocessing) -> tuple[Axis, Axis]:
    """Rows and columns. ``pixels`` (rows, columns, channels) raw, for the content box; ``size`` int64 vectors of one."""
    lengths = [n.cast(length, np.float64) for length in size]
    if recipe.crop == "content":
        above = n("ReduceMax", n.cast(n("Greater", pixels, n.single(recipe.crop_above)), np.float32), n.whole(2), keepdims=0)
        boxes = [_extent(n, above, axis, length) for axis, length in enumerate(lengths)]
    else:
        boxes = [(n.double([0]), length) for length in lengths]
    kept = [box[1] for box in boxes]
    if recipe.fit == "letterbox":
        factor = n("Min", *(n("Div", n.double([side]), part) for side, part in zip(recipe.size, kept, strict=True)))
        inner = [
            n("Min", n.double([side]), n("Max", n.double([1]), n("Round", n("Mul", part, factor))))
            for side, part in zip(recipe.size, kept, strict=True)
        ]
        sizes = [n.double([side]) for side in recipe.size]
    elif recipe.fit == "stretch":
        inner = sizes = [n.double([side]) for side in recipe.size]
    else:
        inner = sizes = [n("Max", n.double([1]), n("Round", n("Mul", part, n.double([recipe.scale])))) for part in kept]
    rows, columns = (_axis(n, lengths[i], boxes[i], inner[i], sizes[i], recipe.multiple) for i in range(2))
    return rows, columns


def _axis(n: Nodes, length: str, box: tuple[str, str], inner: str, size: str, multiple: int) -> Axis:
    offset = n("Floor", n("Mul", n("Sub", size, inner), n.double([0.5])))
    padded = n("Mul", n("Ceil", n("Div", size, n.double([multiple]))), n.double([multiple]))
    return Axis(length, box[0], box[1], inner, offset, size, padded)


def _extent(n: Nodes, above: str, axis: int, length: str) -> tuple[str, str]:
    """(start, length) of what is not 0 along ``axis`` of (rows, columns); all where all is 0."""
    line = n("Greater", n("ReduceMax", above, n.whole(1 - axis), keepdims=0), n.single(0))
    places = _count(n, length)
    zero = n.whole(0)
    some = n("Greater", n("ReduceMax", n.cast(line, np.float32), zero), n.single(0))
    first = n("ReduceMin", n("Where", line, places, length), zero)
    last = n("ReduceMax", n("Where", line, places, n.double([-1])), zero)
    start = n("Where", some, first, n.double([0]))
    return start, n("Where", some, n("Add", n("Sub", last, first), n.double([1])), length)


def _count(n: Nodes, length: str) -> str:
    """0, 1, … as float64, as many as ``length`` says."""
    zero, one = n("Squeeze", n.whole(0)), n("Squeeze", n.whole(1))
    return n.cast(n("Range", zero, n("Squeeze", n.cast(length, np.int64)), one), np.float64)


def forward(n: Nodes, axis: Axis) -> tuple[str, str]:
    """(padded, length) float32, onto the working plane; (padded, 1) float32, 1 where the image lies and 0 in the letterbox."""
    place = n("Min", _count(n, axis.padded), n("Sub", axis.size, n.double([1])))  # padding repeats the last pixel
    return _matrix(n, n("Sub", place, axis.offset), axis.inner, axis.start, axis.kept, axis.length)


#: Views that keep a plane's shape → whether rows and columns are mirrored.
MIRRORED = {"flip_horizontal": (False, True), "flip_vertical": (True, False), "rotate_180": (True, True)}


def mirrored(n: Nodes, planes: str, which: tuple[bool, bool], rows: Axis, columns: Axis) -> str:
    """(C, padded rows, padded columns) with the plane turned over inside its padding, which repeats the new last pixel.

    Done twice it gives the plane back; only what is padding is different.
    """
    for number, (wanted, axis) in enumerate(zip(which, (rows, columns), strict=True), start=1):
        if wanted:
            last = n("Sub", axis.size, n.double([1]))
            place = n("Max", n("Sub", last, _count(n, axis.padded)), n.double([0]))
            planes = n("Gather", planes, n.cast(place, np.int64), axis=number)
    return planes


def backward(n: Nodes, axis: Axis) -> str:
    """(length, padded) float32 matrix from the working plane; rows beyond the content box are 0."""
    place = n("Sub", _count(n, axis.length), axis.start)
    return _matrix(n, place, axis.kept, axis.offset, axis.inner, axis.padded)[0]


def _matrix(n: Nodes, place: str, target: str, start: str, source: str, width: str) -> tuple[str, str]:
    """Weights with which ``source`` pixels from ``start`` on become ``target`` pixels, of which ``place`` are asked for.

    The area of each where they become fewer, linear between centres where they become more (``preprocessing.resize``).
    """
    column = n.whole(1)
    place = n("Unsqueeze", place, column)
    j = n("Unsqueeze", _count(n, width), n.whole(0))
    one, zero = n.double([1]), n.double([0])
    valid = n("And", n("GreaterOrEqual", place, zero), n("Less", place, target))
    step = n("Div", source, target)
    low = n("Add", start, n("Mul", place, step))
    overlap = n("Sub", n("Min", n("Add", j, one), n("Add", low, step)), n("Max", j, low))
    middle = n("Sub", n("Mul", n("Add", place, n.double([0.5])), step), n.double([0.5]))
    middle = n("Add", n("Min", n("Max", middle, zero), n("Sub", source, one)), start)
    nearness = n("Sub", one, n("Abs", n("Sub", middle, j)))
    weights = n("Max", n("Where", n("Less", target, source), n("Div", overlap, step), nearness), zero)
    mask = n.cast(valid, np.float32)
    return n("Mul", n.cast(weights, np.float32), mask), mask
