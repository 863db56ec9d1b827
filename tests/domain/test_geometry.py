"""Re-orientation is lossless and keeps every voxel where it is in the patient."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from delineate.domain import AxisMap, Geometry, between, to_canonical

ORIENTATIONS = [(order, signs) for order in itertools.permutations(range(3)) for signs in itertools.product((1, -1), repeat=3)]


def oriented(order: tuple[int, ...], signs: tuple[int, ...], shape: tuple[int, ...] = (4, 5, 6)) -> Geometry:
    spacing = (3.0, 0.7, 1.1)
    affine = np.eye(4)
    affine[:3, :3] = 0
    for axis, (world, sign) in enumerate(zip(order, signs, strict=True)):
        affine[world, axis] = sign * spacing[axis]
    affine[:3, 3] = (10, -20, 30)
    return Geometry(shape, spacing, affine)


@pytest.mark.parametrize(("order", "signs"), ORIENTATIONS)
def test_canonical_keeps_world_positions(order: tuple[int, ...], signs: tuple[int, ...]) -> None:
    geometry = oriented(order, signs)
    mapping = to_canonical(geometry)
    array = np.zeros(geometry.shape)
    array[1, 2, 3] = 1
    moved, placed = mapping.apply(array), mapping.apply_geometry(geometry)
    index = np.argwhere(moved == 1)[0]
    assert geometry.affine is not None
    assert placed.affine is not None
    np.testing.assert_allclose(placed.affine @ [*index, 1], geometry.affine @ [1, 2, 3, 1])
    direction = np.sign(placed.affine[:3, :3])
    np.testing.assert_array_equal(direction, [[0, 0, -1], [0, -1, 0], [1, 0, 0]])  # feet-head, front-back, right-left
    np.testing.assert_array_equal(mapping.inverse().apply(moved), array)
    assert mapping.inverse().apply_geometry(placed) == geometry


@given(st.permutations(range(3)), st.tuples(st.booleans(), st.booleans(), st.booleans()))
def test_inverse_undoes(order: list[int], flips: tuple[bool, bool, bool]) -> None:
    array = np.arange(2 * 24).reshape(2, 2, 3, 4)
    mapping = AxisMap(tuple(order), flips)
    np.testing.assert_array_equal(mapping.inverse().apply(mapping.apply(array, leading=1), leading=1), array)


def test_right_to_left_columns() -> None:
    """Columns of the canonical view run from the patient's right to the left (world x falls in RAS)."""
    mapping = to_canonical(oriented((2, 1, 0), (1, 1, 1)))
    assert mapping.permutation == (0, 1, 2)
    assert mapping.flips == (False, True, True)


def test_unknown_stays_unknown() -> None:
    geometry = Geometry((4, 5, 6))
    assert geometry.spacing is None
    assert to_canonical(geometry).flips == (False, False, False)
    assert to_canonical(Geometry((4, 5))).permutation == (0, 1)


@pytest.mark.parametrize("spacing", [(0.0, 1.0), (-1.0, 1.0), (float("nan"), 1.0), (1.0, 1.0, 1.0)])
def test_impossible_spacing_is_refused(spacing: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="spacing"):
        Geometry((4, 5), spacing)


def test_same_grid_tolerates_rounding_only() -> None:
    one = oriented((2, 1, 0), (1, 1, 1))
    assert one.affine is not None
    assert one.same_grid(Geometry(one.shape, one.spacing, one.affine + 1e-5))
    assert not one.same_grid(Geometry(one.shape, one.spacing, one.affine + 1e-2))
    assert one.same_grid(Geometry(one.shape))


@given(st.permutations([0, 1, 2]), st.tuples(st.booleans(), st.booleans(), st.booleans()), st.floats(-0.5, 0.5))
def test_the_turn_between_two_grids_is_found(order: list[int], flips: tuple[bool, ...], angle: float) -> None:
    affine = np.diag([3.0, 0.7, 0.9, 1.0])
    turn = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
    affine[:3, :3] = turn @ affine[:3, :3]
    affine[:3, 3] = 5, -7, 11
    image = Geometry((4, 5, 6), (3.0, 0.7, 0.9), affine)
    stored = AxisMap(tuple(order), flips)
    array = np.arange(120).reshape(4, 5, 6)
    found = between(stored.apply_geometry(image), image)
    assert found is not None
    np.testing.assert_array_equal(found.apply(stored.apply(array)), array)
    assert found.is_identity == stored.is_identity


def test_grids_that_differ_by_more_than_a_turn() -> None:
    affine = np.diag([3.0, 1.0, 1.0, 1.0])
    moved, flipped = affine.copy(), affine.copy()
    moved[0, 3] = 1.5
    flipped[2] *= -1  # mirrored about the origin: the voxels lie elsewhere
    image = Geometry((4, 5, 6), None, affine)
    for other in (Geometry((4, 5, 6), None, moved), Geometry((4, 5, 6), None, flipped), Geometry((4, 5, 7), None, affine)):
        assert between(other, image) is None
    assert between(Geometry((4, 5, 6)), image) is None
    assert between(Geometry((5, 6)), Geometry((5, 6))) is None
