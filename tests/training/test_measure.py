"""Measured numbers are positive, repeatable in kind, and more work takes longer."""

from __future__ import annotations

import time
from typing import Any

import pytest
import torch
from tests.training.small import small_recipe

from delineate.domain import LabelSet
from delineate.recipe import Recipe
from delineate.training import machine_profile, measure, time_inference, time_step


def test_the_machine_is_measured_within_seconds() -> None:
    started = time.monotonic()
    profile = machine_profile("cpu")
    assert time.monotonic() - started < 20
    assert profile.device == "cpu"
    assert 1 <= profile.threads <= profile.cores
    assert all(value > 0 for value in profile.seconds.values())
    fp32 = min(value for name, value in profile.seconds.items() if name.startswith("fp32"))
    assert (profile.precision == "bf16") == (profile.seconds["half channels_last"] < 0.9 * fp32)


@pytest.mark.parametrize("kind", ["binary", "regions"])
def test_steps_are_timed_and_threads_put_back(kind: str) -> None:
    names = ("a",) if kind == "binary" else ("a", "b")
    recipe = small_recipe(threads=1).model_copy(update={"labels": LabelSet(kind=kind, names=names)})
    torch.set_num_threads(2)
    small = time_step(recipe, (16, 16), 1, channels=3, repetitions=5)
    large = time_step(recipe, (64, 64), 8, channels=3, repetitions=3)
    assert 0 < small < large
    assert 0 < time_inference(recipe, (64, 64), 8, repetitions=3) < large
    assert torch.get_num_threads() == 2


@pytest.mark.parametrize(("took", "calls"), [(1.0, 7), (9.0, 2)])
def test_what_is_emulated_is_not_tried_again(took: float, calls: int) -> None:
    ticks = iter([0.0, 50.0, *(moment for call in range(6) for moment in (100.0 * call, 100.0 * call + took))])
    done: list[None] = []
    assert measure._least_seconds(lambda: done.append(None), lambda: next(ticks), hopeless=4.0) == took
    assert len(done) == calls


@pytest.mark.parametrize(("slower", "expected"), [(True, False), (False, True)])
def test_the_memory_order_is_what_the_network_is_fast_in(slower: bool, expected: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    ticks = [0.0]

    class Timed(measure.Learner):
        def __init__(self, recipe: Recipe) -> None:
            super().__init__(recipe)
            self.takes = 2.0 if recipe.training.channels_last == slower else 1.0

        def step(self, *arguments: Any) -> Any:
            ticks[0] += self.takes
            return super().step(*arguments)

    monkeypatch.setattr(measure, "Learner", Timed)
    monkeypatch.setattr(measure.time, "perf_counter", lambda: ticks[0])
    recipe = small_recipe(threads=1)
    assert measure.prefers_channels_last(recipe, (32, 48)) is expected


@pytest.mark.parametrize("how", [{"precision": "bf16"}, {"device": "mps"}])
@pytest.mark.parametrize("layout", [True, False])
def test_elsewhere_what_the_profile_found_stands(how: dict[str, str], layout: bool) -> None:
    assert measure.prefers_channels_last(small_recipe(threads=1, channels_last=layout, **how), (32, 32)) is layout
