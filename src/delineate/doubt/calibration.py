"""Temperature scaling (Guo et al. 2017, arXiv:1706.04599): one number per sigmoid class, one for a softmax, fitted on validation.

A temperature never changes which of two pixels is more probable, so no mask gets worse by it; thresholds are chosen after it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from delineate.domain import IGNORE, LabelSet

#: Tried temperatures: a grid is fast enough, cannot fail to converge, and makes leaving persons out cheap.
TEMPERATURES = np.exp(np.linspace(np.log(0.25), np.log(8.0), 51))
MIN_PERSONS = 3
BINS = 15
_TINY = 1e-7
_STRETCH = 1 << 20

Floats = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class TemperatureFit:
    """``temperatures`` for the model file (empty: none is kept); ``before`` and ``after``: mean negative log-likelihood per pixel
    of persons, each left out of the fit that serves them; ``n`` persons."""

    temperatures: tuple[float, ...]
    before: float
    after: float
    n: int
    kept: bool


def calibrate(probabilities: NDArray[np.float32], temperatures: Sequence[float], labels: LabelSet) -> NDArray[np.float32]:
    """(K, *space) probabilities of logits → of logits divided by ``temperatures`` (which may be empty), in place.

    Done on the image's own grid, where the temperatures were fitted.
    """
    if not temperatures or all(t == 1.0 for t in temperatures):
        return probabilities
    flat = probabilities.reshape(probabilities.shape[0], -1)
    if not np.shares_memory(flat, probabilities):
        raise ValueError("'probabilities' must be contiguous")
    for start in range(0, flat.shape[1], _STRETCH):
        part = flat[:, start : start + _STRETCH]
        part[:] = _softer(part, np.asarray(temperatures, dtype=np.float32), labels)
    return probabilities


def _softer(p: Floats, temperatures: Floats, labels: LabelSet) -> Floats:
    """(K, n) probabilities with their logits divided by the temperatures."""
    if labels.activation == "softmax":
        every = np.concatenate([np.clip(1.0 - p.sum(axis=0, keepdims=True), 0.0, 1.0), p])
        powered = np.power(np.maximum(every, _TINY), 1.0 / temperatures[0])
        return np.asarray(powered[1:] / powered.sum(axis=0, keepdims=True))
    inverse = 1.0 / temperatures[:, np.newaxis]
    yes, no = np.power(p, inverse), np.power(1.0 - p, inverse)
    return np.asarray(yes / np.maximum(yes + no, 1e-30))


def entropy(probabilities: NDArray[np.floating[Any]], labels: LabelSet) -> NDArray[np.float32]:
    """(K, *space) → (*space): entropy in units of its largest value (0: certain, 1: nothing known). Overlapping classes: the
    largest of theirs."""
    p = probabilities.astype(np.float32)
    if labels.activation == "softmax":
        every = np.concatenate([np.clip(1.0 - p.sum(axis=0, keepdims=True), 0.0, 1.0), p])
        return np.asarray(-_xlogx(every).sum(axis=0) / np.log(len(every)), dtype=np.float32)
    return np.asarray(np.max(-(_xlogx(p) + _xlogx(1.0 - p)) / np.log(2.0), axis=0), dtype=np.float32)


def _xlogx(p: Floats) -> Floats:
    return np.asarray(p * np.log(np.maximum(p, 1e-12)))


def sample_pixels(
    probabilities: NDArray[np.floating[Any]],
    truth: NDArray[np.integer[Any]],
    labels: LabelSet,
    *,
    most: int = 20_000,
    seed: int = 0,
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Some of a group's pixels that count, evenly drawn: (K, n) probabilities and (n,) labels, or (K, n) of 0/1 for regions."""
    flat = probabilities.reshape(probabilities.shape[0], -1)
    values = truth.reshape(truth.shape[0], -1) if labels.kind == "regions" else truth.reshape(1, -1)
    places = np.flatnonzero((values != IGNORE).all(axis=0))
    if len(places) > most:
        places = np.random.default_rng(seed).choice(places, most, replace=False)
    known = values[:, places].astype(np.int64)
    return flat[:, places].astype(np.float32), known if labels.kind == "regions" else known[0]


