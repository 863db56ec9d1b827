"""Recipes are data: unknown keys are refused with the known ones, files are written whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from delineate.errors import RecipeError, ResourceError
from delineate.recipe import Recipe, Splits, load, parse, read_json, save_json


def test_round_trip(tmp_path: Path) -> None:
    recipe = Recipe()
    save_json(tmp_path / "recipe.json", recipe)
    assert load(Recipe, tmp_path / "recipe.json") == recipe


@pytest.mark.parametrize(
    ("data", "key", "known"),
    [
        ({"trainning": {}}, "trainning", "training"),
        ({"training": {"learning_rate": 1}}, "training.learning_rate", "weight_decay"),
        ({"training": {"augmentation": {"rotation": 1}}}, "training.augmentation.rotation", "rotate"),
    ],
)
def test_unknown_key_lists_the_known(data: dict[str, object], key: str, known: str) -> None:
    with pytest.raises(RecipeError) as caught:
        parse(Recipe, data, "recipe.json")
    assert key in str(caught.value)
    assert known in str(caught.value)


def test_wrong_value_names_the_key() -> None:
    with pytest.raises(RecipeError, match=r"training\.lr"):
        parse(Recipe, {"training": {"lr": -1}}, "recipe.json")


def test_damaged_and_missing(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("{")
    with pytest.raises(RecipeError, match="not valid JSON"):
        read_json(tmp_path / "a.json")
    with pytest.raises(RecipeError, match="does not exist"):
        read_json(tmp_path / "b.json")
    (tmp_path / "c.json").write_text("[" * 200_000)
    with pytest.raises(RecipeError):
        read_json(tmp_path / "c.json")


def test_nan_is_never_written(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="JSON"):
        save_json(tmp_path / "a.json", {"dice": float("nan")})
    assert not (tmp_path / "a.json").exists()


def test_cannot_write_says_where(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ResourceError, match="Cannot write"):
        save_json(tmp_path / "file" / "a.json", {})


def test_nobody_in_two_parts() -> None:
    with pytest.raises(RecipeError, match="p1"):
        parse(Splits, {"folds": [{"train": ["p1"], "test": ["p1"]}]}, "splits.json")
