"""Which engine is faster here, for this network and size: measured on a real batch, with the answers compared."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from delineate.domain import LabelSet
from delineate.errors import DelineateError
from delineate.events import EventSink, Note
from delineate.inference.engines import Batch, Engine

MIN_PLANES = 64
"""Jobs up to this many planes are done before a trial would have paid."""
MAX_DIFFERENCE = 1e-3
"""Largest share of pixels on which another engine may decide otherwise."""
_GAIN = 0.9  # a candidate must be at least 10 % faster than what is known to be exact
_PLANES = 4


def faster(
    known: Engine,
    make_candidate: Callable[[], Engine],
    batch: Batch,
    labels: LabelSet,
    thresholds: tuple[float, ...],
    on_event: EventSink,
) -> Engine:
    """``known`` (full precision), or the candidate where it is faster and agrees. Says what was measured by a Note."""
    sample = np.ascontiguousarray(batch[:_PLANES])
    reference, known_seconds = _timed(known, sample)
    try:
        candidate = make_candidate()
        answer, seconds = _timed(candidate, sample)
    except (DelineateError, RuntimeError) as error:  # an engine that cannot run this network is no reason to stop
        on_event(Note("engine-trial-failed", {"engine": known.name, "reason": str(error).splitlines()[0]}))
        return known
    difference = disagreement(reference, answer, labels, thresholds)
    facts = {
        "known": known.name,
        "candidate": candidate.name,
        "known_ms": round(1000 * known_seconds / len(sample)),
        "candidate_ms": round(1000 * seconds / len(sample)),
        "percent": round(100 * difference, 3),
    }
    if difference > MAX_DIFFERENCE:
        on_event(Note("engine-disagrees", facts))
        return known
    better = candidate if seconds < _GAIN * known_seconds else known
    on_event(Note("engine-chosen", {**facts, "engine": better.name}))
    return better


def disagreement(a: Batch, b: Batch, labels: LabelSet, thresholds: tuple[float, ...]) -> float:
    """Share of pixels on which two sets of logits (B, channels, h, w) lead to different labels."""
    first, second = (_decided(x, labels, thresholds) for x in (a, b))
    return float(np.mean(first != second))


def _decided(logits: Batch, labels: LabelSet, thresholds: tuple[float, ...]) -> NDArray[np.uint8]:
    return labels.decide(labels.probabilities(logits.transpose(1, 0, 2, 3)), thresholds)


def _timed(engine: Engine, batch: Batch) -> tuple[Batch, float]:
    answer = engine.run(batch)  # warm: memory is laid out and kernels are chosen
    start = time.perf_counter()
    engine.run(batch)
    return answer, time.perf_counter() - start
