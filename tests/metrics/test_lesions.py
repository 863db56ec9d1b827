"""Lesion-wise detection against scikit-image's labelling with SciPy's optimal assignment, and cases counted by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.optimize import linear_sum_assignment
from skimage.measure import label

from delineate.metrics import Lesions, lesions


def oracle(pred: np.ndarray, truth: np.ndarray, above: float) -> Lesions:
    """Every pair of components compared as whole arrays."""
    ps, ts = (
        [named == number for number in range(1, named.max() + 1)]
        for named in (label(mask, connectivity=mask.ndim) for mask in (pred, truth))
    )
    if not ps or not ts:
        return Lesions(0, len(ts), len(ps))
    hit = np.array([[(p & t).sum() / (p | t).sum() > above for t in ts] for p in ps])
    return Lesions(int(hit[linear_sum_assignment(hit, maximize=True)].sum()), len(ts), len(ps))


shapes = st.sampled_from([(12, 13), (5, 6, 7)])
pairs = shapes.flatmap(lambda s: st.tuples(*(hnp.arrays(np.bool_, s, elements=st.booleans(), fill=st.just(False)) for _ in "ab")))


@settings(max_examples=60, deadline=None)
@given(pairs, st.sampled_from([0.0, 0.1, 0.5]))
def test_against_all_pairs_of_components(pair: tuple[np.ndarray, np.ndarray], above: float) -> None:
    pred, truth = pair
    found = lesions(pred, truth, iou_above=above)
    assert found == oracle(pred, truth, above)
    swapped = lesions(truth, pred, iou_above=above)
    assert (found.hits, found.truth, found.prediction) == (swapped.hits, swapped.prediction, swapped.truth)


def test_many_small_ones_against_all_pairs() -> None:
    rng = np.random.default_rng(0)
    for _ in range(3):
        truth = rng.random((36, 36)) > 0.85
        pred = truth ^ (rng.random((36, 36)) > 0.95)
        assert lesions(pred, truth) == oracle(pred, truth, 0.1)


def plane(*boxes: tuple[int, int, int, int]) -> np.ndarray:
    mask = np.zeros((20, 40), bool)
    for top, left, rows, columns in boxes:
        mask[top : top + rows, left : left + columns] = True
    return mask


def test_by_hand() -> None:
    truth = plane((2, 2, 4, 4), (2, 12, 4, 4), (2, 22, 4, 4))
    pred = plane((2, 3, 4, 4), (12, 12, 4, 4))  # one found, two missed, one false alarm
    found = lesions(pred, truth)
    assert found == Lesions(hits=1, truth=3, prediction=2)
    assert (found.f1, found.precision, found.recall) == (pytest.approx(2 / 5), 1 / 2, pytest.approx(1 / 3))


def test_overlap_must_exceed_a_tenth() -> None:
    truth = plane((0, 0, 1, 11))
    for columns, hits in ((2, 1), (1, 0)):  # IoU 2/11 and 1/11
        assert lesions(plane((0, 0, 1, columns)), truth).hits == hits
    ten = plane((0, 0, 1, 10))
    assert lesions(plane((0, 0, 1, 1)), ten).hits == 0  # exactly 0.1 is not above it
    assert lesions(plane((0, 0, 1, 1)), ten, iou_above=0.0).hits == 1


def test_one_prediction_finds_one_lesion_only() -> None:
    both = plane((2, 2, 4, 4), (2, 7, 4, 4))
    joined = plane((2, 2, 4, 9))
    assert lesions(joined, both) == Lesions(1, 2, 1)
    assert lesions(both, joined) == Lesions(1, 1, 2)


def test_as_many_hits_as_possible_not_as_come_first() -> None:
    # The left prediction could take either lesion, the right one only the right lesion: both hit.
    truth = plane((0, 0, 1, 6), (0, 7, 1, 6))
    pred = plane((0, 3, 1, 7), (0, 11, 1, 6))
    assert lesions(pred, truth) == oracle(pred, truth, 0.1) == Lesions(2, 2, 2)


def test_corners_join() -> None:
    mask = np.eye(4, dtype=bool)
    assert lesions(mask, mask) == Lesions(1, 1, 1)


def test_empty_masks() -> None:
    empty, one = plane(), plane((2, 2, 4, 4))
    none = lesions(empty, empty)
    assert none == Lesions() and all(math.isnan(v) for v in (none.f1, none.precision, none.recall))
    alarm, missed = lesions(one, empty), lesions(empty, one)
    assert (alarm.f1, alarm.precision) == (0, 0) and math.isnan(alarm.recall)
    assert (missed.f1, missed.recall) == (0, 0) and math.isnan(missed.precision)
    assert alarm + missed == Lesions(0, 1, 1)


def test_ignored_pixels_and_bad_arguments() -> None:
    one, other = plane((2, 2, 4, 4)), plane((2, 2, 4, 4), (12, 12, 3, 3))
    assert lesions(other, one, ignore=plane((11, 11, 6, 6))) == Lesions(1, 1, 1)
    with pytest.raises(ValueError, match="iou_above"):
        lesions(one, one, iou_above=1.0)
