"""Inside the graph: colours and the intensity scale, as ``preprocessing`` has them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from delineate.portable.nodes import Nodes
from delineate.preprocessing.prepare import fixed_statistics
from delineate.preprocessing.statistics import SAMPLES, sample_places
from delineate.recipe import Preprocessing

_REC601 = (0.299, 0.587, 0.114)
MEASURED = ("image", "volume")


@dataclass(frozen=True)
class Scaled:
    """``planes`` (C, rows, columns) normalised; ``background`` (C, 1, 1), what letterbox padding is filled with."""

    planes: str
    background: str


def coloured(n: Nodes, pixels: str, channels: str, recipe: Preprocessing) -> tuple[str, str]:
    """``pixels`` (rows, columns, channels) → the same with the recipe's channels, and the raw channels that count for a crop."""
    if recipe.colour == "as-is":
        return pixels, pixels
    # Grey is taken three times, alpha never: an index that is too large means the last channel.
    last = n("Sub", channels, n.whole(1))
    rgb = n("Gather", pixels, n("Min", n.whole(0, 1, 2), last), axis=2)
    if recipe.colour == "rgb":
        return rgb, rgb
    red, green, blue = (n.part(rgb, 2, at, at + 1) for at in range(3))
    weighted = [n("Mul", part, n.single(share)) for part, share in zip((red, green, blue), _REC601, strict=True)]
    luminance = n("Add", n("Add", weighted[0], weighted[1]), weighted[2])
    return n("Where", n("Equal", channels, n.whole(1)), red, luminance), rgb


def scaled(n: Nodes, flat: str, size: tuple[str, str], noise_floor: str, recipe: Preprocessing) -> Scaled:
    """``flat`` (C, pixels) raw → clipped and normalised planes. ``size``: (rows, columns), int64 vectors of one."""
    if recipe.normalisation.scheme in MEASURED:
        low, high, mean, std = _measured(n, flat, n("Mul", *size), noise_floor, recipe)
    else:
        fixed = fixed_statistics(recipe)
        low, high, mean, std = (n.single(np.reshape(values, (-1, 1))) for values in (fixed.low, fixed.high, fixed.mean, fixed.std))
    values = flat if recipe.normalisation.scheme == "none" else n("Min", n("Max", flat, low), high)
    values = n("Div", n("Sub", values, mean), std)
    planes = n("Reshape", values, n("Concat", n.whole(recipe.channels), *size, axis=0))
    background = n("Reshape", n("Div", n("Sub", low, mean), std), n.whole(recipe.channels, 1, 1))
    return Scaled(planes, background)


def _measured(n: Nodes, flat: str, total: str, noise_floor: str, recipe: Preprocessing) -> tuple[str, str, str, str]:
    """Limits, mean and deviation of (C, pixels), each (C, 1): ``preprocessing.statistics`` for one image without NaN."""
    count = n("Min", total, n.whole(2 * SAMPLES))
    sample = n("Gather", flat, _places(n, total, count), axis=1)
    axis = n.whole(1)
    least, most = n("ReduceMin", sample, axis), n("ReduceMax", sample, axis)
    low, high = (_percentile(n, sample, count, percent) for percent in recipe.normalisation.percentiles)
    flat_out = n("LessOrEqual", high, low)
    low, high = n("Where", flat_out, least, low), n("Where", flat_out, most, high)
    clipped = n("Min", n("Max", sample, low), high)
    if recipe.normalisation.nonzero:
        inside = n.cast(n("Greater", sample, least), np.float32)
        some = n("Greater", n("ReduceMax", inside, axis), n.single(0))
        weights = n("Where", some, inside, n.single(1))
        number = n("ReduceSum", weights, axis)
        mean = n("Div", n("ReduceSum", n("Mul", clipped, weights), axis), number)
        away = n("Sub", clipped, mean)
        spread = n("Div", n("ReduceSum", n("Mul", n("Mul", away, away), weights), axis), number)
    else:
        mean = n("ReduceMean", clipped, axis)
        away = n("Sub", clipped, mean)
        spread = n("ReduceMean", n("Mul", away, away), axis)
    std = n("Max", n("Sqrt", spread), n("Mul", n("Sub", high, low), n.single(0.05)), noise_floor)
    rounding = n("Mul", n("Abs", mean), n.single(4 * np.finfo(np.float32).eps))
    return low, high, mean, n("Where", n("LessOrEqual", std, rounding), n.single(1), std)


def _places(n: Nodes, total: str, count: str) -> str:
    """The pixels that ``preprocessing`` looks at: all, or one at a fixed place in each of ``count`` stretches.

    The places within stretches travel as 16-bit numbers: off by a pixel once in thousands, for 1 MB instead of 4.
    """
    stretches = 2 * SAMPLES
    steps = sample_places(_COARSE * stretches)
    assert steps is not None
    within = (steps - np.arange(stretches) * _COARSE).astype(np.uint16)
    number = n("Range", n("Squeeze", n.whole(0)), n("Squeeze", count), n("Squeeze", n.whole(1)))
    jitter = n("Slice", n.constant(within, np.uint16), n.whole(0), count, n.whole(0))
    share = n("Div", n("Add", n.cast(jitter, np.float64), n.double(0.5)), n.double(_COARSE))
    whole = n("Div", total, count)
    rest = n("Sub", total, n("Mul", whole, count))
    exact = n.cast(count, np.float64)
    drift = n("Mul", n.cast(number, np.float64), n("Div", n.cast(rest, np.float64), exact))
    offset = n("Floor", n("Add", drift, n("Mul", share, n("Div", n.cast(total, np.float64), exact))))
    place = n("Add", n("Mul", number, whole), n.cast(offset, np.int64))
    return n("Min", place, n("Sub", total, n.whole(1)))


_COARSE = 1 << 16


def _percentile(n: Nodes, sample: str, count: str, percent: float) -> str:
    """(C, n) → (C, 1), linear between neighbours as ``numpy.percentile``. Only the nearer tail is sorted."""
    last = n("Sub", count, n.whole(1))
    where = n("Mul", n.cast(last, np.float64), n.double(percent / 100))
    below = n("Floor", where)
    share = n.cast(n("Sub", where, below), np.float32)
    under = n.cast(below, np.int64)
    over = n("Min", n("Add", under, n.whole(1)), last)
    from_top = percent > 50
    if from_top:
        under, over = n("Sub", last, under), n("Sub", last, over)
    depth = n("Add", n("Max", under, over), n.whole(1))
    ordered = n.tail(sample, depth, largest=from_top)
    first, second = n("Gather", ordered, under, axis=1), n("Gather", ordered, over, axis=1)
    return n("Add", first, n("Mul", n("Sub", second, first), share))
