"""Whether the images are of one kind: channels, bit depth, spacing, size."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np

from delineate.dataset.checks.context import CheckContext, checks
from delineate.dataset.facts import CaseFacts
from delineate.domain import Finding

SPACING_RATIO = 1.5
SIZE_RATIO = 3.0
RARE_SHARE = 0.05


@checks.register("channels-mixed")
def channels_mixed(context: CheckContext) -> Iterator[Finding]:
    yield from _mixed(context, "channels-mixed", lambda fact: str(fact.channels))


@checks.register("bit-depth-mixed")
def bit_depth_mixed(context: CheckContext) -> Iterator[Finding]:
    yield from _mixed(context, "bit-depth-mixed", lambda fact: fact.dtype)


def _mixed(context: CheckContext, code: str, kind_of: Any) -> Iterator[Finding]:
    """One finding that counts the kinds and points at the first image of the rarest one."""
    counts = Counter(kind_of(fact) for fact in context.readable)
    if len(counts) < 2:
        return
    rarest = counts.most_common()[-1][0]
    example = next(fact for fact in context.readable if kind_of(fact) == rarest)
    kinds = ", ".join(f"{kind} ({n})" for kind, n in counts.most_common())
    yield Finding(code, "warning", context.path(example.case), example.case, {"kinds": kinds})


@checks.register("spacing-missing")
def spacing_missing(context: CheckContext) -> Iterator[Finding]:
    """Without spacing, distances can only be given in pixels. Natural for PNG and JPEG."""
    missing = [fact for fact in context.readable if fact.spacing is None]
    if missing:
        params = {"n": len(missing), "total": len(context.readable)}
        yield Finding("spacing-missing", "info", context.path(missing[0].case), missing[0].case, params)


@checks.register("spacing-mixed")
def spacing_mixed(context: CheckContext) -> Iterator[Finding]:
    """Pixel sizes (the finest axis of each image) that differ by half or more: the same organ is larger in pixels."""
    known = [(min(fact.spacing), fact) for fact in context.readable if fact.spacing is not None]
    if not known:
        return
    smallest, largest = min(known, key=lambda pair: pair[0]), max(known, key=lambda pair: pair[0])
    if largest[0] > SPACING_RATIO * smallest[0]:
        params = {"low": f"{smallest[0]:.3g}", "high": f"{largest[0]:.3g}"}
        yield Finding("spacing-mixed", "warning", context.path(largest[1].case), largest[1].case, params)


@checks.register("size-outlier")
def size_outlier(context: CheckContext) -> Iterator[Finding]:
    """Images more than three times smaller or larger (by side) than the median, where nearly all others are near it."""
    facts = context.readable
    if len(facts) < 8:
        return
    sides = np.array([_side(fact) for fact in facts])
    middle = float(np.median(sides))
    odd = np.maximum(sides / middle, middle / sides) > SIZE_RATIO
    if not 0 < odd.mean() <= RARE_SHARE:
        return
    for number in np.flatnonzero(odd):
        fact = facts[int(number)]
        params = {"size": "×".join(map(str, fact.shape)), "usual": f"{middle:.0f}"}
        yield Finding("size-outlier", "warning", context.path(fact.case), fact.case, params)


def _side(fact: CaseFacts) -> float:
    """Side of a square with as many pixels as a plane of the image."""
    return float(np.sqrt(np.prod(fact.shape[-2:], dtype=np.float64)))
