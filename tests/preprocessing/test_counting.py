"""Counting gives what sorting gives."""

from __future__ import annotations

import numpy as np
import pytest

from delineate.preprocessing.counting import Counted


@pytest.mark.parametrize("size", [1, 2, 7, 1000, 70_001])
@pytest.mark.parametrize(("low", "high"), [(0, 256), (-1024, 3000), (5, 6), (65_000, 65_536)])
def test_percentiles_and_moments_are_those_of_numpy(size: int, low: int, high: int) -> None:
    values = np.random.default_rng(size).integers(low, high, size).astype(np.float32)
    counted = Counted.of(values)
    assert counted is not None and counted.total == size
    shares = (0.0, 0.5, 33.3, 50.0, 99.5, 100.0)
    np.testing.assert_allclose(counted.percentiles(shares), np.percentile(values.astype(np.float64), shares), rtol=1e-12, atol=1e-9)
    clipped = np.clip(values.astype(np.float64), low + 10, high - 10 if high - low > 30 else high) / 3
    mean, std = counted.moments(low + 10, high - 10 if high - low > 30 else high, 3)
    assert (mean, std) == (pytest.approx(clipped.mean(), rel=1e-9), pytest.approx(clipped.std(), rel=1e-9, abs=1e-9))


@pytest.mark.parametrize("values", [[0.5, 1.0], [*range(2000), 0.25], [0, 1 << 17], [float(1 << 40)] * 2])
def test_others_are_left_to_sorting(values: list[float]) -> None:
    assert Counted.of(np.array(values, dtype=np.float64)) is None
