"""Batch k is a function of (seed, k); every plane gets its turn; foreground gets its share."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from delineate.training.planes import Plane
from delineate.training.sampling import Sampler, batch_generator


def planes(foreground: list[tuple[int, ...]], shape: tuple[int, int] = (32, 32)) -> list[Plane]:
    return [Plane(f"c{i}", f"g{i}", f"p{i}", None, 0, shape, pixels, 0) for i, pixels in enumerate(foreground)]


presence = st.lists(st.booleans(), min_size=1, max_size=40)


@settings(deadline=None, max_examples=50)
@given(presence, st.floats(1, 8), st.integers(0, 2**31), st.integers(1, 9))
def test_a_batch_depends_on_seed_and_step_alone(has: list[bool], factor: float, seed: int, batch: int) -> None:
    some = planes([(int(h),) for h in has])
    forward = Sampler(some, seed=seed, foreground=factor)
    steps = [forward.draws(k, batch) for k in range(12)]
    backward = Sampler(some, seed=seed, foreground=factor)
    assert [backward.draws(k, batch) for k in reversed(range(12))] == steps[::-1]


@settings(deadline=None, max_examples=50)
@given(presence, st.sampled_from([1.0, 2.0, 3.0, 2.5]), st.integers(0, 99))
def test_every_plane_is_seen_as_often_as_its_like(has: list[bool], factor: float, seed: int) -> None:
    some = planes([(int(h),) for h in has])
    sampler = Sampler(some, seed=seed, foreground=factor)
    positive, negative = sum(has), len(has) - sum(has)
    count = round(10 * (factor * positive + negative))
    seen = Counter(draw.plane for draw in sampler.draws(0, count))
    for kind, expected in ((True, 10 * factor), (False, 10)):
        for number in (seen[i] for i, h in enumerate(has) if h is kind):
            assert abs(number - expected) <= 1.01 + 0.01 * expected


def test_seeds_and_steps_differ() -> None:
    some = planes([(1,)] * 50)
    assert Sampler(some, seed=0, foreground=1).draws(0, 50) != Sampler(some, seed=1, foreground=1).draws(0, 50)
    assert batch_generator(0, 1).random() != batch_generator(0, 2).random()
    assert batch_generator(0, 1).random() == batch_generator(0, 1).random()


def test_crops_are_centred_on_every_class_in_turn() -> None:
    some = planes([(5, 0), (0, 1), (0, 0), (3, 0)])
    draws = Sampler(some, seed=0, foreground=3.0, crop=(16, 16)).draws(0, 300)
    labels = Counter(draw.label for draw in draws)
    assert labels == {0: 100, 1: 100, 2: 100}
    assert all(some[d.plane].foreground[d.label - 1] for d in draws if d.label)


def test_large_planes_give_more_crops() -> None:
    some = planes([(0,)], (64, 64)) + planes([(0,)], (16, 16))
    seen = Counter(draw.plane for draw in Sampler(some, seed=0, foreground=1, crop=(16, 16)).draws(0, 170))
    assert seen == {0: 160, 1: 10}


def test_nothing_to_draw_from_is_refused() -> None:
    with pytest.raises(ValueError, match="no planes"):
        Sampler([], seed=0, foreground=1)
