"""The changes that the reference systems' presets need: crops brought to full size, quarter turns, dark holes, mirrored borders."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.training.test_augmentation import draw, warp

from delineate.recipe import AUGMENTATION_PRESETS, Augmentation
from delineate.training import augmentation


def square(side: int = 64) -> tuple[torch.Tensor, torch.Tensor]:
    """Two images whose channels are the column and the row in 0…1, so that a pixel says where it came from."""
    along = (torch.arange(side) + 0.5) / side
    column, row = along.expand(side, side), along[:, None].expand(side, side)
    return torch.stack([column, row]).expand(2, 2, side, side).contiguous(), torch.zeros(2, side, side, dtype=torch.uint8)


@pytest.mark.parametrize("turns", range(4))
def test_quarter_turns_are_exact(turns: int, monkeypatch: pytest.MonkeyPatch) -> None:
    images, labels = torch.randn(2, 2, 32, 32), torch.randint(0, 2, (2, 32, 32), dtype=torch.uint8)
    monkeypatch.setattr(augmentation, "_QUARTERS", np.roll(augmentation._QUARTERS, -turns, axis=0)[[0, 0, 0, 0]])
    moved, truth = warp(draw(Augmentation(rotate_90=1.0), size=(32, 32)), images, labels, (32, 32))
    assert torch.allclose(moved, images.rot90(turns, (2, 3)), atol=1e-4)
    assert torch.equal(truth, labels.rot90(turns, (1, 2)))


def test_quarter_turns_come_as_often_as_said() -> None:
    matrices = draw(Augmentation(rotate_90=0.5), batch=4000).matrix
    still = (np.abs(matrices - np.eye(2)).max(axis=(1, 2)) < 1e-12).mean()
    assert abs(still - (0.5 + 0.5 / 4)) < 0.03
    assert np.allclose(np.linalg.det(matrices), 1), "turned, never mirrored"


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 10_000), st.floats(0.05, 0.9))
def test_a_resized_crop_lies_inside_and_has_the_area_and_shape_it_says(seed: int, least: float) -> None:
    images, labels = square()
    changes = draw(Augmentation(resized_crop=(least, 1.0)), seed=seed, size=(64, 64))
    moved, _ = warp(changes, images, labels, (64, 64))
    low, high = moved.amin(dim=(2, 3)), moved.amax(dim=(2, 3))
    side = (high - low) * 64 / 63  # from the centre of the first pixel to that of the last
    assert low.min() > -0.02
    assert high.max() < 1.02
    area, ratio = side[:, 0] * side[:, 1], side[:, 0] / side[:, 1]
    assert (area > least * 0.9).all()
    assert ((ratio > 0.72) & (ratio < 1.39)).all()


def test_areas_of_resized_crops_are_spread_evenly() -> None:
    """For small crops all ten draws lie inside, so that area and shape are spread as they are drawn."""
    changes = draw(Augmentation(resized_crop=(0.1, 0.5)), batch=4000, size=(64, 64))
    area = np.abs(np.linalg.det(changes.matrix))
    assert abs(area.mean() - 0.3) < 0.01
    assert abs(np.quantile(area, 0.25) - 0.2) < 0.015
    ratio = np.log(changes.matrix[:, 0, 0] / changes.matrix[:, 1, 1])
    assert abs(ratio.mean()) < 0.02
    assert np.abs(ratio).max() <= np.log(4 / 3) + 1e-9


def test_changes_of_place_act_on_their_share_of_images() -> None:
    changes = draw(Augmentation(rotate=45, scale=0.1, shift=0.0625, affine_chance=0.5), batch=4000)
    still = np.abs(changes.matrix - np.eye(2)).max(axis=(1, 2)) == 0
    assert abs(still.mean() - 0.5) < 0.03
    assert (changes.shift[still] == 0).all()
    assert (changes.shift[~still] != 0).all()


def test_dark_holes_of_eight_pixels_in_half_of_the_images() -> None:
    images = torch.from_numpy(np.random.default_rng(1).uniform(1, 2, (200, 2, 64, 80)).astype(np.float32))
    recipe = Augmentation(cutout=1, cutout_pixels=8, cutout_chance=0.5, cutout_dark=True)
    changes = draw(recipe, batch=200, size=(64, 80))
    holes = augmentation.apply_intensity(changes, images.clone())
    gone = (holes != images).any(dim=1).sum(dim=(1, 2))
    assert abs(float((gone > 0).float().mean()) - 0.5) < 0.1
    assert set(gone.tolist()) <= {0, 64}, "all of a hole lies inside"
    for before, after in zip(images.flatten(0, 1), holes.flatten(0, 1), strict=True):
        assert (after[after != before] == before.min()).all()


def test_outside_lies_the_mirror_image_where_that_is_wanted() -> None:
    images, labels = square()
    changes = draw(Augmentation(shift=0.3, mirror_border=True), seed=2, size=(64, 64))
    moved, _ = warp(changes, images, labels, (64, 64))
    edge, _ = warp(draw(Augmentation(shift=0.3), seed=2, size=(64, 64)), images, labels, (64, 64))
    x, _ = (changes.shift * 64).T
    for row in range(2):
        columns = np.abs(np.arange(64) + 0.5 + x[row])
        expected = np.where(columns > 64, 128 - columns, columns) / 64
        inside = (expected > 0.5 / 64) & (expected < 63.5 / 64)
        assert np.allclose(moved[row, 0, 32].numpy()[inside], expected[inside], atol=1e-3)
    assert not torch.allclose(moved, edge, atol=0.05)


def test_r5_presets_hold_what_its_transforms_had() -> None:
    light, medium, heavy = (AUGMENTATION_PRESETS[f"r5_{name}"] for name in ("light", "medium", "heavy"))
    assert light.model_dump() == {**Augmentation().model_dump(), "flip_horizontal": 0.5, "flip_vertical": 0.5} | {
        "transpose": 0.5,
        "rotate_90": 0.5,
        "resized_crop": (0.08, 1.0),
    }
    added = {"cutout": 8, "cutout_pixels": 8, "cutout_chance": 0.5, "cutout_dark": True}
    assert medium.model_dump() == light.model_dump() | added
    place = {"rotate": 45, "scale": 0.1, "shift": 0.0625, "affine_chance": 0.5, "mirror_border": True}
    assert heavy.model_dump() == medium.model_dump() | place


def test_old_recipes_keep_their_digest() -> None:
    """The fields that came later are written only where they are used."""
    assert set(Augmentation().model_dump()) == set(AUGMENTATION_PRESETS["heavy"].model_dump())
    assert "resized_crop" not in AUGMENTATION_PRESETS["medium"].model_dump_json()
    text = AUGMENTATION_PRESETS["r5_heavy"].model_dump_json()
    assert Augmentation.model_validate_json(text) == AUGMENTATION_PRESETS["r5_heavy"]


@pytest.mark.parametrize("shares", [(0.0, 1.0), (0.5, 0.2), (0.5, 1.5)])
def test_shares_that_are_none(shares: tuple[float, float]) -> None:
    with pytest.raises(ValueError, match="shares of the area"):
        Augmentation(resized_crop=shares)
