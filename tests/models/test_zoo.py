"""What the networks of the zoo promise beyond the contract: gates, names of weights, pruning, heads, export."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.models.test_contract import NETWORKS

from delineate.errors import RecipeError, UsageError
from delineate.models import UNet, UNetPlusPlus, build, describe, load_pretrained
from delineate.models.attention import AdditiveGate, SimpleGate
from delineate.models.pretrained import fit_channels
from delineate.models.resnet import ResNetEncoder
from delineate.recipe import NetworkRecipe

NEW = ("attention_unet", "resunet", "resnet34_unet", "unetplusplus")


def resnet(channels: int = 3, **options: Any) -> tuple[torch.nn.Module, NetworkRecipe]:
    recipe = NetworkRecipe(name="resnet34_unet", options={"base": 4, "blocks": (1, 1, 1, 1), "widths": (4, 4, 4, 4, 4), **options})
    return build(recipe, channels, 1), recipe


def nested(**options: Any) -> UNetPlusPlus:
    torch.manual_seed(0)
    network = build(NetworkRecipe(name="unetplusplus", options={"widths": (4, 6, 8, 8), **options}), 1, 2)
    assert isinstance(network, UNetPlusPlus)
    return network


@pytest.mark.parametrize("gate", [AdditiveGate(6, 4), SimpleGate(6, 4)], ids=["additive", "simple"])
def test_a_gate_weighs_pixels_between_nothing_and_all(gate: torch.nn.Module) -> None:
    skip, below = torch.randn(2, 6, 5, 7), torch.randn(2, 4, 5, 7)
    assert gate.eval()(skip, below).shape == skip.shape
    last = gate.psi if isinstance(gate, AdditiveGate) else gate.weigh
    assert isinstance(last, torch.nn.Conv2d)
    assert last.bias is not None
    with torch.no_grad():
        last.bias.fill_(-1e4)
    shut = gate(skip, below)
    assert (shut == 0).all(), "a shut gate lets nothing through"


def test_the_additive_gate_is_the_papers() -> None:
    """Oktay et al. 2018, equations 1 and 2, pixel by pixel: q = psi·relu(W_x·x + W_g·g + b_g) + b_psi, then sigmoid(q)·x."""
    torch.manual_seed(0)
    gate = AdditiveGate(4, 3, norm="none").eval()
    x, g = np.random.default_rng(0).standard_normal((4, 5, 6)), np.random.default_rng(1).standard_normal((3, 5, 6))
    w_x, w_g, psi = (layer.weight.detach().numpy()[..., 0, 0] for layer in (gate.theta, gate.phi, gate.psi))
    b_g, b_psi = (layer.bias.detach().numpy() for layer in (gate.phi, gate.psi))  # type: ignore[union-attr]
    assert gate.theta.bias is None, "W_x has no bias of its own in the paper"
    wanted = np.empty_like(x)
    for row in range(5):
        for column in range(6):
            q = psi @ np.maximum(w_x @ x[:, row, column] + w_g @ g[:, row, column] + b_g, 0) + b_psi
            wanted[:, row, column] = x[:, row, column] / (1 + np.exp(-q))
    with torch.no_grad():
        last = gate.out[0]
        assert isinstance(last, torch.nn.Conv2d)
        last.weight.copy_(torch.eye(4)[:, :, None, None])  # what follows the gate in the authors' own code: here left out
        assert last.bias is not None
        last.bias.zero_()
        found = gate(torch.from_numpy(x).float()[None], torch.from_numpy(g).float()[None])[0].numpy()
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-5)


def test_unknown_gate() -> None:
    with pytest.raises(RecipeError, match="gate"):
        build(NetworkRecipe(name="attention_unet", options={"gate": "heavy"}), 1, 1)


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("resunet", {"blocks": (1, 0)}, "block"),
        ("resunet", {"norm": "group", "freeze_norm": True}, "freeze"),
        ("resnet34_unet", {"widths": (4, 4, 4, 4, 0)}, "width"),
        ("unetplusplus", {"widths": (4,)}, "at least 2"),
        ("unetplusplus", {"widths": (4, 8), "depth": 2}, "1 to 1"),
        ("unetplusplus", {"widths": (4, 8, 8), "depth": 1, "heads": "last"}, "head at each depth"),
    ],
)
def test_unusable_options(name: str, options: dict[str, Any], words: str) -> None:
    with pytest.raises(RecipeError, match=words):
        build(NetworkRecipe(name=name, options=options), 1, 1)


def test_sizes_are_the_published_ones() -> None:
    """ResNet-34 without its classifier has 21,284,672 parameters; UNet++'s paper gives 9.04 M for its widths."""
    assert sum(p.numel() for p in ResNetEncoder(3).parameters()) == 21_284_672
    nested_cost = describe(NetworkRecipe(name="unetplusplus"), 3, 1, (96, 96))
    assert 8.5e6 < nested_cost["parameters"] < 10.5e6


def test_resnet_is_torchvisions() -> None:
    models = pytest.importorskip("torchvision.models")
    torch.manual_seed(0)
    theirs = models.resnet34(weights=None).eval()
    ours = ResNetEncoder(3).eval()
    ours.load_state_dict({k: v for k, v in theirs.state_dict().items() if not k.startswith("fc.")})
    image = torch.randn(1, 3, 33, 47)
    with torch.no_grad():
        x = theirs.maxpool(theirs.relu(theirs.bn1(theirs.conv1(image))))
        for stage in (theirs.layer1, theirs.layer2, theirs.layer3, theirs.layer4):
            x = stage(x)
        features = ours(image)
    torch.testing.assert_close(features[-1], x)
    assert [tuple(f.shape[2:]) for f in features] == [(33, 47), (17, 24), (9, 12), (5, 6), (3, 3), (2, 2)]


