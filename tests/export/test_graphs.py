"""Networks of one kind are converted once, and every file is its own network's to the last bit."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import onnx
import pytest
import torch
from torch import nn

from delineate.export import export_onnx, graphs, network_sha256
from delineate.export import network as room
from delineate.recipe import ModelRecord


def network(seed: int, width: int = 32) -> nn.Module:
    torch.manual_seed(seed)
    made = nn.Sequential(nn.Conv2d(1, width, 3, padding=1), nn.BatchNorm2d(width), nn.ReLU(), nn.Conv2d(width, 1, 3, padding=1))
    for value in made.state_dict().values():
        if value.is_floating_point():
            nn.init.uniform_(value, 0.1, 0.2)  # as after training: the converter joins weights that are equal
    return made


@pytest.fixture(autouse=True)
def conversions(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """A converter for this one network stands in for torch's, which takes seconds; tests/workflows/test_writing.py has that."""
    done: list[int] = []

    def convert(module: nn.Module, *_: Any) -> Any:
        done.append(1)
        weights = [onnx.numpy_helper.from_array(value.numpy(), name) for name, value in module.state_dict().items()]
        nodes = [
            onnx.helper.make_node("Conv", ["image", "0.weight", "0.bias"], ["first"], pads=[1] * 4),
            onnx.helper.make_node("Relu", ["first"], ["positive"]),
            onnx.helper.make_node("Conv", ["positive", "3.weight", "3.bias"], ["logits"], pads=[1] * 4),
        ]
        ends = [onnx.helper.make_tensor_value_info(name, 1, ["n", 1, "h", "w"]) for name in ("image", "logits")]
        graph = onnx.helper.make_graph(nodes, "network", ends[:1], ends[1:], weights)
        return onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 18)], ir_version=10)

    monkeypatch.setattr(room, "_convert", convert)
    return done


def test_one_conversion_for_networks_of_one_kind(tmp_path: Path, conversions: list[int]) -> None:
    graph, made = tmp_path / "cache" / "graphs" / "kind.onnx", []
    for seed in (0, 1):
        made.append(tmp_path / f"{seed}.onnx")
        export_onnx(network(seed), ModelRecord(name=f"number {seed}"), made[-1], in_channels=1, graph=graph)
        assert f"number {seed}" in str(onnx.load_model(made[-1]).metadata_props)
    assert len(conversions) == 1
    alone = export_onnx(network(1), ModelRecord(), tmp_path / "alone.onnx", in_channels=1)
    assert network_sha256(made[0]) != network_sha256(made[1]) == network_sha256(alone)
    assert graph.stat().st_size < made[0].stat().st_size
    assert "number" not in str(onnx.load_model_from_string(graph.read_bytes()).metadata_props)


@pytest.mark.parametrize("content", ["damaged", "another network's", "too large"])
def test_what_does_not_fit_is_converted(
    content: str, tmp_path: Path, conversions: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    graph = tmp_path / "kind.onnx"
    if content == "damaged":
        graph.write_bytes(b"\x00not a model")
    else:
        other = network(0, 32 if content == "too large" else 16)
        export_onnx(other, ModelRecord(), tmp_path / "first.onnx", in_channels=1, graph=graph)
    if content == "too large":
        monkeypatch.setattr(graphs, "MOST_BYTES", 10)
    before = len(conversions)
    path = export_onnx(network(1), ModelRecord(), tmp_path / "model.onnx", in_channels=1, graph=graph)
    assert len(conversions) == before + 1
    assert network_sha256(path) == network_sha256(export_onnx(network(1), ModelRecord(), path, in_channels=1))


def test_what_answers_otherwise_is_converted(tmp_path: Path, conversions: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    """A graph may hold something that was computed from the weights of its own network: here, all of them."""
    first = export_onnx(network(0), ModelRecord(), tmp_path / "first.onnx", in_channels=1)
    monkeypatch.setattr(room, "with_weights", lambda *_: onnx.load_model(first))
    path = export_onnx(network(1), ModelRecord(), tmp_path / "model.onnx", in_channels=1, graph=tmp_path / "graph.onnx")
    assert len(conversions) == 2
    assert network_sha256(path) != network_sha256(first)


def test_a_folder_that_takes_nothing_does_no_harm(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    path = export_onnx(network(0), ModelRecord(), tmp_path / "m.onnx", in_channels=1, graph=tmp_path / "file" / "below" / "g.onnx")
    assert path.exists()


def test_the_oldest_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(graphs, "MOST_FILES", 2)
    for number, name in enumerate(("a", "b", "c")):
        graphs.leave(tmp_path / f"{name}.onnx", b"x")
        if (tmp_path / f"{name}.onnx").exists():
            os.utime(tmp_path / f"{name}.onnx", (number, number))
    graphs.leave(tmp_path / "d.onnx", b"x")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["c.onnx", "d.onnx"]