def fit_temperatures(samples: Sequence[tuple[str, NDArray[np.float32], NDArray[np.int64]]], labels: LabelSet) -> TemperatureFit:
    """Temperatures that make the truth most likely, among those that do not raise the calibration error; persons count equally.

    The second condition matters where a class is small: softening a network that is too sure at the borders also lifts far
    background off zero, where there is so much of it that probabilities no longer add up to sizes.

    Kept only if persons left out of the fit (one at a time) are served better by it than by none, in the mean and most of them,
    with at least three persons.

    Parameters
    ----------
    samples
        (person, probabilities, truth) as :func:`sample_pixels` gives them; a person may come several times.
    """
    heads = 1 if labels.activation == "softmax" else labels.classes
    persons = sorted({person for person, *_ in samples})
    loss = np.zeros((len(persons), heads, len(TEMPERATURES)))
    bins = np.zeros((len(persons), heads, len(TEMPERATURES), BINS))  # sum of probabilities less sum of truths
    count = np.zeros(len(persons))
    for person, p, truth in samples:
        row = persons.index(person)
        count[row] += p.shape[1]
        for column, temperature in enumerate(TEMPERATURES):
            loss[row, :, column] += _loss(p.astype(np.float64), truth, float(temperature), labels)
            bins[row, :, column] += _gaps(p.astype(np.float64), truth, float(temperature), labels)
    loss, bins = (array[count > 0] / count[count > 0].reshape(-1, *([1] * (array.ndim - 1))) for array in (loss, bins))
    n = len(loss)
    if n == 0:
        return TemperatureFit((), 0.0, 0.0, 0, kept=False)
    one = int(np.abs(np.log(TEMPERATURES)).argmin())
    before = float(loss[:, :, one].sum(axis=1).mean())
    if n < MIN_PERSONS:
        return TemperatureFit((), before, before, n, kept=False)
    left_out = np.zeros(n)
    for row in range(n):
        rest = np.arange(n) != row
        left_out[row] = float(loss[row, np.arange(heads), _best(loss[rest], bins[rest], one)].sum())
    after = float(left_out.mean())
    best = _best(loss, bins, one)
    better = int((left_out < loss[:, :, one].sum(axis=1)).sum())  # one lost patient must not set the temperature of all
    kept = after < before * (1 - 1e-3) and 2 * better > n and bool((best != one).any())
    return TemperatureFit(tuple(round(float(TEMPERATURES[k]), 4) for k in best) if kept else (), before, after, n, kept)


def _best(loss: Floats, bins: Floats, one: int) -> NDArray[np.intp]:
    """Per head the place in :data:`TEMPERATURES`; ``one`` is that of doing nothing."""
    error = np.abs(bins.mean(axis=0)).sum(axis=-1)  # (heads, temperatures)
    allowed = error <= error[:, [one]] + 1e-12
    return np.asarray(np.where(allowed, loss.mean(axis=0), np.inf).argmin(axis=1))


def _gaps(p: Floats, truth: NDArray[np.int64], temperature: float, labels: LabelSet) -> Floats:
    """(heads, bins): in each bin of probability its sum less the pixels that are of the class; all classes of a softmax at once."""
    heads = 1 if labels.activation == "softmax" else labels.classes
    softened = _softer(p, np.full(heads, temperature), labels)
    known = truth if labels.kind == "regions" else np.stack([truth == k for k in range(1, labels.classes + 1)])
    place = np.minimum((softened * BINS).astype(np.int64), BINS - 1)
    gaps = np.stack([np.bincount(place[k], softened[k] - known[k], minlength=BINS) for k in range(labels.classes)])
    return np.asarray(gaps if heads == labels.classes else gaps.sum(axis=0, keepdims=True), dtype=np.float64)


def _loss(p: Floats, truth: NDArray[np.int64], temperature: float, labels: LabelSet) -> Floats:
    """Sum over pixels of the negative log-likelihood, per head."""
    if labels.activation == "softmax":
        logs = np.log(np.maximum(np.concatenate([1.0 - p.sum(axis=0, keepdims=True), p]), _TINY)) / temperature
        top = logs.max(axis=0)
        norm = top + np.log(np.exp(logs - top).sum(axis=0))
        return np.array([float((norm - logs[truth, np.arange(logs.shape[1])]).sum())])
    known = truth if labels.kind == "regions" else np.stack([truth == k for k in range(1, labels.classes + 1)])
    logits = (np.log(np.maximum(p, _TINY)) - np.log(np.maximum(1.0 - p, _TINY))) / temperature
    signed = np.where(known > 0, -logits, logits)
    return np.asarray(np.logaddexp(0.0, signed).sum(axis=1))
