"""The statistics keep their promises on simulated persons: benchmarks/statistics_simulation.py, small (see docs/statistics.md)."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "statistics_simulation.py"


@pytest.fixture(scope="module")
def simulation() -> ModuleType:
    spec = importlib.util.spec_from_file_location("statistics_simulation", SCRIPT)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_intervals_cover_about_as_often_as_they_say(simulation: ModuleType) -> None:
    assert simulation.coverage_of_mean(simulation.DICE, 8 / 9, 30, 150, bootstrap=300) > 0.88
    assert 0.88 < simulation.coverage_of_share(0.6, 30, 150, bootstrap=300) <= 0.99


@pytest.mark.parametrize("n", [6, 24])
def test_no_more_false_positives_than_alpha(simulation: ModuleType, n: int) -> None:
    for name, draw in simulation.DIFFERENCES.items():
        assert simulation.false_positives(draw, n, 400) < 0.085, name


def test_holm_keeps_false_claims_down(simulation: ModuleType) -> None:
    corrected, plain = simulation.false_claims(5, 24, 150)
    assert corrected < 0.1 < plain


def test_number_of_persons_gives_the_power_promised(simulation: ModuleType) -> None:
    _, power = simulation.power_at(0.8, 500)
    assert 0.74 < power < 0.88


def test_the_documentation_has_its_tables(simulation: ModuleType) -> None:
    text = (SCRIPT.parents[1] / "docs" / "statistics.md").read_text(encoding="utf-8")
    assert text.partition(simulation.BEGIN)[2].partition(simulation.END)[0].count("###") == 6
