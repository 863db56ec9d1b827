"""Where training stands and which learning rate, stage and epoch that means: pure functions of the step."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from delineate.recipe import Stage, Training

_FLOOR = 0.002  # of the peak learning rate, where the cosine ends
_PLATEAU_FACTOR = 0.25
_POLY_POWER = 0.9
_RISE, _START = 0.3, 0.04  # one cycle: share of the steps that rise, and the rate they rise from


@dataclass(frozen=True)
class Timeline:
    """Step → progress 0…1, piecewise linear through ``knots`` (step, progress).

    Re-timing bends the line from the present step on, so that the learning rate falls faster or slower but never jumps.
    """

    knots: tuple[tuple[int, float], ...]

    @classmethod
    def straight(cls, steps: int) -> Timeline:
        return cls(((0, 0.0), (steps, 1.0)))

    @property
    def total(self) -> int:
        return self.knots[-1][0]

    def progress(self, step: int) -> float:
        for (start, low), (end, high) in zip(self.knots, self.knots[1:], strict=False):
            if step < end:
                return low + (high - low) * (step - start) / (end - start)
        return 1.0

    def retimed(self, step: int, total: int) -> Timeline:
        """The same past up to ``step``, then straight to the end at ``total``."""
        if not step <= total or step >= self.total:
            raise ValueError(f"a schedule of {self.total} steps cannot end after {total} at step {step}")
        past = tuple(knot for knot in self.knots if knot[0] < step)
        if total == step:
            return Timeline((*past, (step, 1.0)) if past else ((0, 0.0), (1, 1.0)))
        return Timeline((*past, (step, self.progress(step)), (total, 1.0)))


def stage_at(training: Training, progress: float) -> Stage:
    """The stage at ``progress``: the first whose ``until`` lies beyond it, else the last."""
    return next((stage for stage in training.stages if progress < stage.until), training.stages[-1])


def ends_epoch(step: int, timeline: Timeline, epoch_steps: int) -> bool:
    """Whether training pauses for validation after ``step`` steps. A last epoch shorter than a third joins the one before."""
    if step >= timeline.total:
        return True
    return step > 0 and step % epoch_steps == 0 and 3 * (timeline.total - step) >= epoch_steps


def learning_rate(training: Training, progress: float, history: Sequence[Mapping[str, Any]] = ()) -> float:
    """Linear warm-up, then cosine to almost 0, ``(1 - t) ** 0.9`` (``poly``: Chen et al. 2017, arXiv:1606.00915), constant, or
    reduced where the validation loss stays flat (``history``). ``one_cycle`` (Smith & Topin 2018, arXiv:1708.07120; the learning
    rate only) rises and falls by half a cosine each."""
    if training.schedule == "one_cycle":
        if progress < _RISE:
            return training.lr * (_START + (1 - _START) * _half_cosine(1 - progress / _RISE))
        return training.lr * (_FLOOR + (1 - _FLOOR) * _half_cosine((progress - _RISE) / (1 - _RISE)))
    if progress < training.warmup:
        return training.lr * max(progress / training.warmup, 0.02)
    if training.schedule == "cosine":
        along = (progress - training.warmup) / (1 - training.warmup)
        return training.lr * (_FLOOR + (1 - _FLOOR) * 0.5 * (1 + math.cos(math.pi * min(along, 1.0))))
    if training.schedule == "poly":
        along = (progress - training.warmup) / (1 - training.warmup)
        return training.lr * max(math.pow(1 - min(along, 1.0), _POLY_POWER), _FLOOR)
    if training.schedule == "plateau":
        return training.lr * plateau_factor([row.get("val_loss") for row in history], training.plateau_patience)
    return training.lr


def _half_cosine(along: float) -> float:
    """1 at 0, 0 at 1."""
    return 0.5 * (1 + math.cos(math.pi * min(along, 1.0)))


def plateau_factor(losses: Sequence[float | None], patience: int) -> float:
    """× 0.25 after every ``patience`` epochs without a lower validation loss."""
    factor, best, waited = 1.0, math.inf, 0
    for loss in losses:
        if loss is not None and loss < best:
            best, waited = loss, 0
            continue
        waited += 1
        if waited >= patience:
            factor, waited = factor * _PLATEAU_FACTOR, 0
    return factor


def fitting_total(step: int, total: int, most: int, needed: float, left: float, allowance: float) -> int | None:
    """The new number of steps when the rest needs ``needed`` seconds but ``left`` are there; ``None`` to leave it.

    Fewer steps when the end would come more than ``allowance`` seconds late; more, but at most ``most``, when it would come more
    than twice that too early.
    """
    if total <= step or needed <= 0:
        return None
    fit = step + int((total - step) * max(0.0, left) / needed)
    if needed > left + allowance:
        return min(total - 1, fit)
    if total < most and needed < left - 2 * allowance:
        longer = min(most, fit)
        return longer if longer > total else None
    return None


def pixels_left(training: Training, timeline: Timeline, step: int) -> float:
    """Pixels that the remaining steps show the network: what their time goes by, since stages differ in size and batch."""
    total, start = 0.0, timeline.progress(step)
    steps = timeline.total - step
    span = 1.0 - start
    if steps <= 0 or span <= 0:
        return 0.0
    for stage in training.stages:
        share = max(0.0, stage.until - max(start, 0.0))
        total += share / span * steps * stage.batch * stage.size[0] * stage.size[1]
        start = max(start, stage.until)
    return total
