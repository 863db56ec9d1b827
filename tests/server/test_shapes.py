"""Run lengths and polygons give the mask back."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from delineate.server.shapes import from_run_lengths, polygons, run_lengths

Masks = arrays(bool, array_shapes(min_dims=2, max_dims=3, max_side=9))
Planes = arrays(bool, st.tuples(st.integers(1, 9), st.integers(1, 9)))


def filled(rings: list[list[list[int]]], shape: tuple[int, ...]) -> np.ndarray[Any, Any]:
    """Even-odd: a pixel is inside where an odd number of upright edges lies to its left."""
    crossings = np.zeros(shape, dtype=int)
    for ring in rings:
        for (x0, y0), (x1, y1) in pairwise([*ring, ring[0]]):
            assert (x0 == x1) != (y0 == y1), "edges run along pixel borders"
            if x0 == x1:
                crossings[min(y0, y1) : max(y0, y1), x0:] += 1
    return crossings % 2 == 1


def area(ring: list[list[int]]) -> float:
    """Positive where clockwise on a screen (rows downwards)."""
    return sum(x0 * y1 - x1 * y0 for (x0, y0), (x1, y1) in pairwise([*ring, ring[0]])) / 2


@given(Masks)
def test_run_lengths_give_the_mask_back(mask: np.ndarray[Any, Any]) -> None:
    lengths = run_lengths(mask)
    assert sum(lengths) == mask.size
    assert np.array_equal(from_run_lengths(lengths, mask.shape), mask)


def test_run_lengths_begin_with_background() -> None:
    assert run_lengths(np.array([[True, False], [False, True]])) == [0, 1, 2, 1]


@given(Planes)
def test_polygons_give_the_mask_back(mask: np.ndarray[Any, Any]) -> None:
    rings = polygons(mask)
    assert np.array_equal(filled(rings, mask.shape), mask)
    assert sum(area(ring) for ring in rings) == mask.sum()  # holes count negative


def test_a_square_has_four_corners_clockwise_and_its_hole_goes_round_the_other_way() -> None:
    mask = np.zeros((5, 6), dtype=bool)
    mask[1:4, 1:5] = True
    (ring,) = polygons(mask)
    assert sorted(map(tuple, ring)) == [(1, 1), (1, 4), (5, 1), (5, 4)]
    assert area(ring) == 12
    mask[2, 2] = False
    assert sorted(area(ring) for ring in polygons(mask)) == [-1, 12]


def test_pixels_that_touch_at_a_corner_are_apart() -> None:
    assert [area(ring) for ring in polygons(np.eye(3, dtype=bool))] == [1, 1, 1]
