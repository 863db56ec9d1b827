"""Which engine is fastest here, for this network and size: measured on a real batch, with the answers compared."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from delineate.domain import LabelSet
from delineate.errors import DelineateError
from delineate.events import EventSink, Note
from delineate.inference.engines import Batch, Engine

MAX_DIFFERENCE = 1e-3
"""Largest share of pixels on which another engine may decide otherwise."""
_GAIN = 0.9  # a candidate must be at least 10 % faster than what is known to be exact
_PLANES = 8
_REPEATS = 3


@dataclass(frozen=True)
class Measured:
    """What a trial found: milliseconds per plane and to begin (load and compile), per engine that ran and agreed."""

    engine: str
    ms: Mapping[str, float] = field(default_factory=dict)
    begin_ms: Mapping[str, float] = field(default_factory=dict)


def choose(
    known: Engine,
    candidates: Mapping[str, Callable[[], Engine]],
    batch: Batch,
    labels: LabelSet,
    thresholds: tuple[float, ...],
    on_event: EventSink,
) -> tuple[Engine, Measured]:
    """``known`` (full precision), or the fastest candidate that agrees with it. Says what was measured by Notes."""
    sample = np.ascontiguousarray(batch[:_PLANES])
    reference = known.run(sample)
    seconds = {known.name: _seconds(known, sample)}
    begin, engines, worst = {known.name: 0.0}, {known.name: known}, 0.0
    for name, make in candidates.items():
        began = time.perf_counter()
        try:
            candidate = make()
            answer = candidate.run(sample)
            begin[name] = time.perf_counter() - began
            difference = disagreement(reference, answer, labels, thresholds)
            if difference > MAX_DIFFERENCE:
                facts = {"known": known.name, "candidate": name, "percent": round(100 * difference, 3)}
                on_event(Note("engine-disagrees", facts))
                continue
            seconds[name] = _seconds(candidate, sample)
        except (DelineateError, RuntimeError) as error:  # an engine that cannot run this network is no reason to stop
            on_event(Note("engine-trial-failed", {"engine": name, "reason": (str(error).splitlines() or ["?"])[0]}))
            continue
        engines[name], worst = candidate, max(worst, difference)
    best = min(seconds, key=lambda name: seconds[name] * (_GAIN if name == known.name else 1.0))
    ms = {name: round(1000 * value / len(sample), 2) for name, value in seconds.items()}
    if len(seconds) > 1:
        on_event(Note("engine-chosen", {"engine": best, "times": spoken(ms), "percent": round(100 * worst, 3)}))
    return engines[best], Measured(best, ms, {name: round(1000 * begin[name], 1) for name in ms})


def spoken(ms: Mapping[str, float]) -> str:
    """``onnxruntime 62 ms, openvino 27 ms``"""
    return ", ".join(f"{name} {value:.3g} ms" for name, value in ms.items())


def disagreement(a: Batch, b: Batch, labels: LabelSet, thresholds: tuple[float, ...]) -> float:
    """Share of pixels on which two sets of logits (B, channels, h, w) lead to different labels."""
    first, second = (_decided(x, labels, thresholds) for x in (a, b))
    return float(np.mean(first != second))


def _decided(logits: Batch, labels: LabelSet, thresholds: tuple[float, ...]) -> NDArray[np.uint8]:
    return labels.decide(labels.probabilities(logits.transpose(1, 0, 2, 3)), thresholds)


def _seconds(engine: Engine, batch: Batch) -> float:
    """The quickest of a few runs: what the engine can do, whatever else the machine does meanwhile. It has run once already, so
    that memory is laid out and kernels are chosen."""
    found = []
    for _ in range(_REPEATS):
        start = time.perf_counter()
        engine.run(batch)
        found.append(time.perf_counter() - start)
        if sum(found) > 2.0:
            break
    return min(found)
