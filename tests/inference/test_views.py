"""Test-time augmentation, calibrated probabilities and maps of doubt, with networks whose answers are known."""

from __future__ import annotations

from typing import get_args

import numpy as np
import pytest

from delineate.domain import Geometry, Image, LabelSet
from delineate.errors import ModelFileError
from delineate.inference import ModelFile, Predictor, sensible_views
from delineate.inference.views import all_shares, as_logits, entropy_of_shares, turned, turned_back
from delineate.recipe import AUGMENTATION_PRESETS, Augmentation, View

from .conftest import MakeModel

VIEWS: tuple[View, ...] = get_args(View)


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


@pytest.mark.parametrize("view", VIEWS)
def test_turning_back_undoes_turning(view: View) -> None:
    planes = np.random.default_rng(0).random((2, 3, 5, 7))
    assert np.array_equal(turned_back(turned(planes, view), view), planes)


def test_only_what_training_showed_is_offered() -> None:
    assert sensible_views(Augmentation()) == ()
    assert sensible_views(AUGMENTATION_PRESETS["medium"]) == ("flip_horizontal",)
    assert sensible_views(Augmentation(flip_horizontal=0.5, flip_vertical=0.5)) == (
        "flip_horizontal",
        "flip_vertical",
        "rotate_180",
    )
    everything = Augmentation(flip_horizontal=0.5, flip_vertical=0.5, transpose=0.5)
    assert set(sensible_views(everything)) == set(VIEWS)


@pytest.mark.parametrize("labels", [LabelSet(), LabelSet(kind="exclusive", names=("a", "b"))])
def test_probabilities_go_to_logits_and_back(labels: LabelSet) -> None:
    logits = np.random.default_rng(1).normal(0, 3, (2, labels.channels, 4, 4)).astype(np.float32)
    found = all_shares(as_logits(all_shares(logits, labels), labels), labels)
    assert np.allclose(found, all_shares(logits, labels), atol=1e-5)


def test_entropy_is_one_where_nothing_is_known() -> None:
    assert np.allclose(entropy_of_shares(np.full((1, 1, 1, 1), 0.5, np.float32), LabelSet()), 1)
    three = LabelSet(kind="exclusive", names=("a", "b"))
    assert np.allclose(entropy_of_shares(np.full((1, 3, 1, 1), 1 / 3, np.float32), three), 1, atol=1e-6)


def test_the_mean_over_views_is_that_of_turned_back_answers(make_model: MakeModel) -> None:
    """A network that looks one pixel to the left: mirrored, it looks to the right. The mean of both is by hand."""
    look_left = np.zeros((1, 1, 3, 3))
    look_left[0, 0, 1, 0] = 4.0
    pixels = np.random.default_rng(2).random((1, 6, 9)).astype(np.float32)
    image = Image(pixels, Geometry((6, 9)))
    path = make_model([look_left], bias=0.0, views=("flip_horizontal",))
    found = Predictor(path).predict(image, probabilities=True).probabilities
    # The plane is padded to a multiple of 16 with its edge before the network sees it, on the right in either view.
    width = 16
    padded = np.pad(pixels[0], ((0, 0), (0, width - 9)), mode="edge")
    left = np.pad(padded, ((0, 0), (1, 0)))[:, :9]
    mirrored = np.pad(pixels[0][:, ::-1], ((0, 0), (0, width - 9)), mode="edge")
    right = np.pad(mirrored, ((0, 0), (1, 0)))[:, :9][:, ::-1]
    wanted = (sigmoid(4 * left) + sigmoid(4 * right)) / 2
    assert found is not None
    assert np.allclose(found[0], wanted, atol=1e-5)


def test_a_symmetric_network_is_not_changed_by_views(make_model: MakeModel) -> None:
    pixels = np.random.default_rng(3).random((1, 32, 48)).astype(np.float32)
    image = Image(pixels, Geometry((32, 48)))
    plain = Predictor(make_model(name="a.onnx")).predict(image, probabilities=True, uncertainty=True)
    turned_too = Predictor(make_model(name="b.onnx", views=VIEWS)).predict(image, probabilities=True, uncertainty=True)
    assert plain.probabilities is not None
    assert turned_too.probabilities is not None
    assert np.allclose(plain.probabilities, turned_too.probabilities, atol=1e-5)
    assert plain.uncertainty is not None
    assert plain.uncertainty.shape == (1, 32, 48)
    assert turned_too.uncertainty is not None
    assert turned_too.uncertainty.shape == (2, 32, 48)
    assert turned_too.uncertainty[1].max() < 1e-3  # all views say the same
    p = plain.probabilities[0].astype(np.float64)
    assert np.allclose(plain.uncertainty[0], -(p * np.log2(p) + (1 - p) * np.log2(1 - p)), atol=1e-4)


def test_temperature_comes_before_the_threshold(make_model: MakeModel) -> None:
    """Logit 2 (0.88) is above 0.8; divided by 2 it is 0.73, which is not."""
    image = Image(np.full((1, 4, 4), 2.5, np.float32), Geometry((4, 4)))
    assert Predictor(make_model(name="a.onnx", thresholds=(0.8,))).predict(image).mask.labels.all()
    found = Predictor(make_model(name="b.onnx", thresholds=(0.8,), temperatures=(2.0,))).predict(image, probabilities=True)
    assert not found.mask.labels.any()
    assert found.probabilities is not None
    assert np.allclose(found.probabilities, sigmoid(np.array(1.0)), atol=1e-5)


def test_uncertainty_is_in_the_volumes_own_geometry(make_model: MakeModel) -> None:
    image = Image(np.random.default_rng(4).random((1, 3, 20, 24)).astype(np.float32), Geometry((3, 20, 24)))
    found = Predictor(make_model(views=("flip_vertical",))).predict(image, uncertainty=True).uncertainty
    assert found is not None
    assert found.shape == (2, 3, 20, 24)
    assert found.min() >= 0


def test_a_record_with_wrong_doubt_is_refused(make_model: MakeModel) -> None:
    with pytest.raises(ModelFileError, match="temperatures"):
        ModelFile.open(make_model(temperatures=(1.0, 2.0)))
