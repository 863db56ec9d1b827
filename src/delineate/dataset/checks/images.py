"""Images that hold nothing, hold NaN, or look like the negative of the others."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from delineate.dataset.checks.context import CheckContext, checks
from delineate.dataset.facts import CaseFacts
from delineate.domain import Finding

FEWEST_GROUPS = 8
"""With fewer images "unlike the others" means nothing."""

AGREEMENT = 0.8
"""A sign is a property of the data set when this share of the images has it."""

FEW_ODD, ODD_SHARE = 3, 0.05
"""More than this many (and this share) are no outliers."""

BINS = 24


@checks.register("image-constant")
def image_constant(context: CheckContext) -> Iterator[Finding]:
    """An image of one value. A constant slice at the end of a volume is natural unless its mask marks something there."""
    for facts in _by_group(context.readable).values():
        flat = [_is_constant(fact) for fact in facts]
        for fact, constant in zip(facts, flat, strict=True):
            if constant and (all(flat) or fact.foreground_pixels):
                value = f"{fact.minimum[0]:g}" if fact.minimum else "?"
                yield Finding("image-constant", "warning", context.path(fact.case), fact.case, {"value": value})


@checks.register("image-nan")
def image_nan(context: CheckContext) -> Iterator[Finding]:
    for fact in context.readable:
        if fact.nonfinite:
            total = max(fact.pixels * fact.channels, 1)
            params = {"n": fact.nonfinite, "percent": f"{100 * fact.nonfinite / total:.2g}"}
            yield Finding("image-nan", "warning", context.path(fact.case), fact.case, params)


@checks.register("intensity-inverted")
def intensity_inverted(context: CheckContext) -> Iterator[Finding]:
    """Images (volumes count once) that look like the negative of the others.

    Three signs are taken of each image: centre against border, marked against unmarked, and whether its histogram fits the
    median histogram of all better as it is or reversed. A sign on which the data set does not agree says nothing. An image is
    named when it is on the other side in all signs that speak, and at least two do. Where these are many, the data are of two
    kinds (dark-field and bright-field microscopy, say), which is said once.
    """
    groups = _by_group([fact for fact in context.readable if not _is_constant(fact)])
    if len(groups) < FEWEST_GROUPS:
        return
    signs = np.array([[_border_sign(facts), _mask_sign(facts)] for facts in groups.values()])
    signs = np.column_stack([signs, _histogram_signs(list(groups.values()))])
    votes = []
    for column in signs.T:
        known = column[np.isfinite(column) & (column != 0)]
        usual = np.sign(known.sum()) if len(known) >= FEWEST_GROUPS else 0.0
        if usual and (np.sign(known) == usual).mean() >= AGREEMENT:
            votes.append(np.where(np.isfinite(column), np.sign(column) * usual, 0))
    if len(votes) < 2:
        return
    table = np.stack(votes, axis=1)
    inverted = ((table < 0).sum(axis=1) >= 2) & ~(table > 0).any(axis=1)
    odd = [facts[0] for facts, wrong in zip(groups.values(), inverted, strict=True) if wrong]
    if len(odd) > max(FEW_ODD, ODD_SHARE * len(groups)):
        params = {"n": len(odd), "total": len(groups)}
        yield Finding("intensity-two-kinds", "warning", context.path(odd[0].case), odd[0].case, params)
        return
    yield from (Finding("intensity-inverted", "warning", context.path(fact.case), fact.case) for fact in odd)


def _by_group(facts: Sequence[CaseFacts]) -> Mapping[str, list[CaseFacts]]:
    result: dict[str, list[CaseFacts]] = {}
    for fact in facts:
        result.setdefault(fact.group, []).append(fact)
    return result


def _is_constant(fact: CaseFacts) -> bool:
    return bool(fact.minimum) and fact.minimum == fact.maximum


def _range(fact: CaseFacts) -> float:
    """Width of the intensities: 3 standard deviations, averaged over channels; one bright pixel does not change it."""
    return 3 * float(np.mean(fact.std)) or 1.0


def _border_sign(facts: Sequence[CaseFacts]) -> float:
    """Centre minus border in units of the intensities' width, 0 where it is too small to tell."""
    seen = [
        (fact.centre_mean - fact.border_mean) / _range(fact)
        for fact in facts
        if fact.centre_mean is not None and fact.border_mean is not None
    ]
    return _clear(float(np.mean(seen))) if seen else float("nan")


def _mask_sign(facts: Sequence[CaseFacts]) -> float:
    seen = [
        (fact.foreground_mean - fact.background_mean) / _range(fact)
        for fact in facts
        if fact.foreground_mean is not None and fact.background_mean is not None
    ]
    return _clear(float(np.mean(seen))) if seen else float("nan")


def _clear(value: float) -> float:
    return value if abs(value) > 0.05 else 0.0


def _histogram_signs(groups: Sequence[Sequence[CaseFacts]]) -> NDArray[np.float64]:
    """Per group: correlation of its histogram with the median histogram, minus that of its mirror image."""
    histograms = np.full((len(groups), BINS), np.nan)
    for number, facts in enumerate(groups):
        parts = [fact.samples.mean(axis=1) for fact in facts if fact.samples is not None and len(fact.samples)]
        values = np.concatenate(parts) if parts else np.zeros(0)
        values = values[np.isfinite(values)]
        if len(values) < 2 * BINS:
            continue
        low, high = np.percentile(values, [1, 99])
        if high > low:
            counts, _ = np.histogram(np.clip(values, low, high), bins=BINS, range=(low, high))
            histograms[number] = np.sqrt(counts / counts.sum())  # so that one large black bin does not drown the rest
    known = np.isfinite(histograms[:, 0])
    signs = np.full(len(groups), np.nan)
    if known.sum() < FEWEST_GROUPS:
        return signs
    usual = np.median(histograms[known], axis=0)
    for number in np.flatnonzero(known).tolist():
        as_is, mirrored = _correlation(histograms[number], usual), _correlation(histograms[number][::-1], usual)
        signs[number] = as_is - mirrored if abs(as_is - mirrored) > 0.1 else 0.0
    return signs


def _correlation(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    a, b = a - a.mean(), b - b.mean()
    size = float(np.linalg.norm(a) * np.linalg.norm(b))
    return float(a @ b) / size if size else 0.0
