"""Presets are settings that can be read in the recipe, hold what the reference systems state, and yield to the person."""

from __future__ import annotations

from pathlib import Path

import pytest

from delineate.cli import parser
from delineate.errors import UsageError
from delineate.planning import PRESETS, apply_overrides, apply_preset, find_preset
from delineate.recipe import AUGMENTATION_PRESETS, Reason, Recipe, Stage, Training, load, save_json

GROWING = (Stage(until=0.5, size=(128, 128), batch=16), Stage(until=1.0, size=(256, 256), batch=8))
PLANNED = Recipe(
    training=Training(steps=1000, epoch_steps=100, stages=GROWING),
    reasons={"training.steps": Reason(code="steps-for-time", params={"steps": 1000, "seconds": 300, "per_step": 0.3})},
)


def test_what_the_systems_state() -> None:
    r2 = apply_preset(PLANNED, "r2", keep_time=False).training
    assert (r2.optimiser, r2.lr, r2.loss, r2.stages[0].batch, r2.schedule) == ("adam", 1e-4, "dice", 16, "constant")
    keras = apply_preset(PLANNED, "r2_keras", keep_time=False).training
    assert (keras.patience, keras.stages) == (10, (Stage(size=(256, 256), batch=16),))
    r5 = apply_preset(PLANNED, "r5", keep_time=False).training
    assert (r5.optimiser, r5.lr, r5.encoder_lr, r5.schedule) == ("lookahead_radam", 5e-3, 0.1, "plateau")
    assert (r5.plateau_patience, r5.loss) == (10, "1.0*dice+0.8*ce")
    assert r5.encoder_weight_decay != r5.weight_decay


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_is_read_in_the_recipe_and_replayed_from_it(name: str, tmp_path: Path) -> None:
    recipe = apply_preset(PLANNED, name, keep_time=True)
    for key in PRESETS[name].settings:
        assert recipe.reasons[key].code == "by-preset"
    save_json(tmp_path / "recipe.json", recipe)
    assert load(Recipe, tmp_path / "recipe.json") == recipe
    assert PRESETS[name].augmentation in AUGMENTATION_PRESETS


def test_another_batch_keeps_the_images_or_the_time() -> None:
    """1000 steps of (16 images of a quarter of the size, then 8 images): 12,000 images, or what 6,000 full ones cost."""
    images = apply_preset(PLANNED, "r2", keep_time=False)
    assert images.training.steps * 16 == 12_000
    time = apply_preset(PLANNED, "r2", keep_time=True)
    assert time.training.steps * 16 == 6_000
    assert time.training.epoch_steps == 38
    assert time.reasons["training.steps"].params["steps"] == 375
    assert time.reasons["training.steps"].params["per_step"] == 0.8
    assert apply_preset(PLANNED, "r5", keep_time=True).training.stages == GROWING


def test_what_a_person_sets_wins() -> None:
    recipe = apply_overrides(apply_preset(PLANNED, "r2_keras", keep_time=True), {"training.patience": "3"})
    assert recipe.training.patience == 3
    assert recipe.reasons["training.patience"].code == "by-user"


def test_an_unknown_preset_lists_the_known() -> None:
    with pytest.raises(UsageError, match="r2_keras"):
        find_preset("r9")


def test_the_command_line_knows_them_all() -> None:
    assert tuple(PRESETS) == parser.PRESETS
    assert tuple(AUGMENTATION_PRESETS) == parser.AUGMENTATIONS
