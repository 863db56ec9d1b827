"""The comparison of precisions: differences by person, noise by seed, and what counts as within it."""

from __future__ import annotations

import pytest
from benchmarks.precision_guard import compare, table


def runs(*shifts: float) -> list[dict[str, float]]:
    return [{f"p{k}": 0.8 + 0.01 * k + shift for k in range(6)} for shift in shifts]


def test_a_shift_as_large_as_the_seeds_is_noise() -> None:
    found = compare({"fp32": runs(0.01, -0.01), "bf16": runs(0.012, -0.008)})
    assert found["difference"]["mean"] == pytest.approx(0.002)
    assert found["seed_sd"] == pytest.approx(0.02 / 2**0.5)
    assert found["within_noise"]
    assert found["persons"] == 6


def test_a_shift_that_seeds_do_not_explain_is_not() -> None:
    found = compare({"fp32": runs(0.001, -0.001), "bf16": runs(-0.05, -0.05)})
    assert not found["within_noise"]
    assert "| no |" in table({"setting": {"epochs": {"made": 7}}, "sets": {"made": found}})


def test_persons_that_differ_both_ways_are_noise_also_with_one_seed() -> None:
    other = [{person: dice + (0.01 if number % 2 else -0.01) for number, (person, dice) in enumerate(runs(0.0)[0].items())}]
    found = compare({"fp32": runs(0.0), "bf16": other})
    assert found["seed_sd"] is None
    assert found["within_noise"]
