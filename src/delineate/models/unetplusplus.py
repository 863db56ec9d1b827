"""UNet++ (Zhou et al. 2018, arXiv:1807.10165): nested dense skips, a head at every depth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import torch
from torch import Tensor, nn

from delineate.errors import RecipeError
from delineate.models.blocks import ConvBlock, NormKind, initialise
from delineate.models.decoder import Up
from delineate.models.encoder import ConvEncoder
from delineate.models.unet import UNet, check_norm, check_widths
from delineate.recipe import UNetPlusPlusOptions, parse


class NestedDecoder(nn.Module):
    """The nodes X(i, j), j ≥ 1: a block over X(i, 0…j-1) and X(i+1, j-1) doubled. Gives X(0, 1), X(0, 2) … at full size.

    With fewer features than it has levels it computes that smaller network only: no node needs a coarser or later one.
    """

    def __init__(
        self,
        channels: Sequence[int],
        *,
        up: Literal["transposed", "upsample"] = "upsample",
        norm: NormKind = "batch",
        residual: bool = False,
        frozen: bool = False,
    ) -> None:
        super().__init__()
        self.out_channels = channels[0]
        nodes = [(i, j) for j in range(1, len(channels)) for i in range(len(channels) - j)]
        self.ups = nn.ModuleDict({f"{i}_{j}": Up(channels[i + 1], channels[i], up, norm, frozen) for i, j in nodes})
        self.blocks = nn.ModuleDict(
            {f"{i}_{j}": ConvBlock((j + 1) * channels[i], channels[i], norm, residual, frozen) for i, j in nodes}
        )

    def forward(self, features: list[Tensor]) -> list[Tensor]:
        rows = [[feature] for feature in features]
        for j in range(1, len(features)):
            for i in range(len(features) - j):
                skip = rows[i][0]
                below = self.ups[f"{i}_{j}"](rows[i + 1][j - 1])[:, :, : skip.shape[2], : skip.shape[3]]
                rows[i].append(self.blocks[f"{i}_{j}"](torch.cat([*rows[i][:j], below], dim=1)))
        return rows[0][1:]


class AveragedHeads(nn.ModuleList):
    """A 1×1 convolution per map; the mean of their *logits*. With one head that is the last map's."""

    def each(self, maps: list[Tensor]) -> list[Tensor]:
        """(B, out, H, W) logits per head."""
        return [head(x) for head, x in zip(self, maps if len(self) > 1 else maps[-1:], strict=False)]

    def forward(self, maps: list[Tensor]) -> Tensor:
        first, *others = self.each(maps)
        return sum(others, first) / (1 + len(others)) if others else first


class UNetPlusPlus(UNet):
    """(B, C, H, W) → (B, out, H, W) logits: the mean over the heads, in training and evaluation.

    ``supervised``: whether training should take the loss on each of :meth:`each_head` and not on their mean.
    ``depth``: how many levels down prediction goes.
    """

    def __init__(self, encoder: ConvEncoder, decoder: NestedDecoder, head: AveragedHeads, depth: int, supervised: bool) -> None:
        super().__init__(encoder, decoder, head)
        self.depth = depth
        self.supervised = supervised

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.head(self._maps(x))
        return logits

    def each_head(self, x: Tensor) -> list[Tensor]:
        """The logits (B, out, H, W) of every head, shallowest first."""
        assert isinstance(self.head, AveragedHeads)
        return self.head.each(self._maps(x))

    def _maps(self, x: Tensor) -> list[Tensor]:
        maps: list[Tensor] = self.decoder(self.encoder(x, None if self.training else self.depth + 1))
        return maps


def build_unetplusplus(in_channels: int, out_channels: int, options: Mapping[str, Any]) -> UNetPlusPlus:
    """The network ``unetplusplus`` with :class:`~delineate.recipe.UNetPlusPlusOptions`."""
    o = parse(UNetPlusPlusOptions, dict(options), "network.options")
    check_widths(o.widths, least=2)
    check_norm(o.norm, o.freeze_norm)
    deepest = len(o.widths) - 1
    depth = deepest if o.depth is None else o.depth
    if depth > deepest or (o.heads == "last" and depth < deepest):
        raise RecipeError("network-depth", depth=depth, deepest=deepest, heads=o.heads)
    encoder = ConvEncoder(in_channels, o.widths, norm=o.norm, residual=o.residual, frozen=o.freeze_norm, dropout=o.dropout)
    decoder = NestedDecoder(encoder.channels, up=o.decoder, norm=o.norm, residual=o.residual, frozen=o.freeze_norm)
    heads = AveragedHeads(nn.Conv2d(decoder.out_channels, out_channels, 1) for _ in range(1 if o.heads == "last" else deepest))
    network = UNetPlusPlus(encoder, decoder, heads, depth, supervised=o.heads == "each")
    initialise(network)
    return network
