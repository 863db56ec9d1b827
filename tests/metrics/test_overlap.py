"""Counted scores against hand-computed cases, SimpleITK and their own algebra."""

from __future__ import annotations

import math

import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from delineate.metrics import Comparison, Confusion, confusion, dice, f1, iou, metrics, precision, recall, specificity

shapes = st.one_of(hnp.array_shapes(min_dims=2, max_dims=2, max_side=9), hnp.array_shapes(min_dims=3, max_dims=3, max_side=6))
pairs = shapes.flatmap(lambda shape: st.tuples(hnp.arrays(np.bool_, shape), hnp.arrays(np.bool_, shape)))


def test_by_hand() -> None:
    truth = np.array([[1, 1, 0, 0], [1, 1, 0, 0]], dtype=bool)
    pred = np.array([[0, 1, 1, 0], [0, 1, 1, 1]], dtype=bool)
    assert confusion(pred, truth) == Confusion(tp=2, fp=3, fn=2, tn=1)
    assert dice(pred, truth) == pytest.approx(4 / 9)
    assert iou(pred, truth) == pytest.approx(2 / 7)
    assert precision(pred, truth) == pytest.approx(2 / 5)
    assert recall(pred, truth) == pytest.approx(1 / 2)
    assert specificity(pred, truth) == pytest.approx(1 / 4)
    p, r = 2 / 5, 1 / 2
    assert f1(pred, truth) == pytest.approx(2 * p * r / (p + r)) == dice(pred, truth)


def test_both_empty_is_undefined() -> None:
    empty = np.zeros((4, 4), bool)
    counts = confusion(empty, empty)
    assert counts.both_empty
    assert all(math.isnan(v) for v in (counts.dice, counts.iou, counts.precision, counts.recall, counts.f1))
    assert counts.specificity == 1


def test_one_empty_scores_zero_where_it_is_defined() -> None:
    empty, some = np.zeros((4, 4), bool), np.eye(4, dtype=bool)
    false_alarm, missed = confusion(some, empty), confusion(empty, some)
    assert false_alarm.dice == missed.dice == false_alarm.iou == missed.iou == 0
    assert false_alarm.precision == 0 and math.isnan(false_alarm.recall)
    assert missed.recall == 0 and math.isnan(missed.precision)


def test_ignored_pixels_do_not_count() -> None:
    truth = np.array([[1, 1, 0, 0]], dtype=bool)
    pred = np.array([[1, 0, 1, 0]], dtype=bool)
    ignore = np.array([[0, 1, 1, 0]], dtype=bool)
    assert confusion(pred, truth, ignore) == Confusion(tp=1, tn=1)


def test_wrong_arguments_are_refused() -> None:
    with pytest.raises(ValueError, match="shape"):
        confusion(np.zeros((2, 2), bool), np.zeros((2, 3), bool))
    with pytest.raises(ValueError, match="0/1"):
        confusion(np.full((2, 2), 255), np.zeros((2, 2)))


@given(pairs)
def test_identity_symmetry_and_bounds(pair: tuple[np.ndarray, np.ndarray]) -> None:
    a, b = pair
    counts = confusion(a, b)
    assert counts.total == a.size
    assert (counts.prediction, counts.truth) == (a.sum(), b.sum())
    swapped = confusion(b, a)
    if counts.both_empty:
        assert math.isnan(counts.dice)
        return
    assert 0 <= counts.iou <= counts.dice <= 1
    assert counts.dice == swapped.dice and counts.iou == swapped.iou
    np.testing.assert_equal(counts.precision, swapped.recall)
    assert counts.dice == pytest.approx(2 * counts.iou / (1 + counts.iou))
    if a.any():
        assert dice(a, a) == iou(a, a) == 1


@given(pairs, st.integers(0, 5))
def test_counts_add_up_over_parts(pair: tuple[np.ndarray, np.ndarray], at: int) -> None:
    a, b = pair
    assert confusion(a[:at], b[:at]) + confusion(a[at:], b[at:]) == confusion(a, b)


def test_against_simpleitk() -> None:
    rng = np.random.default_rng(1)
    for _ in range(10):
        truth, pred = (rng.random((7, 9, 11)) > 0.6 for _ in range(2))
        oracle = sitk.LabelOverlapMeasuresImageFilter()
        oracle.Execute(sitk.GetImageFromArray(pred.astype(np.uint8)), sitk.GetImageFromArray(truth.astype(np.uint8)))
        assert dice(pred, truth) == pytest.approx(oracle.GetDiceCoefficient())
        assert iou(pred, truth) == pytest.approx(oracle.GetJaccardCoefficient())


def test_registry_lists_and_computes() -> None:
    pair = Comparison(np.eye(5, dtype=bool), np.eye(5, dtype=bool))
    values = {metric.name: metric.compute(pair) for metric in metrics}
    ratios = ("dice", "iou", "precision", "recall", "f1", "nsd", "lesion_f1", "lesion_precision", "lesion_recall")
    lengths = ("hd95", "assd", "volume_difference", "relative_volume_difference")
    assert values == {**dict.fromkeys(ratios, 1), **dict.fromkeys(lengths, 0)}
    assert all((metric.better == "higher") == (metric.name in ratios) == metric.bounded for metric in metrics)
