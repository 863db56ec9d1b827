"""One grid moves image and labels alike; no change means no change; the clock of a batch stays small."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.training.small import disc, discs, small_recipe, write_cache

from delineate.domain import IGNORE
from delineate.recipe import AUGMENTATION_PRESETS, Augmentation, Stage
from delineate.training import augmentation
from delineate.training.batches import BatchMaker, Prefetcher

SIZE = (32, 40)


def draw(recipe: Augmentation, batch: int = 2, seed: int = 0, size: tuple[int, int] = SIZE) -> augmentation.Changes:
    return augmentation.draw(recipe, np.random.default_rng(seed), batch, 2, size)


def warp(changes: augmentation.Changes, images: torch.Tensor, labels: torch.Tensor, size: tuple[int, int] = SIZE, classes: int = 1):
    zoom = max(images.shape[2] / size[0], images.shape[3] / size[1])
    members = np.arange(len(images))
    return augmentation.apply_geometry(changes, images, labels, size, members=members, zoom=zoom, centre=None, classes=classes)


def scene(size: tuple[int, int] = SIZE, classes: int = 1) -> tuple[torch.Tensor, torch.Tensor]:
    labels = np.zeros((2, *size), dtype=np.uint8)
    for k in range(classes):
        labels[:, disc(size, (size[0] * (0.3 + 0.3 * k), size[1] * 0.4), size[0] / 7)] = k + 1
    image = np.stack([labels > 0, labels == 1], axis=1).astype(np.float32)
    return torch.from_numpy(image), torch.from_numpy(labels)


@pytest.mark.parametrize("classes", [1, 2, 6])
def test_no_change_is_no_change(classes: int) -> None:
    images, labels = scene(classes=classes)
    images += torch.randn(images.shape)
    changes = draw(Augmentation())
    moved, truth = warp(changes, images, labels, classes=classes)
    assert torch.allclose(moved, images, atol=1e-4)
    assert torch.equal(truth, labels)
    assert torch.allclose(augmentation.apply_intensity(changes, moved.clone()), moved, atol=1e-5)


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 10_000), st.sampled_from([1, 2, 6]), st.sampled_from([(32, 40), (64, 80), (70, 90)]))
def test_labels_go_where_the_image_goes(seed: int, classes: int, source: tuple[int, int]) -> None:
    images, labels = scene(source, classes)
    strong = Augmentation(
        rotate=180, scale=0.3, shear=10, shift=0.1, flip_horizontal=0.5, flip_vertical=0.5, transpose=0.5, elastic=2
    )
    moved, truth = warp(draw(strong, seed=seed), images, labels, classes=classes)
    differ = ((moved[:, 0] >= 0.5) != (truth > 0)).float().mean()
    assert differ < 0.02  # nearest labels may differ along the outline
    assert ((moved[:, 1] >= 0.75) & (truth != 1)).float().mean() < 0.02


def test_rotation_keeps_areas_on_a_plane_that_is_not_square() -> None:
    size = (64, 128)
    labels = torch.from_numpy(np.repeat(disc(size, (32, 64), 16)[None], 2, axis=0).astype(np.uint8))
    _, truth = warp(draw(Augmentation(rotate=90), size=size), labels[:, None].float(), labels, size)
    assert torch.equal(truth, labels) or (truth != labels).float().mean() < 0.005


def test_flips_and_transposes_are_exact() -> None:
    images = torch.randn(2, 2, 32, 32)
    labels = torch.zeros(2, 32, 32, dtype=torch.uint8)
    for option, turned in (
        ({"flip_horizontal": 1.0}, images.flip(3)),
        ({"flip_vertical": 1.0}, images.flip(2)),
        ({"transpose": 1.0}, images.transpose(2, 3)),
    ):
        moved, _ = warp(draw(Augmentation(**option), size=(32, 32)), images, labels, (32, 32))
        assert torch.allclose(moved, turned, atol=1e-4)


def test_ignored_pixels_stay_ignored() -> None:
    images, labels = scene()
    labels[:, :4] = IGNORE
    _, truth = warp(draw(Augmentation(flip_vertical=1.0)), images, labels)
    assert (truth[:, -4:] == IGNORE).all()
    assert set(truth.unique().tolist()) == {0, 1, IGNORE}


def test_regions_may_overlap() -> None:
    labels = torch.zeros(2, 2, 32, 32, dtype=torch.uint8)
    labels[:, 0, 4:20, 4:20] = 1
    labels[:, 1, 10:28, 10:28] = 1
    _, truth = warp(draw(Augmentation(flip_horizontal=1.0), size=(32, 32)), labels.float(), labels, (32, 32), classes=2)
    assert torch.equal(truth, labels.flip(3))


def test_shrinking_does_not_alias() -> None:
    stripes = torch.zeros(2, 2, 128, 160)
    stripes[..., ::2] = 1.0  # finer than the working size can show: must become grey
    moved, _ = warp(draw(Augmentation()), stripes, torch.zeros(2, 128, 160, dtype=torch.uint8))
    assert torch.allclose(moved, torch.full_like(moved, 0.5), atol=1e-3)


@pytest.mark.parametrize("name", [name for name in AUGMENTATION_PRESETS if name != "none"])
def test_presets_keep_images_finite_and_repeat_with_the_seed(name: str) -> None:
    results = []
    for _ in range(2):
        images = torch.from_numpy(np.random.default_rng(1).normal(0, 1, (8, 2, *SIZE)).astype(np.float32))
        changes = draw(AUGMENTATION_PRESETS[name], batch=8, seed=3)
        moved, _ = warp(changes, images, torch.zeros(8, *SIZE, dtype=torch.uint8))
        results.append(augmentation.apply_intensity(changes, moved))
    assert torch.isfinite(results[0]).all()
    assert torch.equal(results[0], results[1])
    assert not torch.equal(results[0][0], results[0][1])


def test_each_intensity_change_does_what_it_says() -> None:
    images = torch.from_numpy(np.random.default_rng(1).normal(2, 1, (64, 2, *SIZE)).astype(np.float32))

    def changed(**options: float) -> torch.Tensor:
        return augmentation.apply_intensity(draw(Augmentation(**options), batch=64), images.clone())

    assert (changed(brightness=1).mean(dim=(2, 3)) - 2).abs().max() <= 1.1
    contrast = changed(contrast=0.5)
    assert torch.allclose(contrast.mean(dim=(2, 3)), images.mean(dim=(2, 3)), atol=1e-3)
    assert 0.4 < contrast.std(dim=(2, 3)).min() < contrast.std(dim=(2, 3)).max() < 1.6
    gamma = changed(gamma=0.5)
    assert torch.allclose(gamma.amax(dim=(2, 3)), images.amax(dim=(2, 3)), atol=1e-2)
    assert (changed(noise=0.5).std(dim=(2, 3)) >= images.std(dim=(2, 3)) - 0.05).all()
    assert changed(blur=2.0).std(dim=(2, 3)).min() < 0.5
    holes = augmentation.apply_intensity(draw(Augmentation(cutout=3), batch=64), images.clone())
    assert ((holes != images).float().mean(dim=(1, 2, 3)) > 0).all()


def test_whole_planes_of_different_sizes_share_a_batch(tmp_path: Path) -> None:
    planes = []
    for number, shape in enumerate([(40, 40), (60, 30), (20, 64), (40, 40)]):
        where = disc(shape, (shape[0] / 2, shape[1] / 2), 6)
        planes.append((f"g{number}", np.stack([where, where]).astype(float), where))
    cache = write_cache(tmp_path, planes)
    recipe = small_recipe(augmentation=Augmentation(), stages=(Stage(size=(32, 32), batch=8),))
    images, labels = BatchMaker(cache, recipe).make(0, recipe.training.stages[0])
    assert images.shape == (8, 2, 32, 32)
    assert labels.shape == (8, 32, 32)
    assert labels.flatten(1).any(dim=1).all()
    assert ((images[:, 0] >= 0.5) == (labels == 1)).all()


@settings(deadline=None, max_examples=10)
@given(st.integers(0, 1000))
def test_crops_are_cut_out_exactly(step: int) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        image = np.arange(100 * 80).reshape(1, 100, 80) / 4000  # every pixel has a value of its own
        labels = np.zeros((100, 80), dtype=np.uint8)
        labels[90:95, 3:9] = 1
        cache = write_cache(Path(folder), [("a", image, labels)])
        recipe = small_recipe(augmentation=Augmentation(), crop=True, foreground=2.0, stages=(Stage(size=(32, 32), batch=4),))
        images, truth = BatchMaker(cache, recipe).make(step, recipe.training.stages[0])
    assert sum(bool(t.any()) for t in truth) >= 2  # half of the crops are centred on foreground
    across = images[:, 0, :, 1:] - images[:, 0, :, :-1]
    assert torch.allclose(across, torch.full_like(across, 1 / 4000), atol=1.5e-3)  # float16 of values up to 2; no repeated edge
    assert images.min() >= 0
    assert ((images[:, 0] - 90 * 80 / 4000 >= -1e-3) | (truth == 0)).all()


def test_crops_of_planes_smaller_than_the_crop_are_padded(tmp_path: Path) -> None:
    cache = discs(tmp_path, size=(20, 24))
    recipe = small_recipe(crop=True, augmentation=AUGMENTATION_PRESETS["heavy"], stages=(Stage(size=(48, 48), batch=4),))
    images, labels = BatchMaker(cache, recipe).make(0, recipe.training.stages[0])
    assert images.shape == (4, 1, 48, 48)
    assert torch.isfinite(images).all()
    assert labels.any()


def test_the_thread_makes_the_same_batches_and_leaves_the_threads_alone(tmp_path: Path) -> None:
    cache = discs(tmp_path)
    recipe = small_recipe(augmentation=AUGMENTATION_PRESETS["heavy"])
    stage = recipe.training.stages[0]
    before = torch.get_num_threads()
    with Prefetcher(BatchMaker(cache, recipe).make, lambda step: stage if step < 6 else None) as batches:
        for step in (0, 1, 2, 5, 3):  # also when a step is jumped over
            images, labels = batches.get(step, stage)
            again = BatchMaker(cache, recipe).make(step, stage)
            assert torch.equal(images, again[0])
            assert torch.equal(labels, again[1])
    assert torch.get_num_threads() == before
