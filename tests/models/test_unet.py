"""The U-Net's own options, presets, and what is refused."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from importlib.metadata import EntryPoint
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import delineate.registry
from delineate.errors import RecipeError, UsageError
from delineate.i18n import has
from delineate.models import UNet, build, describe, networks
from delineate.models.blocks import BatchNorm
from delineate.models.decoder import UNetDecoder
from delineate.models.encoder import ConvEncoder
from delineate.recipe import UNET_PRESETS, NetworkRecipe
from delineate.registry import Registry


def unet(**options: Any) -> nn.Module:
    return build(NetworkRecipe(options={"widths": (4, 8), **options}), 1, 1)


def test_presets_are_the_reference_networks() -> None:
    """Parameter counts worked out by hand from the published shapes (convolutions without bias where batch norm follows)."""

    def block(i: int, o: int) -> int:
        return 9 * i * o + 9 * o * o + 4 * o

    def count(widths: tuple[int, ...], transposed: bool, inputs: int, outputs: int) -> int:
        total = sum(block(i, o) for i, o in zip((inputs, *widths), widths, strict=False))
        for fine, coarse in itertools.pairwise(widths):
            total += 4 * coarse * fine + fine if transposed else 9 * coarse * fine + 2 * fine
            total += block(2 * fine, fine)
        return total + widths[0] * outputs + outputs

    for name, inputs, outputs in (("unet_r1", 1, 2), ("unet_r2", 3, 1), ("unet_r3", 1, 1), ("unet_r4", 1, 1)):
        preset = UNET_PRESETS[name]
        cost = describe(NetworkRecipe(name=name), inputs, outputs, (64, 64))
        assert cost["parameters"] == count(preset.widths, preset.decoder == "transposed", inputs, outputs), name


def test_flops_by_hand() -> None:
    cost = describe(NetworkRecipe(options={"widths": (4,)}), 1, 3, (10, 20))
    assert cost["flops"] == 2 * 200 * (9 * 1 * 4 + 9 * 4 * 4 + 4 * 3)


def test_describe_needs_no_memory_for_a_huge_image() -> None:
    assert describe(NetworkRecipe(name="unet_r1"), 1, 2, (8192, 8192))["flops"] > 1e13


def test_options_of_a_preset_can_be_changed() -> None:
    plain = describe(NetworkRecipe(name="unet_r4"), 1, 1, (64, 64))
    wide = describe(NetworkRecipe(name="unet_r4", options={"widths": [16, 32, 64, 128, 256]}), 1, 1, (64, 64))
    assert 3.5 < wide["parameters"] / plain["parameters"] < 4.5


def test_unknown_option_lists_the_known() -> None:
    with pytest.raises(RecipeError, match=r"'depht'.*widths.*freeze_norm"):
        unet(depht=3)
    with pytest.raises(RecipeError, match="decoder"):
        build(NetworkRecipe(name="unet_r1", options={"decoder": "linear"}), 1, 1)


def test_unknown_network_lists_the_known() -> None:
    with pytest.raises(UsageError, match="unet_r3"):
        build(NetworkRecipe(name="resnet"), 1, 1)


@pytest.mark.parametrize("widths", [(), (8, 0), (-4,)])
def test_unusable_widths(widths: tuple[int, ...]) -> None:
    with pytest.raises(RecipeError, match="width"):
        unet(widths=widths)


def test_freeze_norm_needs_batch_norm() -> None:
    with pytest.raises(RecipeError, match="freeze"):
        unet(freeze_norm=True, norm="group")


def test_frozen_statistics_stay_and_answers_do_not_depend_on_the_batch() -> None:
    network = unet(freeze_norm=True).train()
    before = {key: value.clone() for key, value in network.named_buffers()}
    image = torch.randn(4, 1, 16, 16)
    together = network(image)
    torch.testing.assert_close(together[:1], network(image[:1]))
    assert all(torch.equal(value, before[key]) for key, value in network.named_buffers())


def test_plain_batch_norm_learns_statistics() -> None:
    network = unet().train()
    network(torch.randn(4, 1, 16, 16) + 5)
    norm = next(m for m in network.modules() if isinstance(m, BatchNorm))
    assert norm.running_mean is not None
    assert norm.running_mean.abs().sum() > 0


def test_instance_norm_is_torchs() -> None:
    from delineate.models.blocks import normalisation

    x = torch.randn(2, 6, 9, 7)
    torch.testing.assert_close(normalisation("instance", 6)(x), nn.InstanceNorm2d(6)(x))


def test_dropout_only_while_training_and_on_whole_channels() -> None:
    network = unet(dropout=0.9)
    image = torch.randn(2, 1, 16, 16)
    assert isinstance(network, UNet)
    coarsest = network.train().encoder(image)[-1]
    dropped = (coarsest == 0).all(dim=3).all(dim=2)
    assert dropped.float().mean() > 0.5
    network.eval()
    torch.testing.assert_close(network(image), network(image), rtol=0, atol=0)


def test_no_bias_where_a_norm_follows() -> None:
    for norm, expected in (("batch", False), ("none", True)):
        network = unet(norm=norm)
        assert isinstance(network, UNet)
        biased = [m.bias is not None for m in network.encoder.modules() if isinstance(m, nn.Conv2d)]
        assert biased == [expected] * len(biased)


@pytest.mark.parametrize("decoder", ["transposed", "upsample"])
def test_signal_keeps_its_size_at_initialisation(decoder: str) -> None:
    """Without any norm, Kaiming's initialisation alone keeps activations from vanishing or exploding over ten blocks."""
    torch.manual_seed(0)
    network = build(NetworkRecipe(options={"widths": (16, 32, 64, 128, 256), "norm": "none", "decoder": decoder}), 1, 1)
    with torch.no_grad():
        spread = network(torch.randn(2, 1, 64, 64)).std().item()
    assert 0.1 < spread < 10


