"""Learning rate, stages and epochs as functions of the step; shortening never jumps and never lengthens."""

from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from delineate.recipe import Stage, Training
from delineate.training.schedule import Timeline, ends_epoch, fitting_total, learning_rate, pixels_left, plateau_factor, stage_at


def test_warm_up_then_cosine_to_the_end() -> None:
    training = Training(steps=1000, lr=1e-2, warmup=0.1)
    line = Timeline.straight(1000)
    rates = [learning_rate(training, line.progress(k)) for k in range(1000)]
    assert rates[0] < 1e-3
    assert max(rates) == pytest.approx(1e-2)
    assert rates.index(max(rates)) == 100
    assert rates[-1] < 1e-4
    assert all(b < a for a, b in itertools.pairwise(rates[100:]))


@given(st.integers(10, 5000), st.data())
def test_shortening_keeps_the_past_and_reaches_the_end(steps: int, data: st.DataObject) -> None:
    step = data.draw(st.integers(0, steps - 2))
    total = data.draw(st.integers(step + 1, steps - 1))
    line = Timeline.straight(steps)
    shorter = line.retimed(step, total)
    assert shorter.total == total
    for k in range(0, step + 1, max(1, step // 10)):
        assert shorter.progress(k) == pytest.approx(line.progress(k))
    progress = [shorter.progress(k) for k in range(total + 1)]
    assert progress == sorted(progress)
    assert progress[-1] == 1.0
    with pytest.raises(ValueError, match="cannot end"):
        shorter.retimed(total, total - 1)


def test_shortened_to_nothing_is_over() -> None:
    assert Timeline.straight(100).retimed(40, 40).total == 40


@given(st.integers(1, 400), st.integers(1, 100))
def test_epochs_end_at_the_end_and_none_is_tiny(steps: int, epoch_steps: int) -> None:
    line = Timeline.straight(steps)
    ends = [k for k in range(steps + 1) if ends_epoch(k, line, epoch_steps)]
    assert ends[-1] == steps
    lengths = [b - a for a, b in zip([0, *ends], ends, strict=False)]
    assert all(3 * length >= epoch_steps for length in lengths) or steps * 3 < epoch_steps
    assert all(3 * length <= 4 * epoch_steps + 3 for length in lengths)


def test_stages_by_share_of_steps() -> None:
    small, large = Stage(until=0.5, size=(64, 64)), Stage(until=1.0, size=(128, 128))
    training = Training(stages=(small, large))
    assert [stage_at(training, p) for p in (0.0, 0.49, 0.5, 0.99, 1.0)] == [small, small, large, large, large]


def test_plateau_reduces_after_five_flat_epochs() -> None:
    assert plateau_factor([1.0, 0.9, 0.8], 5) == 1.0
    assert plateau_factor([1.0] * 6, 5) == 0.25
    assert plateau_factor([1.0] * 11, 5) == 0.25**2
    assert plateau_factor([1.0] * 10, 10) == 1.0
    assert plateau_factor([1.0] * 11, 10) == 0.25
    assert plateau_factor([1.0] * 5 + [0.5, 0.6], 5) == 1.0
    training = Training(schedule="plateau", warmup=0.0, lr=1.0)
    assert learning_rate(training, 0.5, [{"val_loss": 1.0}] * 6) == 0.25


def test_only_a_real_overrun_shortens() -> None:
    assert fitting_total(100, 1000, 1000, needed=90, left=100, allowance=0) is None
    assert fitting_total(100, 1000, 1000, needed=103, left=100, allowance=3) is None
    assert fitting_total(100, 1000, 1000, needed=200, left=100, allowance=3) == 550
    assert fitting_total(100, 1000, 1000, needed=200, left=-5, allowance=3) == 100
    assert not math.isnan(learning_rate(Training(), 1.0))


def test_what_was_taken_is_given_back_but_no_more() -> None:
    assert fitting_total(100, 500, 1000, needed=50, left=100, allowance=3) == 900
    assert fitting_total(100, 500, 600, needed=50, left=100, allowance=3) == 600
    assert fitting_total(100, 500, 500, needed=50, left=100, allowance=3) is None
    assert fitting_total(100, 500, 1000, needed=96, left=100, allowance=3) is None


def test_pixels_left_counts_the_stages_to_come() -> None:
    training = Training(steps=100, stages=(Stage(until=0.5, size=(10, 10), batch=4), Stage(until=1.0, size=(20, 20), batch=2)))
    line = Timeline.straight(100)
    assert pixels_left(training, line, 0) == pytest.approx(50 * 400 + 50 * 800)
    assert pixels_left(training, line, 75) == pytest.approx(25 * 800)
    assert pixels_left(training, line, 100) == 0
    assert pixels_left(training, line.retimed(50, 60), 50) == pytest.approx(10 * 800)


def test_poly_and_one_cycle() -> None:
    poly = Training(schedule="poly", warmup=0.0, lr=1.0)
    assert learning_rate(poly, 0.5) == pytest.approx(0.5**0.9)
    assert learning_rate(poly, 1.0) < 0.01
    cycle = Training(schedule="one_cycle", lr=1.0)
    rates = [learning_rate(cycle, k / 1000) for k in range(1001)]
    assert rates[0] == pytest.approx(0.04)
    assert max(rates) == pytest.approx(1.0)
    assert rates.index(max(rates)) == 300
    assert rates[-1] < 0.01
    assert all(abs(b - a) < 0.01 for a, b in itertools.pairwise(rates)), "no jumps"
