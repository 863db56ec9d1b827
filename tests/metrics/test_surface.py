"""Surface distances against brute force over all pairs of surface pixels, SimpleITK and cases computed by hand."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.spatial.distance import cdist

from delineate.metrics import assd, hd95, nsd, surface, surface_distances


def brute_surface(mask: np.ndarray) -> np.ndarray:
    """Coordinates of foreground pixels with a face neighbour that is background or outside, by plain loops."""
    points = []
    for index in itertools.product(*map(range, mask.shape)):
        if not mask[index]:
            continue
        for axis, step in itertools.product(range(mask.ndim), (-1, 1)):
            near = list(index)
            near[axis] += step
            if not 0 <= near[axis] < mask.shape[axis] or not mask[tuple(near)]:
                points.append(index)
                break
    return np.array(points, dtype=float)


def brute(pred: np.ndarray, truth: np.ndarray, spacing: tuple[float, ...]) -> tuple[np.ndarray, np.ndarray]:
    distances = cdist(brute_surface(pred) * spacing, brute_surface(truth) * spacing)
    return distances.min(axis=1), distances.min(axis=0)


SHAPES = [((9, 11), (0.7, 1.9)), ((5, 7, 6), (3.0, 0.8, 0.9))]
pairs = st.sampled_from(SHAPES).flatmap(lambda s: st.tuples(hnp.arrays(np.bool_, s[0]), hnp.arrays(np.bool_, s[0]), st.just(s[1])))


@settings(deadline=None, max_examples=60)
@given(pairs)
def test_against_brute_force(case: tuple[np.ndarray, np.ndarray, tuple[float, ...]]) -> None:
    pred, truth, spacing = case
    if not pred.any() or not truth.any():
        assert surface_distances(pred, truth, spacing) is None
        assert math.isnan(hd95(pred, truth, spacing)) and math.isnan(assd(pred, truth, spacing))
        return
    there, back = brute(pred, truth, spacing)
    assert hd95(pred, truth, spacing) == pytest.approx(max(np.percentile(there, 95), np.percentile(back, 95)))
    assert assd(pred, truth, spacing) == pytest.approx(np.concatenate([there, back]).mean())
    assert hd95(pred, truth, spacing) == hd95(truth, pred, spacing)
    assert hd95(pred, pred, spacing) == 0
    assert 0 <= hd95(pred, truth, spacing) <= max(there.max(), back.max()) + 1e-9
    assert nsd(pred, truth, max(there.max(), back.max()) + 1e-9, spacing) == 1
    assert nsd(pred, truth, 0.8, spacing) == pytest.approx(np.mean(np.concatenate([there, back]) <= 0.8 + 1e-9))


def test_shifted_square_by_hand() -> None:
    truth, pred = np.zeros((20, 20), bool), np.zeros((20, 20), bool)
    truth[5:10, 5:10] = True
    pred[5:10, 8:13] = True  # three columns to the right: the far side's 5 pixels of 16 are 3 away
    assert hd95(pred, truth) == 3
    assert hd95(pred, truth, (1.0, 0.5)) == pytest.approx(1.5)
    assert hd95(pred, truth, (10.0, 2.0)) == pytest.approx(6.0)


def test_larger_of_the_directed_percentiles_not_the_pooled_one() -> None:
    truth = np.zeros((3, 400), bool)
    truth[1, :300] = True
    pred = truth.copy()
    pred[1, 390] = True  # 1 of 301 predicted surface pixels is far away: both percentiles stay 0
    assert hd95(pred, truth) == 0
    pred[1, :] = False
    pred[1, :20] = True  # prediction → truth is 0 everywhere; truth → prediction reaches 280
    pooled = np.percentile(np.concatenate(surface_distances(pred, truth)), 95)  # type: ignore[arg-type]
    expected = np.percentile(np.maximum(np.arange(300) - 19, 0), 95)
    assert hd95(pred, truth) == pytest.approx(expected)
    assert pooled < expected


def test_maximum_agrees_with_simpleitk() -> None:
    rng = np.random.default_rng(3)
    for _ in range(5):
        truth, pred = np.zeros((2, 12, 14, 16), bool)
        for mask in (truth, pred):
            low = rng.integers(1, 5, 3)
            high = low + rng.integers(3, 7, 3)
            mask[tuple(slice(a, b) for a, b in zip(low, high, strict=True))] = True
        spacing = (2.5, 0.9, 0.7)
        images = [sitk.GetImageFromArray(m.astype(np.uint8)) for m in (pred, truth)]
        for image in images:
            image.SetSpacing(spacing[::-1])
        oracle = sitk.HausdorffDistanceImageFilter()
        oracle.Execute(*images)
        there, back = surface_distances(pred, truth, spacing)  # type: ignore[misc]
        # SimpleITK measures between whole objects, not surfaces: inside the other object the distance is 0, so it is at most ours.
        assert oracle.GetHausdorffDistance() <= max(there.max(), back.max()) + 1e-6
        whole_there = cdist(np.argwhere(pred) * spacing, np.argwhere(truth) * spacing)
        assert oracle.GetHausdorffDistance() == pytest.approx(
            max(whole_there.min(axis=1).max(), whole_there.min(axis=0).max()), rel=1e-5
        )


def test_disjoint_boxes_equal_simpleitk_exactly() -> None:
    truth, pred = np.zeros((2, 10, 30, 30), bool)
    truth[2:5, 3:8, 3:8] = True
    pred[4:8, 15:22, 14:25] = True
    spacing = (3.0, 0.8, 1.1)
    images = [sitk.GetImageFromArray(m.astype(np.uint8)) for m in (pred, truth)]
    for image in images:
        image.SetSpacing(spacing[::-1])
    oracle = sitk.HausdorffDistanceImageFilter()
    oracle.Execute(*images)
    distances = surface_distances(pred, truth, spacing)
    assert distances is not None
    assert max(distances[0].max(), distances[1].max()) == pytest.approx(oracle.GetHausdorffDistance(), rel=1e-6)


def test_cropping_changes_nothing() -> None:
    rng = np.random.default_rng(5)
    small = rng.random((2, 8, 8)) > 0.5
    large = np.zeros((2, 60, 70), bool)
    large[:, 30:38, 40:48] = small
    assert hd95(*large) == pytest.approx(hd95(*small))


def test_ignored_pixels_are_background_in_both() -> None:
    truth = np.zeros((10, 10), bool)
    truth[2:5, 2:5] = True
    pred = truth.copy()
    pred[9, 9] = True
    ignore = np.zeros_like(truth)
    ignore[9, 9] = True
    distances = surface_distances(pred, truth, None, ignore)
    assert distances is not None
    assert distances[0].max() == 0


@settings(deadline=None, max_examples=25)
@given(pairs)
def test_large_boxes_give_the_same_distances(case: tuple[np.ndarray, np.ndarray, tuple[float, ...]]) -> None:
    pred, truth, spacing = case
    small = surface_distances(pred, truth, spacing)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(surface, "_LARGE", 0)
        large = surface_distances(pred, truth, spacing)
    assert (small is None) == (large is None)
    if small is not None and large is not None:
        np.testing.assert_allclose(large[0], small[0])
        np.testing.assert_allclose(large[1], small[1])


def test_bad_arguments() -> None:
    mask = np.ones((3, 3), bool)
    with pytest.raises(ValueError, match="spacing_mm"):
        hd95(mask, mask, (1.0, 1.0, 1.0))
    with pytest.raises(ValueError, match="spacing_mm"):
        hd95(mask, mask, (1.0, 0.0))
    with pytest.raises(ValueError, match="tolerance"):
        nsd(mask, mask, -1)


def test_surface_distance_of_empty_masks_follows_dice() -> None:
    empty, some = np.zeros((6, 6), bool), np.eye(6, dtype=bool)
    assert math.isnan(nsd(empty, empty, 2.0))
    assert nsd(some, empty, 2.0) == nsd(empty, some, 2.0) == 0


@pytest.mark.slow  # importing MONAI takes longer than all other tests of this folder
@pytest.mark.filterwarnings("ignore")
def test_against_monai() -> None:
    pytest.importorskip("monai")
    import torch
    from monai.metrics import compute_average_surface_distance, compute_surface_dice

    rng = np.random.default_rng(11)
    for spacing in ((0.7, 1.9), (3.0, 0.8, 0.9)):
        for _ in range(4):
            # Away from the border of the image, where MONAI does not see an edge and we do.
            pred, truth = (np.pad(rng.random((6, 8, 7)[: len(spacing)]) > 0.6, 1) for _ in "pt")
            tensors = [torch.from_numpy(m)[None, None] for m in (pred, truth)]
            theirs = compute_surface_dice(*tensors, class_thresholds=[1.0], include_background=True, spacing=spacing)
            assert nsd(pred, truth, 1.0, spacing) == pytest.approx(float(theirs), abs=1e-6)
            theirs = compute_average_surface_distance(*tensors, include_background=True, symmetric=True, spacing=spacing)
            assert assd(pred, truth, spacing) == pytest.approx(float(theirs), rel=1e-5)