@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_pretrained_weights_from_a_file(channels: int, suffix: str, tmp_path: Path) -> None:
    from safetensors.torch import save_file

    source, _ = resnet(3)
    assert isinstance(source, UNet)
    weights = {f"module.{k}": v for k, v in source.encoder.state_dict().items()} | {"module.fc.weight": torch.zeros(2, 2)}
    path = tmp_path / f"weights{suffix}"
    if suffix == ".pth":
        torch.save({"state_dict": weights}, path)
    else:
        save_file(weights, path)
    network, recipe = resnet(channels, pretrained=str(path))
    assert isinstance(network, UNet)
    assert load_pretrained(network, recipe)
    grey = torch.randn(2, 1, 20, 24)
    given = source.eval().encoder(grey.expand(-1, 3, -1, -1))[1:]
    loaded = network.eval().encoder(grey.expand(-1, channels, -1, -1))[1:]
    for ours, theirs in zip(loaded, given, strict=True):  # a grey image gives what it gave in three equal channels
        assert ours.shape == theirs.shape
        if channels != 4:
            torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-4)


def test_building_needs_no_file_only_beginning_to_train_does(tmp_path: Path) -> None:
    network, recipe = resnet(pretrained=str(tmp_path / "absent.pth"))
    with pytest.raises(UsageError, match="Nothing is downloaded"):
        load_pretrained(network, recipe)
    assert not load_pretrained(network, NetworkRecipe(name="resnet34_unet"))


def test_first_convolution_fitted() -> None:
    weight = torch.randn(2, 3, 1, 1)
    torch.testing.assert_close(fit_channels(weight, 1)[:, 0], weight.sum(1))
    assert fit_channels(weight, 5).shape == (2, 5, 1, 1)
    torch.testing.assert_close(fit_channels(weight, 6).sum(1), weight.sum(1))


class Trap:
    def __reduce__(self) -> tuple[Any, ...]:
        return (print, ("code of a weights file was run",))


def test_a_weights_file_runs_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "trap.pth"
    torch.save({"conv1.weight": Trap()}, path)
    network, recipe = resnet(pretrained=str(path))
    with pytest.raises(UsageError, match="without running code"):
        load_pretrained(network, recipe)
    assert not capsys.readouterr().out


def test_weights_that_do_not_fit_are_named(tmp_path: Path) -> None:
    path = tmp_path / "other.pth"
    other, _ = resnet(base=8)
    assert isinstance(other, UNet)
    torch.save(other.encoder.state_dict(), path)
    network, recipe = resnet(pretrained=str(path))
    with pytest.raises(UsageError, match=r"conv1\.weight.*4×3×7×7 here and 8×3×7×7"):
        load_pretrained(network, recipe)


def test_prediction_is_the_mean_of_the_heads_logits() -> None:
    network = nested().eval()
    image = torch.randn(2, 1, 21, 34)
    with torch.no_grad():
        heads = network.each_head(image)
        assert len(heads) == 3
        torch.testing.assert_close(network(image), torch.stack(heads).mean(0))


@pytest.mark.parametrize("depth", [1, 2])
def test_pruned_for_prediction_only(depth: int) -> None:
    """R2's collapse had other reasons; here a smaller depth answers as the first heads of the whole network do, for less."""
    whole, pruned = nested(), nested(depth=depth)
    pruned.load_state_dict(whole.state_dict())
    image = torch.randn(2, 1, 21, 34)
    with torch.no_grad():
        wanted = torch.stack(whole.eval().each_head(image)[:depth]).mean(0)
        torch.testing.assert_close(pruned.eval()(image), wanted)
        assert len(pruned.train().each_head(image)) == 3, "training uses all of it"
    costs = [describe(NetworkRecipe(name="unetplusplus", options={"depth": d}), 1, 1, (64, 64)) for d in (depth, 4)]
    assert costs[0]["flops"] < 0.7 * costs[1]["flops"]
    assert costs[0]["parameters"] == costs[1]["parameters"]


@pytest.mark.parametrize("name", [*NEW, "pruned"])
def test_exported_answers_are_the_networks(name: str, tmp_path: Path) -> None:
    from delineate.export import export_onnx
    from delineate.recipe import ModelRecord

    pruned = NetworkRecipe(name="unetplusplus", options={"widths": (4, 8, 8), "depth": 1})
    network = build(pruned if name == "pruned" else NETWORKS[name], 2, 1)
    network.train()(torch.randn(4, 2, 32, 32))  # norms with statistics of their own
    path = export_onnx(network, ModelRecord(), tmp_path / "model.onnx", in_channels=2)

    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    image = np.random.default_rng(0).standard_normal((1, 2, 45, 38), dtype=np.float32)
    with torch.no_grad():
        wanted = network.eval()(torch.from_numpy(image)).numpy()
    np.testing.assert_allclose(session.run(["logits"], {"image": image})[0], wanted, atol=1e-3 * np.abs(wanted).max())
