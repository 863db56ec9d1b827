"""Encoders: image → features from fine to coarse."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from torch import Tensor, nn

from delineate.models.blocks import ConvBlock, NormKind


class Encoder(Protocol):
    """What a decoder needs of an encoder.

    ``channels``
        Channels of each feature map, finest first.
    ``encoder(x)``
        (B, C, H, W) → that many maps: the first at (H, W), each next one at half of the size before it, **rounded up**.
        An encoder whose stem already halves the image gives a map of its own at full size first (the image itself will do).
    """

    channels: tuple[int, ...]

    def __call__(self, x: Tensor) -> list[Tensor]: ...


class ConvEncoder(nn.Module):
    """U-Net's contracting path: a block of convolutions per level, 2×2 max-pooling between levels, rounding up (R3), so that
    no row of an odd-sized image is lost. ``dropout`` drops whole channels (Dropout2d) of the coarsest map.
    """

    def __init__(
        self,
        in_channels: int,
        widths: Sequence[int],
        *,
        norm: NormKind = "batch",
        residual: bool = False,
        frozen: bool = False,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.channels = tuple(widths)
        inputs = (in_channels, *widths[:-1])
        self.blocks = nn.ModuleList(ConvBlock(i, o, norm, residual, frozen) for i, o in zip(inputs, widths, strict=True))
        self.pool = nn.MaxPool2d(2, ceil_mode=True)
        self.dropout = nn.Dropout2d(dropout) if dropout > 0 else nn.Identity()

    def forward(self, x: Tensor, levels: int | None = None) -> list[Tensor]:
        """The features; with ``levels`` only so many of them, and nothing coarser is computed."""
        features: list[Tensor] = []
        for level, block in enumerate(self.blocks):
            if level == levels:
                return features
            x = block(x if level == 0 else self.pool(x))
            features.append(x)
        features[-1] = self.dropout(features[-1])
        return features
