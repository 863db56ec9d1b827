"""Times and sizes as people write them."""

from __future__ import annotations

import pytest

from delineate.errors import UsageError
from delineate.workflows.options import parse_budget, parse_sample, parse_size


@pytest.mark.parametrize(
    ("text", "seconds"), [("15m", 900), ("90s", 90), ("1h30m", 5400), ("2H", 7200), ("10", 600), ("2m30s", 150), ("5min", 300)]
)
def test_budget(text: str, seconds: float) -> None:
    assert parse_budget(text) == seconds


@pytest.mark.parametrize("text", ["", "soon", "15 x", "-5m", "m15", "10s"])
def test_not_a_budget(text: str) -> None:
    with pytest.raises(UsageError):
        parse_budget(text)


def test_size() -> None:
    assert parse_size("256") == (256, 256)
    assert parse_size("256x320") == (256, 320)
    for text in ("8", "256x", "big", "100000"):
        with pytest.raises(UsageError):
            parse_size(text)


def test_sample() -> None:
    assert parse_sample("seed=7,n=10") == (7, 10)
    assert parse_sample("n=3") == (42, 3)
    assert parse_sample("5") == (42, 5)
    with pytest.raises(UsageError):
        parse_sample("ten")
