"""More time buys more detail and width, never less; everything fits in the time given."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from delineate.planning.budget import (
    Task,
    batch_for,
    choose_size_and_width,
    difficulty_of,
    expected_loss,
    interpolated_ceiling,
    mean_step_seconds,
    stages_for,
)

SIZES = [(96, 96), (128, 128), (192, 192), (256, 256)]
CEILINGS = {96: 0.90, 128: 0.94, 192: 0.97, 256: 0.99}
TASK = Task(CEILINGS, train_planes=10_000)


def timer(width: int, size: tuple[int, int], batch: int) -> float:
    return 0.21 * (width / 16) ** 1.6 * batch * size[0] * size[1] / (16 * 128 * 128)


@given(st.floats(20, 20_000))
def test_steps_fit_in_the_time(seconds: float) -> None:
    choice = choose_size_and_width(SIZES, [16, 32], TASK, seconds, timer, grow=True)
    assert choice.steps * mean_step_seconds(choice.stages, choice.width, timer) <= seconds * 1.0001 or choice.steps == 1
    assert choice.stages[-1].until == 1.0
    assert choice.stages[-1].size == choice.size


def test_more_time_more_detail() -> None:
    sides = [choose_size_and_width(SIZES, [16], TASK, s, timer, grow=True).size[0] for s in (30, 300, 3000, 30_000)]
    assert sides == sorted(sides)
    assert sides[0] < sides[-1]


def test_hours_buy_width() -> None:
    assert choose_size_and_width(SIZES, [16, 32], TASK, 120, timer, grow=True).width == 16
    assert choose_size_and_width(SIZES, [16, 32], TASK, 20_000, timer, grow=True).width == 32


def test_what_follows_training_is_left_to_it() -> None:
    """By size: what large planes take to predict is taken from large planes only."""

    def after(width: int, size: tuple[int, int]) -> float:
        return 250.0 if size[0] > 128 else 0.0

    plain = choose_size_and_width(SIZES, [16], TASK, 300, timer, grow=True)
    kept = choose_size_and_width(SIZES, [16], TASK, 300, timer, grow=True, after=after)
    images = [{row["side"]: row["images"] for row in choice.compared} for choice in (plain, kept)]
    assert images[0][128] == images[1][128]
    assert images[1][192] < images[0][192] / 4


def test_coarse_structures_stay_small() -> None:
    """Where shrinking loses nothing, the smallest size wins: more images in the same time."""
    assert choose_size_and_width(SIZES, [16], Task(dict.fromkeys(CEILINGS, 1.0), 10_000), 300, timer, grow=False).size == (96, 96)


def test_what_was_compared_is_told() -> None:
    choice = choose_size_and_width(SIZES, [16, 32], TASK, 300, timer, grow=True)
    assert len(choice.compared) == 8
    chosen = [row for row in choice.compared if row["side"] == choice.size[0] and row["width"] == choice.width]
    assert chosen[0]["loss"] == min(row["loss"] for row in choice.compared)


@pytest.mark.parametrize(("side", "expected"), [(128, 0.94), (160, 0.955), (256, 0.99), (512, 1.0)])
def test_ceiling_is_interpolated(side: int, expected: float) -> None:
    assert interpolated_ceiling(CEILINGS, side) == pytest.approx(expected)


def test_ceiling_falls_below_the_smallest_size() -> None:
    assert interpolated_ceiling(CEILINGS, 48) < 0.9
    assert interpolated_ceiling({}, 48) == 1.0


def test_growing() -> None:
    first, last = stages_for((192, 192), grow=True)
    assert (first.size, first.until, last.size) == ((128, 128), 0.65, (192, 192))
    assert len(stages_for((64, 64), grow=True)) == 1
    assert len(stages_for((256, 256), grow=False)) == 1


def test_batches_shrink_when_time_is_short() -> None:
    assert batch_for((128, 128)) == 16
    assert batch_for((256, 256)) == 8
    assert batch_for((512, 512)) == 4
    assert batch_for((48, 64)) == 64
    assert batch_for((128, 128), images=4000) < 16


def test_expected_loss_is_monotone() -> None:
    assert expected_loss(0.9, 1e4, 16) > expected_loss(0.95, 1e4, 16) > expected_loss(0.95, 1e5, 16) > expected_loss(0.95, 1e5, 32)


def test_views_without_end_do_not_count() -> None:
    """With forty images, time goes into detail and not into a hundred thousand repetitions."""
    many = choose_size_and_width(SIZES, [16], TASK, 300, timer, grow=True)
    few = choose_size_and_width(SIZES, [16], Task(CEILINGS, train_planes=40), 300, timer, grow=True)
    assert few.size[0] > many.size[0]


def test_large_organs_are_easier() -> None:
    assert difficulty_of(0.005) == 1.0
    assert difficulty_of(0.3) == 0.3
    assert 0.3 < difficulty_of(0.06) < 1.0
    assert difficulty_of(0.0) == 1.0


def test_networks_that_are_too_wide_are_not_timed() -> None:
    asked: set[int] = set()

    def watched(width: int, size: tuple[int, int], batch: int) -> float:
        asked.add(width)
        return timer(width, size, batch)

    assert choose_size_and_width(SIZES, [32, 16, 24], TASK, 30, watched, grow=True).width == 16
    assert asked == {16, 24}
    choose_size_and_width(SIZES, [16, 24, 32], TASK, 20_000, watched, grow=True)
    assert asked == {16, 24, 32}
