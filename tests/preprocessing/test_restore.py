"""The way back: geometry, position and value return for every orientation and fit."""

from __future__ import annotations

from itertools import permutations, product
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from delineate.domain import IGNORE, Geometry, Image, LabelSet
from delineate.preprocessing import assemble, plan_trail, prepare, prepare_labels, restore, restore_slices
from delineate.recipe import Normalisation, Preprocessing

RAW = Normalisation(scheme="none")
BINARY = LabelSet()
ORIENTATIONS = [(order, signs) for order in permutations(range(3)) for signs in product((1, -1), repeat=3)]
FITS: list[dict[str, Any]] = [
    {"fit": "stretch", "size": (192, 160)},
    {"fit": "letterbox", "size": (256, 256)},
    {"fit": "scale", "scale": 0.7},
    {"fit": "scale", "scale": 1.6},
    {"fit": "spacing", "pixel_mm": 1.1},
]


def dice(a: NDArray[Any], b: NDArray[Any]) -> float:
    return 2 * float((a & b).sum()) / float(a.sum() + b.sum())


def ellipse(shape: tuple[int, ...], centre: tuple[float, ...], radii: tuple[float, ...]) -> NDArray[np.bool_]:
    grid = np.indices(shape, dtype=float)
    return np.asarray(sum(((g - c) / r) ** 2 for g, c, r in zip(grid, centre, radii, strict=True)) <= 1)


@pytest.mark.parametrize(("order", "signs"), ORIENTATIONS)
def test_every_orientation_returns_exactly(order: tuple[int, ...], signs: tuple[int, ...]) -> None:
    shape = (5, 6, 7)
    affine = np.eye(4)
    affine[:3, :3] = (np.eye(3) * np.array([1.5, 0.8, 0.9]))[list(order)].T * np.array(signs)
    affine[:3, 3] = (3, -20, 11)
    values = np.random.default_rng(0).random((1, *shape), dtype=np.float32)
    for axis in (0, 1, 2):
        made = prepare(Image(values, Geometry(shape, None, affine)), Preprocessing(fit="scale", normalisation=RAW, slice_axis=axis))
        np.testing.assert_array_equal(restore(made.planes, made.trail), values)
        labels = (values[0] * 3).astype(np.uint8)
        back = prepare_labels(labels, made.trail, LabelSet(kind="exclusive", names=("a", "b")))
        np.testing.assert_array_equal(assemble(back[np.newaxis], made.trail)[0], labels)


def test_orientation_does_not_change_what_the_network_sees() -> None:
    values = np.random.default_rng(1).random((1, 4, 5, 6), dtype=np.float32)
    straight = np.diag([-1.0, -1.0, 1.0, 1.0])[[2, 1, 0, 3]]  # (slice, row, column) to RAS: an LPS axial volume
    seen = prepare(Image(values, Geometry((4, 5, 6), None, straight)), Preprocessing(fit="scale", normalisation=RAW)).planes
    turned_affine = straight.copy()
    turned_affine[:, 0] *= -1
    turned_affine[:3, 3] = straight[:3, 0] * 3
    turned = Image(values[:, ::-1], Geometry((4, 5, 6), None, turned_affine))
    again = prepare(turned, Preprocessing(fit="scale", normalisation=RAW)).planes
    np.testing.assert_array_equal(seen, again)


@pytest.mark.parametrize("options", FITS, ids=lambda o: "-".join(str(v) for v in o.values()))
@pytest.mark.parametrize("shape", [(517, 389), (64, 301)])
def test_a_blob_returns_to_its_place(options: dict[str, Any], shape: tuple[int, int]) -> None:
    truth = ellipse(shape, (shape[0] * 0.4, shape[1] * 0.6), (shape[0] * 0.22, shape[1] * 0.17))
    trail = plan_trail(Geometry(shape, (0.8, 1.3)), Preprocessing(**options))
    planes = prepare_labels(truth.astype(np.uint8), trail, BINARY)
    assert planes.shape == (1, *trail.size)
    back = restore(planes[:, np.newaxis].astype(np.float32), trail)
    assert back.shape == (1, *shape)
    found = BINARY.decide(back).astype(bool)
    assert dice(found, truth) > 0.98
    for axis in (0, 1):
        assert np.argwhere(found)[:, axis].mean() == pytest.approx(np.argwhere(truth)[:, axis].mean(), abs=1)


