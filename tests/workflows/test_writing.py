"""Model files of runs: the second network of a kind is not converted again."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from delineate.export import network as room
from delineate.export import network_sha256
from delineate.models import build
from delineate.recipe import ModelRecord, NetworkRecipe, Recipe
from delineate.workflows import writing


def recipe(width: int) -> Recipe:
    return Recipe(network=NetworkRecipe(name="unet", options={"widths": [width, 8], "decoder": "transposed"}))


def write(path: Path, width: int, seed: int) -> Path:
    torch.manual_seed(seed)
    of = recipe(width)
    made = build(of.network, of.preprocessing.inputs, of.labels.channels)
    for parameter in made.parameters():
        torch.nn.init.uniform_(parameter, 0.1, 0.2)
    writing.write_model_file(made, of, ModelRecord(), path)
    return path


def test_one_conversion_for_networks_of_one_kind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DELINEATE_CACHE", str(tmp_path / "cache"))
    first = write(tmp_path / "first.onnx", 4, 0)
    assert len(list((tmp_path / "cache" / "graphs").iterdir())) == 1
    assert writing._kind(recipe(4)) != writing._kind(recipe(8))
    monkeypatch.setattr(room, "_convert", lambda *_: pytest.fail("converted again"))
    assert network_sha256(first) != network_sha256(write(tmp_path / "second.onnx", 4, 1))
