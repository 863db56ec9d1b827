"""Volume differences against SimpleITK's physical sizes, and where nothing is there."""

from __future__ import annotations

import math

import numpy as np
import pytest
import SimpleITK as sitk

from delineate.metrics import Comparison, Confusion, confusion, metrics, pixel_size, relative_volume_difference, volume_difference


def physical_ml(mask: np.ndarray, spacing: tuple[float, float, float]) -> float:
    image = sitk.GetImageFromArray(mask.astype(np.uint8))
    image.SetSpacing(spacing[::-1])
    shape = sitk.LabelShapeStatisticsImageFilter()
    shape.Execute(image)
    return float(shape.GetPhysicalSize(1)) / 1000


def test_against_simpleitk() -> None:
    rng = np.random.default_rng(2)
    spacing = (2.5, 0.8, 0.7)
    for share in (0.3, 0.6, 0.8):
        truth, pred = rng.random((6, 9, 8)) > 0.5, rng.random((6, 9, 8)) > share
        pair = Comparison(pred, truth, spacing)
        expected = abs(physical_ml(pred, spacing) - physical_ml(truth, spacing))
        assert metrics.get("volume_difference").compute(pair) == pytest.approx(expected)
        oracle = sitk.LabelOverlapMeasuresImageFilter()
        oracle.Execute(*(sitk.GetImageFromArray(m.astype(np.uint8)) for m in (pred, truth)))
        similarity = abs(oracle.GetVolumeSimilarity())  # 2 |p − t| / (p + t)
        relative = metrics.get("relative_volume_difference").compute(pair)
        assert relative == pytest.approx(similarity * (pred.sum() + truth.sum()) / (2 * truth.sum()))


def test_units_by_what_is_known() -> None:
    assert pixel_size((2.0, 1.0, 0.5)) == (0.001, "mL")
    assert pixel_size((0.5, 0.5)) == (0.25, "mm2")
    assert pixel_size(None) == (1.0, "px")


def test_empty_masks() -> None:
    empty, some = np.zeros((4, 4), bool), np.eye(4, dtype=bool)
    both, alarm, missed = confusion(empty, empty), confusion(some, empty), confusion(empty, some)
    assert math.isnan(volume_difference(both)) and math.isnan(relative_volume_difference(both))
    assert volume_difference(alarm, 0.5) == 2 and math.isnan(relative_volume_difference(alarm))
    assert volume_difference(missed, 0.5) == 2 and relative_volume_difference(missed) == 1
    assert relative_volume_difference(Confusion(tp=2, fp=4)) == 2  # three times as much is a difference of twice the truth
