"""Decoders: features from fine to coarse → one map at full size."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from delineate.models.blocks import ConvBlock, NormKind, convolution

SkipFactory = Callable[[int, int], nn.Module]
"""(channels of the skip, channels of the decoder's map) → module(skip, x) → the skip as it is joined, same shape."""


class PlainSkip(nn.Module):
    """The skip as it is. An attention gate takes its place by having the same signature."""

    def forward(self, skip: Tensor, x: Tensor) -> Tensor:
        return skip


class TransposedConv(nn.ConvTranspose2d):
    """2×2 transposed convolution with stride 2: (B, inputs, h, w) → (B, outputs, 2h, 2w).

    Its outputs do not overlap, so it is one matrix product, whose gradient a CPU computes several times faster than oneDNN's
    for transposed convolutions (measured: 7 % of a whole training step in bfloat16).
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(inputs, outputs, 2, stride=2)

    def forward(self, x: Tensor, output_size: list[int] | None = None) -> Tensor:
        bias: Tensor | None = self.bias
        plain = not self.training or torch.compiler.is_compiling()
        if bias is None or plain or x.device.type != "cpu" or not x.is_contiguous(memory_format=torch.channels_last):
            return super().forward(x, output_size)
        batch, inputs, height, width = x.shape
        outputs = self.out_channels
        weight = self.weight.permute(0, 2, 3, 1).reshape(inputs, 4 * outputs)  # columns: row and column of the tile, channel
        tiles = torch.addmm(bias.repeat(4), x.permute(0, 2, 3, 1).reshape(-1, inputs), weight)
        tiles = tiles.view(batch, height, width, 2, 2, outputs).transpose(2, 3)
        return tiles.reshape(batch, 2 * height, 2 * width, outputs).permute(0, 3, 1, 2)


class Up(nn.Module):
    """(B, inputs, h, w) → (B, outputs, 2h, 2w): ``transposed`` 2×2 convolution (R2–R4), or ``upsample``: nearest neighbour,
    then a 3×3 convolution with normalisation and ReLU (R1), which leaves no checkerboard
    (Odena et al. 2016, doi:10.23915/distill.00003).
    """

    def __init__(self, inputs: int, outputs: int, kind: Literal["transposed", "upsample"], norm: NormKind, frozen: bool) -> None:
        super().__init__()
        if kind == "transposed":
            self.layers: nn.Module = TransposedConv(inputs, outputs)
        else:
            self.layers = nn.Sequential(
                nn.Upsample(scale_factor=2, mode="nearest"), *convolution(inputs, outputs, norm, frozen), nn.ReLU(inplace=True)
            )

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.layers(x)
        return y


class UNetDecoder(nn.Module):
    """U-Net's expanding path: up, cut to the skip's size, join with the skip, a block of convolutions; per level.

    ``channels`` are the encoder's, finest first; ``widths`` the decoder's own (default: the same, without the coarsest).
    """

    def __init__(
        self,
        channels: Sequence[int],
        widths: Sequence[int] | None = None,
        *,
        up: Literal["transposed", "upsample"] = "upsample",
        norm: NormKind = "batch",
        residual: bool = False,
        frozen: bool = False,
        skip: SkipFactory | None = None,
    ) -> None:
        super().__init__()
        widths = tuple(channels[:-1]) if widths is None else tuple(widths)
        below = (*widths, channels[-1])[1:]  # channels of what comes up to each level; none where there is one level only
        self.out_channels = widths[0] if widths else channels[0]
        self.ups = nn.ModuleList(Up(b, w, up, norm, frozen) for b, w in zip(below, widths, strict=True))
        self.skips = nn.ModuleList(PlainSkip() if skip is None else skip(c, w) for c, w in zip(channels[:-1], widths, strict=True))
        self.blocks = nn.ModuleList(ConvBlock(c + w, w, norm, residual, frozen) for c, w in zip(channels[:-1], widths, strict=True))

    def forward(self, features: list[Tensor]) -> Tensor:
        x = features[-1]
        for level in reversed(range(len(self.blocks))):
            skip = features[level]
            x = self.ups[level](x)
            # Sizes were halved rounding up, so the doubled map is at most one row and column too large. A cut that cuts nothing
            # would still cost its gradient a copy; where shapes are symbols it must stand there.
            if torch.compiler.is_compiling() or x.shape[2:] != skip.shape[2:]:
                x = x[:, :, : skip.shape[2], : skip.shape[3]]
            x = self.blocks[level](torch.cat([self.skips[level](skip, x), x], dim=1))
        return x
