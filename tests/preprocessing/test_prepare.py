"""Images to planes: sizes, colours, normalisation, robustness."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from delineate.domain import Geometry, Image
from delineate.errors import DataError, RecipeError
from delineate.preprocessing import measure, prepare
from delineate.recipe import Normalisation, Preprocessing

RAW = Normalisation(scheme="none")


def image(pixels: Any, spacing: tuple[float, ...] | None = None, affine: Any = None) -> Image:
    pixels = np.asarray(pixels)
    return Image(pixels, Geometry(pixels.shape[1:], spacing, affine))


def recipe(**values: Any) -> Preprocessing:
    return Preprocessing(**{"normalisation": RAW, **values})


@pytest.mark.parametrize("fit", ["stretch", "letterbox", "scale", "spacing"])
@pytest.mark.parametrize("channels", [1, 3, 7])
def test_planes_are_float32_contiguous_and_of_the_trails_size(fit: Any, channels: int) -> None:
    source = image(np.random.default_rng(0).integers(0, 4096, (channels, 51, 38)).astype(np.uint16), (0.5, 0.7))
    made = prepare(source, Preprocessing(channels=channels, fit=fit, size=(64, 48), scale=0.5, pixel_mm=1.0))
    assert made.planes.shape == (1, channels, *made.trail.size)
    assert made.planes.dtype == np.float32
    assert made.planes.flags.c_contiguous
    assert np.isfinite(made.planes).all()
    assert made.trail.size == {"stretch": (64, 48), "letterbox": (64, 48), "scale": (26, 19), "spacing": (26, 27)}[fit]


def test_letterbox_keeps_the_aspect_and_pads_with_the_background() -> None:
    made = prepare(image(np.full((1, 100, 50), 7, np.uint8)), recipe(fit="letterbox", size=(64, 64)))
    assert made.trail.window == (0, 16, 64, 48)
    np.testing.assert_allclose(made.planes[0, 0, :, 16:48], 7, rtol=1e-5)
    assert (made.planes[0, 0, :, :16] == 0).all()
    ramp = image(np.tile(np.arange(50, dtype=np.uint8), (1, 100, 1)))
    planes = prepare(ramp, Preprocessing(fit="letterbox", size=(64, 64))).planes
    assert planes[0, 0, 0, 0] == pytest.approx(planes.min())


def test_spacing_unknown_falls_back_to_scale_and_says_so() -> None:
    made = prepare(image(np.zeros((1, 40, 40), np.uint8)), recipe(fit="spacing", pixel_mm=1.0, scale=0.5))
    assert made.trail.size == (20, 20)
    assert made.trail.notes == ("spacing-unknown",)


def test_a_nonsense_spacing_is_refused_before_memory_is_taken() -> None:
    with pytest.raises(DataError) as caught:
        prepare(image(np.zeros((1, 512, 512), np.uint8), (900.0, 900.0)), recipe(fit="spacing", pixel_mm=0.1))
    assert caught.value.code == "working-size-too-large"


def test_grey_is_rec601_and_grey_is_repeated_for_rgb() -> None:
    colours = np.zeros((3, 4, 4), np.uint8)
    colours[0], colours[1], colours[2] = 100, 50, 200
    assert prepare(image(colours), recipe(colour="grey", fit="scale")).planes[0, 0, 0, 0] == pytest.approx(82.05, abs=1e-3)
    grey = image(np.full((1, 4, 4), 9, np.uint8))
    assert prepare(grey, recipe(colour="rgb", channels=3, fit="scale")).planes[0, :, 0, 0].tolist() == [9, 9, 9]


def test_wrong_channels_are_refused_with_both_numbers() -> None:
    with pytest.raises(DataError) as caught:
        prepare(image(np.zeros((5, 8, 8))), recipe(channels=3))
    assert caught.value.code == "channels-mismatch"
    assert (caught.value.params["wanted"], caught.value.params["found"]) == (3, 5)
    assert "3" in str(caught.value)
    with pytest.raises(DataError):
        prepare(image(np.zeros((2, 8, 8))), recipe(colour="grey"))


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_volumes_are_cut_along_the_axis(axis: Any) -> None:
    volume = np.arange(4 * 5 * 6, dtype=np.float32).reshape(1, 4, 5, 6)
    made = prepare(image(volume), recipe(slice_axis=axis, fit="scale"))
    assert made.planes.shape[0] == volume.shape[1 + axis]
    np.testing.assert_array_equal(made.planes[2, 0], volume[0].take(2, axis=axis))


def test_content_crop_and_the_shared_box_of_a_volume() -> None:
    first, second = np.zeros((1, 40, 50), np.uint8), np.zeros((1, 40, 50), np.uint8)
    first[0, 10:20, 15:30] = 50
    second[0, 12:30, 5:25] = 50
    rule = recipe(crop="content", crop_above=10, fit="stretch", size=(16, 16))
    assert prepare(image(first), rule).trail.box == (10, 15, 20, 30)
    together = measure([image(first), image(second)], rule)
    assert together.box == (10, 5, 30, 30)
    assert prepare(image(first), rule, together).trail.box == (10, 5, 30, 30)
    empty = prepare(image(np.zeros((1, 40, 50), np.uint8)), rule)
    assert empty.trail.box == (0, 0, 40, 50)


def test_image_scheme_is_a_z_score_of_clipped_values() -> None:
    values = np.random.default_rng(1).normal(500, 30, (1, 300, 300))
    made = prepare(image(values), Preprocessing(fit="scale"))
    low, high = np.percentile(values, [0.5, 99.5])
    assert made.statistics.low[0] == pytest.approx(low, rel=1e-6)
    assert made.statistics.high[0] == pytest.approx(high, rel=1e-6)
    assert made.planes.mean() == pytest.approx(0, abs=1e-4)
    assert made.planes.std() == pytest.approx(1, abs=1e-4)


def test_volume_statistics_are_those_of_all_slices_together() -> None:
    rng = np.random.default_rng(2)
    slices = [image(rng.normal(level, 5, (1, 64, 64))) for level in (0, 100, 200)]
    rule = Preprocessing(fit="scale", normalisation=Normalisation(scheme="volume"))
    stats = measure(slices, rule)
    every = np.concatenate([s.pixels.ravel() for s in slices])
    assert stats.mean[0] == pytest.approx(every.mean(), rel=1e-2)
    assert prepare(slices[2], rule, stats).planes.mean() > 1
    assert abs(prepare(slices[2], rule).planes.mean()) < 0.01


def test_large_inputs_are_sampled_evenly_and_reproducibly() -> None:
    rng = np.random.default_rng(3)
    big = [image(rng.normal(level, 1, (2, 700, 900)).astype(np.float32)) for level in (0, 10, 20)]
    small = [image(rng.normal(30, 1, (2, 70, 90)).astype(np.float32))]
    rule = Preprocessing(channels=2)
    stats = measure(iter(big + small), rule)
    every = np.concatenate([s.pixels[0].ravel() for s in big + small])
    assert stats.mean[0] == pytest.approx(every.mean(), abs=0.1)
    assert stats.std[0] == pytest.approx(every.std(), abs=0.1)
    assert stats == measure(big + small, rule)


def test_dataset_scheme_needs_its_values_and_takes_one_for_all() -> None:
    fixed = Normalisation(scheme="dataset", low=(-100.0,), high=(300.0,), mean=(50.0,), std=(25.0,))
    planes = prepare(image(np.array([[[-1000, 75, 5000]]], np.int16)), Preprocessing(fit="scale", normalisation=fixed)).planes
    assert planes.ravel().tolist() == [-6, 1, 10]
    with pytest.raises(RecipeError):
        prepare(image(np.zeros((1, 4, 4))), Preprocessing(normalisation=Normalisation(scheme="dataset", low=(0.0,))))


def test_nonzero_measures_the_body_only() -> None:
    values = np.zeros((1, 100, 100), np.float32)
    values[0, :30] = np.random.default_rng(4).normal(200, 10, (30, 100))
    stats = measure([image(values)], Preprocessing(normalisation=Normalisation(nonzero=True)))
    assert stats.mean[0] == pytest.approx(200, abs=2)


@pytest.mark.parametrize("scheme", ["image", "volume", "none"])
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_bad_pixels_stay_alone(scheme: Any, bad: float) -> None:
    values = np.random.default_rng(5).normal(10, 2, (1, 64, 64))
    clean = prepare(image(values), Preprocessing(size=(32, 32), normalisation=Normalisation(scheme=scheme))).planes
    values[0, 40, 40] = bad
    dirty = prepare(image(values), Preprocessing(size=(32, 32), normalisation=Normalisation(scheme=scheme))).planes
    assert np.isfinite(dirty).all()
    difference = np.abs(dirty - clean)
    difference[0, 0, 20, 20] = 0
    assert difference.max() < 0.02


def test_guards_constant_all_nan_near_empty_and_sparse() -> None:
    rule = Preprocessing(fit="scale")
    assert (prepare(image(np.full((1, 20, 20), 13, np.uint8)), rule).planes == 0).all()
    assert measure([image(np.full((1, 20, 20), 0.1, np.float32))], rule).std == (1.0,)
    assert (prepare(image(np.full((1, 20, 20), np.nan)), rule).planes == 0).all()
    noise = np.random.default_rng(6).integers(0, 3, (1, 64, 64)).astype(np.uint8)
    assert np.abs(prepare(image(noise), rule).planes).max() < 1  # a slice of air is not blown up
    sparse = np.zeros((1, 100, 100), np.uint8)
    sparse[0, 50, 50:55] = 255  # less than the percentiles: must neither vanish nor explode
    planes = prepare(image(sparse), rule).planes
    assert 1 < planes.max() <= 20
    huge = prepare(image(np.array([[[1e300, -1e300, 0.0, 5e299]]])), rule).planes
    assert np.isfinite(huge).all()
    offset = prepare(image(1e9 + np.arange(64.0).reshape(1, 8, 8)), rule).planes
    assert offset.std() == pytest.approx(1, abs=0.05)


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from([np.uint8, np.int16, np.uint16, np.int32, np.float16, np.float32, np.float64, np.bool_]),
    st.tuples(st.integers(1, 70), st.integers(1, 70)),
    st.sampled_from(["stretch", "letterbox", "scale"]),
    st.integers(0, 100),
)
def test_constant_in_constant_out_for_every_type_size_and_fit(dtype: Any, shape: tuple[int, int], fit: Any, value: int) -> None:
    made = prepare(image(np.full((1, *shape), value).astype(dtype)), recipe(fit=fit, size=(48, 33), scale=1.7))
    y0, x0, y1, x1 = made.trail.window
    wanted = float(np.asarray(value).astype(dtype))
    np.testing.assert_allclose(made.planes[0, 0, y0:y1, x0:x1], wanted, rtol=1e-5)


def test_a_very_long_image_is_resized() -> None:
    made = prepare(image(np.ones((1, 40_000, 3), np.uint8)), recipe(fit="stretch", size=(64, 64)))
    np.testing.assert_allclose(made.planes, 1, rtol=1e-5)
