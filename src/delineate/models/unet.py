"""The U-Net (Ronneberger et al. 2015, arXiv:1505.04597) as a composition of encoder, skips, decoder and head."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from torch import Tensor, nn

from delineate.errors import RecipeError
from delineate.models.attention import AdditiveGate, SimpleGate
from delineate.models.blocks import initialise
from delineate.models.decoder import SkipFactory, UNetDecoder
from delineate.models.encoder import ConvEncoder
from delineate.models.resnet import ResidualEncoder, ResNetEncoder
from delineate.models.space_to_depth import SpaceToDepth
from delineate.recipe import AttentionUNetOptions, ResNetUNetOptions, ResUNetOptions, UNetOptions, parse


class UNet(nn.Module):
    """(B, C, H, W) → (B, out, H, W) logits.

    ``encoder`` keeps the contract of :class:`~delineate.models.encoder.Encoder`; ``decoder`` takes its list of features and
    gives one map of ``decoder.out_channels`` at full size. Weights are initialised by whoever composes the parts.
    """

    def __init__(self, encoder: nn.Module, decoder: nn.Module, head: nn.Module) -> None:
        super().__init__()
        self.encoder = encoder
        self.decoder = decoder
        self.head = head

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.head(self.decoder(self.encoder(x)))
        return logits


def build_unet(in_channels: int, out_channels: int, options: Mapping[str, Any]) -> nn.Module:
    """The network ``unet`` with :class:`~delineate.recipe.UNetOptions`; :class:`RecipeError` where they cannot be used."""
    return _compose(in_channels, out_channels, parse(UNetOptions, dict(options), "network.options"))


def build_attention_unet(in_channels: int, out_channels: int, options: Mapping[str, Any]) -> nn.Module:
    """The network ``attention_unet`` with :class:`~delineate.recipe.AttentionUNetOptions`."""
    o = parse(AttentionUNetOptions, dict(options), "network.options")
    gate: SkipFactory = SimpleGate if o.gate == "simple" else partial(AdditiveGate, norm=o.norm, frozen=o.freeze_norm)
    return _compose(in_channels, out_channels, o, gate)


def build_resunet(in_channels: int, out_channels: int, options: Mapping[str, Any]) -> UNet:
    """The network ``resunet`` with :class:`~delineate.recipe.ResUNetOptions`."""
    o = parse(ResUNetOptions, dict(options), "network.options")
    check_widths(o.widths)
    check_norm(o.norm, o.freeze_norm)
    if min(o.blocks) < 1:
        raise RecipeError("network-blocks", blocks=list(o.blocks))
    blocks = [o.blocks[min(level, len(o.blocks) - 1)] for level in range(len(o.widths))]
    encoder = ResidualEncoder(in_channels, o.widths, blocks, norm=o.norm, frozen=o.freeze_norm, dropout=o.dropout)
    decoder = UNetDecoder(encoder.channels, up=o.decoder, norm=o.norm, frozen=o.freeze_norm)
    return _initialised(UNet(encoder, decoder, nn.Conv2d(decoder.out_channels, out_channels, 1)))


def build_resnet34_unet(in_channels: int, out_channels: int, options: Mapping[str, Any]) -> UNet:
    """The network ``resnet34_unet`` with :class:`~delineate.recipe.ResNetUNetOptions`. Weights are random:
    :func:`~delineate.models.pretrained.load_pretrained` puts in published ones when training begins."""
    o = parse(ResNetUNetOptions, dict(options), "network.options")
    check_widths(o.widths)
    if min(o.blocks) < 1:
        raise RecipeError("network-blocks", blocks=list(o.blocks))
    encoder = ResNetEncoder(in_channels, o.base, o.blocks, frozen=o.freeze_norm)
    decoder = UNetDecoder(encoder.channels, o.widths, up=o.decoder, frozen=o.freeze_norm)
    return _initialised(UNet(encoder, decoder, nn.Conv2d(decoder.out_channels, out_channels, 1)))


def check_widths(widths: Sequence[int], least: int = 1) -> None:
    if not widths or min(widths) < 1:
        raise RecipeError("network-widths", widths=list(widths))
    if len(widths) < least:
        raise RecipeError("network-levels", widths=list(widths), least=least)


def check_norm(norm: str, frozen: bool) -> None:
    if frozen and norm != "batch":
        raise RecipeError("network-freeze-norm", norm=norm)


def _compose(in_channels: int, out_channels: int, o: UNetOptions, skip: SkipFactory | None = None) -> nn.Module:
    check_widths(o.widths)
    check_norm(o.norm, o.freeze_norm)
    pixels = o.block**2
    encoder = ConvEncoder(in_channels * pixels, o.widths, norm=o.norm, residual=o.residual, frozen=o.freeze_norm, dropout=o.dropout)
    decoder = UNetDecoder(encoder.channels, up=o.decoder, norm=o.norm, residual=o.residual, frozen=o.freeze_norm, skip=skip)
    network = _initialised(UNet(encoder, decoder, nn.Conv2d(decoder.out_channels, out_channels * pixels, 1)))
    return network if o.block == 1 else SpaceToDepth(network, o.block)


def _initialised(network: UNet) -> UNet:
    initialise(network)
    return network
