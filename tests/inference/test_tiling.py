"""Tiles: no seams, nothing invented, everything covered."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from delineate.inference.tiling import predict_tiled, tile_starts, tile_weights


def tiled(plane: NDArray[np.float32], run: Any, **options: Any) -> NDArray[np.float32]:
    out = np.full_like(plane, np.nan)
    predict_tiled(plane, run, out, **options)
    return out


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 500), st.integers(4, 64), st.floats(0, 0.75))
def test_starts_cover_the_axis_and_stay_inside(length: int, tile: int, overlap: float) -> None:
    starts = tile_starts(length, tile, overlap)
    assert starts[0] == 0
    assert len(set(starts)) == len(starts)
    covered = np.zeros(length, bool)
    for start in starts:
        covered[start : start + tile] = True
        assert start + tile <= max(length, tile)
    assert covered.all()


@settings(max_examples=60, deadline=None)
@given(
    st.tuples(st.integers(1, 90), st.integers(1, 90)),
    st.tuples(st.sampled_from([8, 16, 32]), st.sampled_from([8, 16, 32])),
    st.floats(0, 0.75),
    st.floats(-1e4, 1e4, width=32),
    st.integers(1, 3),
)
def test_constant_in_constant_out_exactly(
    shape: tuple[int, int], tile: tuple[int, int], overlap: float, value: float, batch: int
) -> None:
    plane = np.full((1, *shape), value, np.float32)
    assert (tiled(plane, lambda x: x, tile=tile, overlap=overlap, batch=batch) == np.float32(value)).all()


def test_a_pointwise_network_is_untouched_by_tiling() -> None:
    plane = np.random.default_rng(0).normal(size=(1, 143, 97)).astype(np.float32)
    out = tiled(plane, lambda x: 3 * x - 1, tile=(32, 48), overlap=0.25, batch=2)
    np.testing.assert_allclose(out, 3 * plane - 1, atol=2e-6)


def test_tiles_of_different_opinion_blend_without_a_step() -> None:
    count = iter(range(1000))

    def opinion(tiles: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.stack([np.full_like(tile, next(count) % 2) for tile in tiles])

    out = tiled(np.zeros((1, 64, 300), np.float32), opinion, tile=(64, 64), overlap=0.5)
    assert out.min() >= 0
    assert out.max() <= 1
    assert np.abs(np.diff(out[0], axis=1)).max() < 0.1


def test_a_border_that_is_wrong_in_every_tile_is_not_seen_inside() -> None:
    def unsure(tiles: NDArray[np.float32]) -> NDArray[np.float32]:
        out = np.zeros_like(tiles)
        out[:, :, 0], out[:, :, -1], out[:, :, :, 0], out[:, :, :, -1] = 9, 9, 9, 9
        return out

    out = tiled(np.zeros((1, 200, 200), np.float32), unsure, tile=(64, 64), overlap=0.25)
    assert np.abs(out[0, 1:-1, 1:-1]).max() < 0.01


@pytest.mark.parametrize("overlap", [0.0, 0.25, 0.75])
def test_weights_are_positive_symmetric_and_full_inside(overlap: float) -> None:
    weights = tile_weights(64, overlap)
    assert (weights > 0).all()
    np.testing.assert_array_equal(weights, weights[::-1])
    assert weights[31] > 0.6
