"""What is kept back for the time after training: by the data, by the network and by how fast this machine is."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from delineate.planning import Draft, Machine
from delineate.recipe import Preprocessing, Recipe
from delineate.workflows import deciding


def fold(test: int, validation: int) -> Any:
    cases = [SimpleNamespace(id=str(number), group=str(number)) for number in range(test + validation)]
    return SimpleNamespace(parts={"test": cases[:test], "validation": cases[test:], "train": []})


def facts(count: int, planes: int = 10, pixels: int = 100_000) -> Any:
    return [SimpleNamespace(case=str(number), planes=planes, pixels=pixels) for number in range(count)]


def machine(per_pixel: float = 1e-6) -> Machine:
    return Machine(
        "fp32",
        True,
        2,
        "cpu",
        step_seconds=lambda width, size, batch: 3e-6 * width / 16 * batch * size[0] * size[1],
        plane_seconds=lambda width, size: per_pixel * size[0] * size[1],
    )


def draft(*, crop: bool = False, scale: float = 1.0) -> Draft:
    recipe = Recipe(preprocessing=Preprocessing(fit="scale", scale=scale) if crop else Preprocessing())
    return Draft(recipe, ((96, 96), (100, 100), (256, 256)), crop)


def predicting(
    *, views: bool = False, made: Draft | None = None, width: int = 16, size: tuple[int, int] = (100, 100), **of: int
) -> float:
    found = deciding._predicting(facts(9), fold(**of), made or draft(), machine(), views=views)
    assert found is not None
    return found(width, size)


def test_every_pass_over_validation_counts() -> None:
    assert predicting(test=2, validation=0) == pytest.approx(2 * 10 * 0.01)
    assert predicting(test=0, validation=1) == pytest.approx(4 * 10 * 0.01)
    assert predicting(test=0, validation=1, views=True) == pytest.approx(6 * 10 * 0.01)
    assert predicting(test=2, validation=1) == pytest.approx(6 * 10 * 0.01)


def test_what_is_learned_in_crops_is_predicted_whole() -> None:
    assert predicting(test=1, validation=0, made=draft(crop=True)) == pytest.approx(1.5 * 100_000 * 1e-6)
    assert predicting(test=1, validation=0, made=draft(crop=True, scale=0.5)) == pytest.approx(1.5 * 25_000 * 1e-6)


def test_without_a_measurement_nothing_is_added() -> None:
    assert deciding._predicting(facts(3), fold(1, 1), draft(), Machine("fp32", True, 2, "cpu"), views=False) is None


def test_larger_planes_and_wider_networks_take_longer() -> None:
    assert predicting(test=2, validation=0, size=(200, 200)) == pytest.approx(2 * 10 * 0.04)
    assert predicting(test=2, validation=0, width=32) == pytest.approx(2 * 10 * 0.02)


@pytest.mark.parametrize(("low", "budget", "side"), [(0.01, 900.0, 256), (1.0, 900.0, 192), (1.0, 60.0, 128), (9.0, None, 256)])
def test_a_trial_takes_a_small_share_of_the_budget(low: float, budget: float | None, side: int) -> None:
    assert deciding.second_size([(96, 96), (128, 128), (192, 192), (256, 256)], low, budget) == (side, side)


def test_one_size_is_timed_once() -> None:
    assert deciding.second_size([(96, 96)], 5.0, 1.0) == (96, 96)


def test_a_slow_machine_keeps_more_time_back(monkeypatch: pytest.MonkeyPatch) -> None:
    parts = cast(Any, fold(1, 1).parts)
    found = {}
    for factor in (0.5, 1.0, 3.0):
        ticks = iter([moment for round_ in range(5) for moment in (round_, round_ + factor * deciding.REFERENCE)])
        monkeypatch.setattr(deciding.time, "perf_counter", lambda ticks=ticks: next(ticks))
        found[factor] = deciding.beside_training(facts(2), parts)[0]
    assert found[1.0] > deciding.FIXED_RESERVE
    assert found[3.0] == pytest.approx(3 * found[1.0])
    assert found[0.5] == pytest.approx(0.5 * found[1.0])


def test_slowness_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that was stopped for a while must not give all of its budget away."""
    ticks = iter([moment for round_ in range(5) for moment in (100 * round_, 100 * round_ + 60)])
    monkeypatch.setattr(deciding.time, "perf_counter", lambda: next(ticks))
    assert deciding.slowness() == 4.0
