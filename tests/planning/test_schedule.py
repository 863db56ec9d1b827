"""The time there is, divided: training, its validations, and what predicting takes afterwards."""

from __future__ import annotations

import pytest

from delineate.planning import Draft, Machine, Task, kept_for_after, plan_training
from delineate.recipe import NetworkRecipe, Recipe

STEP = 1e-6  # seconds a pixel


def machine(after: float | None) -> Machine:
    return Machine(
        "fp32",
        True,
        1,
        "cpu",
        step_seconds=lambda width, size, batch: STEP * batch * size[0] * size[1],
        plane_seconds=lambda width, size: 1e-9 * size[0] * size[1],
        after_seconds=None if after is None else lambda width, size: after,
    )


def plan(seconds: float, after: float | None) -> Recipe:
    reasons = {"preprocessing.fit": {"code": "whole-image"}}
    draft = Draft(Recipe.model_validate({"reasons": reasons}), ((128, 128),), crop=False)
    return plan_training(
        draft,
        machine(after),
        seconds=seconds,
        epochs=None,
        validation_planes=10,
        task=Task({}, train_planes=1000),
        network=NetworkRecipe(name="unet", options={"widths": [16, 32, 64]}),
    )


@pytest.mark.parametrize(("after", "kept"), [(None, 0.0), (30.0, 30.0), (1000.0, 50.0)])
def test_what_predicting_takes_is_kept_but_half_is_for_training(after: float | None, kept: float) -> None:
    assert kept_for_after(machine(after), 100.0, 16, (128, 128)) == kept
    recipe = plan(100.0, after)
    (stage,) = recipe.training.stages
    seconds = recipe.training.steps * STEP * stage.batch * 128 * 128
    assert seconds == pytest.approx((100.0 - kept) * 0.92, rel=0.02)
    assert recipe.reasons["training.steps"].params["seconds"] == pytest.approx(100 - kept)
