"""The U-Net (Ronneberger et al. 2015, arXiv:1505.04597) as a composition of encoder, skips, decoder and head."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from delineate.errors import RecipeError
from delineate.models.blocks import initialise
from delineate.models.decoder import UNetDecoder
from delineate.models.encoder import ConvEncoder
from delineate.recipe import UNetOptions, parse


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


def build_unet(in_channels: int, out_channels: int, options: Mapping[str, Any]) -> UNet:
    """The network ``unet`` with :class:`~delineate.recipe.UNetOptions`; :class:`RecipeError` where they cannot be used."""
    o = parse(UNetOptions, dict(options), "network.options")
    if not o.widths or min(o.widths) < 1:
        raise RecipeError("network-widths", widths=list(o.widths))
    if o.freeze_norm and o.norm != "batch":
        raise RecipeError("network-freeze-norm", norm=o.norm)
    encoder = ConvEncoder(in_channels, o.widths, norm=o.norm, residual=o.residual, frozen=o.freeze_norm, dropout=o.dropout)
    decoder = UNetDecoder(encoder.channels, up=o.decoder, norm=o.norm, residual=o.residual, frozen=o.freeze_norm)
    network = UNet(encoder, decoder, nn.Conv2d(decoder.out_channels, out_channels, 1))
    initialise(network)
    return network