def test_several_classes_and_ignore_return() -> None:
    shape = (211, 180)
    labels = np.zeros(shape, np.uint8)
    labels[ellipse(shape, (80, 60), (50, 35))] = 1
    labels[ellipse(shape, (130, 110), (45, 40))] = 2
    labels[:, 160:] = IGNORE
    names = LabelSet(kind="exclusive", names=("a", "b"))
    trail = plan_trail(Geometry(shape), Preprocessing(fit="letterbox", size=(128, 128)))
    planes = prepare_labels(labels, trail, names)
    assert set(np.unique(planes)) == {0, 1, 2, IGNORE}
    shares = np.stack([planes == 1, planes == 2], axis=1).astype(np.float32)
    found = names.decide(restore(shares, trail))
    for label in (1, 2):
        assert dice(found == label, labels == label) > 0.98
    held = restore((planes == IGNORE)[:, np.newaxis].astype(np.float32), trail)[0] > 0.5
    assert dice(held, labels == IGNORE) > 0.95


def test_regions_keep_their_overlap() -> None:
    shape = (100, 90)
    truth = np.stack([ellipse(shape, (50, 40), (35, 30)), ellipse(shape, (55, 45), (20, 15))]).astype(np.uint8)
    names = LabelSet(kind="regions", names=("whole", "core"))
    trail = plan_trail(Geometry(shape), Preprocessing(fit="stretch", size=(64, 64)))
    planes = prepare_labels(truth, trail, names)
    assert planes.shape == (1, 2, 64, 64)
    found = names.decide(restore(planes.astype(np.float32), trail))
    assert dice(found[0] == 1, truth[0] == 1) > 0.98
    assert dice(found[1] == 1, truth[1] == 1) > 0.97


def test_a_one_pixel_line_survives_halving() -> None:
    labels = np.zeros((64, 64), np.uint8)
    labels[:, 21] = 1
    trail = plan_trail(Geometry((64, 64)), Preprocessing(fit="scale", scale=0.5))
    planes = prepare_labels(labels, trail, BINARY)
    assert planes.any(axis=2).all()
    two = prepare_labels(np.where(labels == 1, 2, 0).astype(np.uint8), trail, LabelSet(kind="exclusive", names=("a", "b")))
    assert (two == 2).any(axis=2).all()


def test_cropped_away_parts_get_the_fill() -> None:
    pixels = np.zeros((1, 30, 40), np.uint8)
    pixels[0, 5:20, 10:30] = 9
    made = prepare(
        Image(pixels, Geometry((30, 40))), Preprocessing(crop="content", fit="stretch", size=(16, 16), normalisation=RAW)
    )
    back = restore(np.ones((1, 1, 16, 16), np.float32), made.trail, fill=-3)
    assert (back[0, 5:20, 10:30] == 1).all()
    assert (np.delete(back[0], slice(5, 20), axis=0) == -3).all()


@settings(max_examples=60, deadline=None)
@given(
    st.tuples(st.integers(1, 9), st.integers(1, 60), st.integers(1, 60)),
    st.sampled_from(FITS),
    st.sampled_from([0, 1, 2]),
    st.floats(-5, 5, width=32),
)
def test_constant_in_constant_out(shape: tuple[int, ...], options: dict[str, Any], axis: Any, value: float) -> None:
    trail = plan_trail(Geometry(shape, (2.0, 0.8, 1.3)), Preprocessing(**{**options, "slice_axis": axis}))
    back = restore(np.full((trail.planes, 2, *trail.size), value, np.float32), trail)
    assert back.shape == (2, *shape)
    np.testing.assert_allclose(back, value, rtol=1e-4, atol=1e-6)


def test_piecewise_equals_whole() -> None:
    geometry = Geometry((7, 31, 29))
    trail = plan_trail(geometry, Preprocessing(fit="letterbox", size=(48, 40), slice_axis=1))
    planes = np.random.default_rng(2).random((trail.planes, 2, 48, 40), dtype=np.float32)
    pieces = np.concatenate([restore_slices(planes[i : i + 4], trail) for i in range(0, trail.planes, 4)], axis=1)
    np.testing.assert_array_equal(assemble(pieces, trail), restore(planes, trail))


def test_wrong_shapes_are_refused() -> None:
    trail = plan_trail(Geometry((30, 40)), Preprocessing(fit="stretch", size=(16, 16)))
    with pytest.raises(ValueError, match="planes"):
        restore(np.zeros((1, 1, 30, 40), np.float32), trail)
    with pytest.raises(ValueError, match="labels"):
        prepare_labels(np.zeros((16, 16), np.uint8), trail, BINARY)
