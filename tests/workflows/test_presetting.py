"""``--preset`` from the command line to recipe.json."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.workflows.small import SETTINGS, small_options

import delineate as dl
from delineate.cli.main import main
from delineate.recipe import AUGMENTATION_PRESETS, Recipe, load
from delineate.synthetic import make_dataset
from delineate.workflows.presetting import with_preset


def test_what_a_person_names_wins() -> None:
    asked = small_options(Path("data"), preset="r2", size=None)
    plain, own = with_preset(asked), with_preset(asked.model_copy(update={"network": "resunet", "size": (64, 64)}))
    assert (plain.network, plain.augmentation, plain.size) == ("unet_r2", "light", (256, 256))
    assert (own.network, own.size) == ("resunet", (64, 64))


def test_unknown_and_contradicting(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["run", str(tmp_path), "--preset", "r9"]) == 2
    assert "r2_keras" in capsys.readouterr().err
    assert main(["run", str(tmp_path), "--preset", "r2", "--recipe", "recipe.json", "--out", str(tmp_path / "run")]) == 2
    assert "recipe.json" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_a_run_as_r2_keras(tmp_path: Path) -> None:
    make_dataset(tmp_path / "data", patients=6, slices=3, size=64)
    settings = {**SETTINGS, "training.stages": [{"until": 1.0, "size": [32, 32], "batch": 4}], "training.steps": 4}
    options = small_options(tmp_path / "data", preset="r2_keras", epochs=1, size=(32, 32), settings=settings)
    dl.train(options=options, out=tmp_path / "run")
    recipe = load(Recipe, tmp_path / "run" / "recipe.json")
    assert recipe.network.name == "unet_r2_keras"
    assert recipe.network.options["dropout"] == 0.5
    assert recipe.labels.channels == 2, "a softmax over background and the class"
    assert recipe.training.patience == 10
    assert recipe.training.augmentation == AUGMENTATION_PRESETS["r2_keras"]
    assert recipe.reasons["training.loss"].code == "by-preset"
