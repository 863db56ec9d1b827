"""Counts per volume, persons before means, the both-empty rule, bounded cost."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from tests.training.small import discs, small_recipe, write_cache
from torch import nn

from delineate.domain import IGNORE, LabelSet
from delineate.recipe import Recipe, Stage
from delineate.training.step import Learner
from delineate.training.validation import Validator, count, select


class Echo(nn.Module):
    """Predicts foreground where the image is above 0.5: its Dice can be worked out by hand."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return (x[:, :1] - 0.5) * 20


def square(pixels: int, size: int = 16) -> NDArray[Any]:
    image = np.zeros(size * size)
    image[:pixels] = 1
    return image.reshape(size, size)


def score(folder: Path, planes: list[tuple[str, NDArray[Any], NDArray[Any]]], recipe: Recipe | None = None) -> Any:
    recipe = recipe or small_recipe(ema=0.0)
    learner = Learner(recipe)
    learner.averaged = Echo()
    return Validator(write_cache(folder, planes), recipe).score(learner)


def test_counts_are_summed_over_a_group_and_persons_are_averaged(tmp_path: Path) -> None:
    planes = [
        ("a-1", square(10)[None], square(10)),  # volume a-1: tp 10, fp 0, fn 10
        ("a-1", square(0)[None], square(10)),
        ("a-2", square(8)[None], square(8)),  # volume a-2: Dice 1; person a: mean of 2/3 and 1
        ("b-1", square(30)[None], square(10)),  # person b: 20 / (20 + 20)
        ("c-1", square(0)[None], square(0)),  # nothing there, nothing found: left out
    ]
    scores = score(tmp_path, planes)
    person_a = (2 * 10 / (2 * 10 + 10) + 1) / 2
    assert scores.dice == pytest.approx((person_a + 2 * 10 / (2 * 10 + 20)) / 2)
    assert scores.iou == pytest.approx(((10 / 20 + 1) / 2 + 10 / 30) / 2)
    assert scores.recall == pytest.approx(((0.5 + 1) / 2 + 1) / 2)
    assert scores.precision == pytest.approx((1 + 10 / 30) / 2)
    assert scores.classes == (scores.dice,)


def test_false_alarms_in_an_empty_volume_count_as_zero(tmp_path: Path) -> None:
    scores = score(tmp_path, [("a", square(5)[None], square(0)), ("b", square(5)[None], square(5))])
    assert scores.dice == pytest.approx(0.5)


def test_nothing_anywhere_has_no_score(tmp_path: Path) -> None:
    assert math.isnan(score(tmp_path, [("a", square(0)[None], square(0))]).dice)


def test_ignored_pixels_do_not_count(tmp_path: Path) -> None:
    truth = square(10)
    truth[0, :] = IGNORE
    truth[1, :4] = 1
    scores = score(tmp_path, [("a", square(20)[None], truth)])
    assert scores.dice == 1.0


def test_count_for_regions() -> None:
    truth = torch.tensor([[[[1, 1], [0, 0]], [[0, 1], [1, IGNORE]]]], dtype=torch.uint8)
    predicted = torch.tensor([[[[1, 0], [1, 0]], [[0, 1], [1, 1]]]], dtype=torch.uint8)
    counts = count(predicted, truth, LabelSet(kind="regions", names=("a", "b")))
    assert counts.tolist() == [[[1, 1, 1], [2, 0, 0]]]


@pytest.mark.parametrize("shape", [(20, 50), (150, 70), (130, 130)])
def test_any_size_and_tiles(tmp_path: Path, shape: tuple[int, int]) -> None:
    rng = np.random.default_rng(0)
    image = rng.random((1, *shape)).astype(np.float16)
    recipe = small_recipe(ema=0.0)
    recipe = recipe.model_copy(update={"preprocessing": recipe.preprocessing.model_copy(update={"tile": 64})})
    scores = score(tmp_path, [("a", image, (image[0].astype(np.float32) >= 0.5).astype(np.uint8))], recipe)
    assert scores.dice == 1.0


def test_validation_is_bounded_and_evenly_chosen(tmp_path: Path) -> None:
    cache = discs(tmp_path, groups=40, each=4)
    everything = select(cache, small_recipe(epoch_steps=10_000))
    assert everything.whole
    some = select(cache, small_recipe(epoch_steps=20, stages=(Stage(size=(32, 32), batch=4),)))
    assert 8 <= some.groups < 40
    assert not some.whole
    assert some == select(cache, small_recipe(epoch_steps=20, stages=(Stage(size=(32, 32), batch=4),)))
    few = select(cache, small_recipe(epoch_steps=1))
    assert few.groups == 8
    assert len(few.indices) < 32
    groups = [cache.planes[i].group for i in few.indices]
    assert groups[0] == "person0"
    assert groups[-1] == "person39"


def test_examples_show_truth_and_prediction(tmp_path: Path) -> None:
    recipe = small_recipe()
    pictures = Validator(discs(tmp_path), recipe).examples(Learner(recipe))
    assert len(pictures) == 3
    for one in pictures:
        assert one.shape == (3, 32, 32)
        assert one.min() >= 0
        assert one.max() <= 1
        green = (one[1] > one[0]) & (one[1] > one[2])
        assert green.any() or (one[0] > one[1]).any()
