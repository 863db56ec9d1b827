"""2.5-D in training: the cache gives planes with their neighbours, and both are changed alike."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.training.small import small_recipe, write_cache

from delineate.recipe import AUGMENTATION_PRESETS, Augmentation, Stage
from delineate.training import batches
from delineate.training.batches import BatchMaker
from delineate.training.planes import PlaneCache


def stack(folder: Path, shapes: list[tuple[str, tuple[int, int]]], neighbours: int = 1, channels: int = 1) -> PlaneCache:
    """Every plane of a group holds its number among all planes; channels are 100 apart."""
    planes: list[tuple[str, Any, Any]] = []
    for number, (group, shape) in enumerate(shapes):
        image = np.stack([np.full(shape, 100.0 * channel + number) for channel in range(channels)])
        labels = np.zeros(shape, dtype=np.uint8)
        labels[4:8, 4:8] = 1
        planes.append((group, image, labels))
    return write_cache(folder, planes, neighbours=neighbours)


def seen(cache: PlaneCache, index: int) -> list[float]:
    return [float(value) for value in cache.image(index)[:, 0, 0]]


def test_neighbours_are_those_of_the_group(tmp_path: Path) -> None:
    cache = stack(tmp_path, [("a", (16, 16)), ("b", (16, 16)), ("a", (16, 16)), ("b", (16, 16)), ("a", (16, 16))])
    assert cache.inputs == 3
    assert [seen(cache, index) for index in range(5)] == [[0, 0, 2], [1, 1, 3], [0, 2, 4], [1, 3, 3], [2, 4, 4]]
    np.testing.assert_array_equal(cache.image(2, rows=(3, 7)), cache.image(2)[:, 3:7])


def test_order_is_that_of_the_positions(tmp_path: Path) -> None:
    """The eleventh slice is no neighbour of the first, though its name follows it."""
    cache = stack(tmp_path, [("a", (16, 16))] * 12)
    assert seen(cache, 1) == [0, 1, 2]
    assert seen(cache, 10) == [9, 10, 11]


def test_a_part_of_the_planes_keeps_its_neighbours(tmp_path: Path) -> None:
    part = stack(tmp_path, [("a", (16, 16))] * 4).only(lambda plane: plane.case == "a/2")
    assert len(part) == 1
    assert seen(part, 0) == [1, 2, 3]


def test_slices_of_another_size_are_no_neighbours(tmp_path: Path) -> None:
    cache = stack(tmp_path, [("a", (16, 16)), ("a", (18, 16)), ("a", (16, 16))])
    assert seen(cache, 0) == [0, 0, 0]
    assert seen(cache, 1) == [1, 1, 1]


def test_channels_of_a_neighbour_stay_together(tmp_path: Path) -> None:
    cache = stack(tmp_path, [("a", (16, 16))] * 3, channels=2)
    assert seen(cache, 1) == [0, 100, 1, 101, 2, 102]


@pytest.mark.parametrize("crop", [False, True])
def test_a_batch_shows_planes_with_neighbours_and_some_alone(tmp_path: Path, crop: bool) -> None:
    cache = stack(tmp_path, [("a", (32, 32))] * 9)
    recipe = small_recipe(augmentation=Augmentation(), crop=crop, stages=(Stage(size=(16, 16) if crop else (32, 32), batch=64),))
    alone = 0
    for step in range(4):
        images, _ = BatchMaker(cache, recipe).make(step, recipe.training.stages[0])
        assert images.shape[1] == 3
        before, own, after = (images[:, at].mean(dim=(1, 2)) for at in range(3))
        by_itself = (before == own) & (own == after)
        together = ((own - before - (own > 0).float()).abs() < 0.01) & ((after - own - (own < 8).float()).abs() < 0.01)
        assert (by_itself | together).all()
        alone += int(by_itself.sum())
    assert 0 < alone < 80  # about a tenth of 256


def test_planes_beside_each_other_are_changed_alike(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "_ALONE", 0.0)
    rng = np.random.default_rng(0)
    image = rng.normal(size=(1, 48, 48))
    labels = np.ones((48, 48), dtype=np.uint8)
    cache = write_cache(tmp_path, [("a", image, labels)] * 3, neighbours=1)
    heavy = AUGMENTATION_PRESETS["heavy"].model_copy(update={"noise": 0.0})
    recipe = small_recipe(augmentation=heavy, stages=(Stage(size=(48, 48), batch=8),))
    images, _ = BatchMaker(cache, recipe).make(0, recipe.training.stages[0])
    assert torch.allclose(images[:, 0], images[:, 1], atol=1e-5)
    assert torch.allclose(images[:, 1], images[:, 2], atol=1e-5)
    assert images[:, 1].std() > 0
