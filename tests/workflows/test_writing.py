"""Networks of one kind are converted once where a cache is shared, and every file is its own network's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import onnx
import pytest
import torch

from delineate.export import network_sha256
from delineate.models import build
from delineate.recipe import ModelRecord, NetworkRecipe, Recipe
from delineate.workflows import writing


def recipe(width: int = 4) -> Recipe:
    return Recipe(network=NetworkRecipe(name="unet", options={"widths": [width, 8], "decoder": "transposed"}))


def network(of: Recipe, seed: int) -> torch.nn.Module:
    torch.manual_seed(seed)
    made = build(of.network, of.preprocessing.inputs, of.labels.channels)
    for parameter in made.parameters():
        torch.nn.init.uniform_(parameter, 0.1, 0.2)  # as after training: the exporter joins weights that are equal
    return made


@pytest.fixture
def conversions(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    from delineate.export import network as room

    done, convert = [], room._convert

    def counted(*arguments: Any) -> Any:
        done.append(1)
        return convert(*arguments)

    monkeypatch.setattr(room, "_convert", counted)
    return done


def test_one_conversion_for_networks_of_one_kind(tmp_path: Path, conversions: list[int]) -> None:
    shared, made = tmp_path / "cache" / "networks", []
    for number, (width, seed) in enumerate([(4, 0), (4, 1), (8, 2)]):
        made.append(tmp_path / f"{number}.onnx")
        record = ModelRecord(name=f"number {number}")
        writing.write_model_file(network(recipe(width), seed), recipe(width), record, made[-1], shared=shared)
        assert f"number {number}" in str(onnx.load_model(made[-1]).metadata_props)
    assert len(conversions) == 2
    assert len(list(shared.iterdir())) == 2
    assert len({network_sha256(path) for path in made}) == 3
    alone = tmp_path / "alone.onnx"
    writing.write_model_file(network(recipe(), 1), recipe(), ModelRecord(), alone)
    assert network_sha256(alone) == network_sha256(made[1])


def test_a_cache_that_takes_nothing_does_no_harm(tmp_path: Path, conversions: list[int]) -> None:
    (tmp_path / "file").touch()
    writing.write_model_file(
        network(recipe(), 0), recipe(), ModelRecord(), tmp_path / "model.onnx", shared=tmp_path / "file" / "in"
    )
    assert (tmp_path / "model.onnx").exists()