def test_parts_compose() -> None:
    """An attention-like skip and an encoder of other channels fit in without a change to the parts."""

    class Gate(nn.Module):
        def __init__(self, skip: int, below: int) -> None:
            super().__init__()
            self.weigh = nn.Conv2d(skip + below, 1, 1)

        def forward(self, skip: Tensor, x: Tensor) -> Tensor:
            return skip * torch.sigmoid(self.weigh(torch.cat([skip, x], 1)))

    class Strange(nn.Module):
        channels = (1, 5, 7)

        def __init__(self) -> None:
            super().__init__()
            self.inner = ConvEncoder(1, (5, 7))
            self.pool = nn.MaxPool2d(2, ceil_mode=True)

        def forward(self, x: Tensor) -> list[Tensor]:
            return [x, *self.inner(self.pool(x))]

    encoder = Strange()
    network = UNet(encoder, UNetDecoder(encoder.channels, (3, 4), skip=Gate), nn.Conv2d(3, 2, 1))
    assert network(torch.randn(1, 1, 21, 34)).shape == (1, 2, 21, 34)


def test_network_by_entry_point(monkeypatch: pytest.MonkeyPatch) -> None:
    """A package of someone else's names a factory; the registry finds it at the first miss."""
    point = EntryPoint(name="theirs", value=f"{__name__}:build_theirs", group="delineate.networks")
    monkeypatch.setattr(delineate.registry, "entry_points", lambda group: [point] if group == "delineate.networks" else [])
    monkeypatch.setattr(networks, "_items", dict(networks._items))
    monkeypatch.setattr(networks, "_plugins_read", False)
    network = build(NetworkRecipe(name="theirs", options={"size": 5}), 2, 3)
    assert network(torch.randn(1, 2, 8, 9)).shape == (1, 3, 8, 9)
    assert "theirs" in networks.names()


def build_theirs(in_channels: int, out_channels: int, options: Mapping[str, Any]) -> nn.Module:
    return nn.Conv2d(in_channels, out_channels, options["size"], padding="same")


def test_duplicates_are_refused() -> None:
    with pytest.raises(ValueError, match="twice"):
        networks.add("unet", build_theirs)
    assert isinstance(networks, Registry)


def test_channels_must_be_positive() -> None:
    with pytest.raises(ValueError, match="at least one channel"):
        build(NetworkRecipe(), 0, 1)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_network_has_a_line(language: str) -> None:
    for name in networks.names():
        assert has(f"network.{name}", language)
        assert has(f"network.{name}.origin", language)
