"""What a person sets wins, is recorded, and is checked."""

from __future__ import annotations

import pytest

from delineate.errors import RecipeError
from delineate.planning.overrides import apply_overrides, parse_assignment
from delineate.recipe import Recipe


def test_values_are_set_with_a_reason() -> None:
    recipe = apply_overrides(Recipe(), {"training.lr": "0.001", "preprocessing.size": "[96, 128]", "training.loss": "dice"})
    assert recipe.training.lr == 0.001
    assert recipe.preprocessing.size == (96, 128)
    assert recipe.training.loss == "dice"
    assert recipe.reasons["training.lr"].by == "user"


def test_unknown_key_lists_the_known() -> None:
    with pytest.raises(RecipeError, match="weight_decay"):
        apply_overrides(Recipe(), {"training.learning_rate": 1})
    with pytest.raises(RecipeError, match="training"):
        apply_overrides(Recipe(), {"trainin.lr": 1})
    with pytest.raises(RecipeError):
        apply_overrides(Recipe(), {"training.lr.x": 1})


def test_unfit_value() -> None:
    with pytest.raises(RecipeError, match=r"training\.lr"):
        apply_overrides(Recipe(), {"training.lr": "fast"})


@pytest.mark.parametrize("text", ["training.lr", "=3", ""])
def test_not_an_assignment(text: str) -> None:
    with pytest.raises(RecipeError):
        parse_assignment(text)
