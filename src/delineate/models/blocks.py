"""The bricks of a U-Net: normalisation that never fails, and two 3×3 convolutions with it."""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor, nn

NormKind = Literal["batch", "instance", "group", "none"]


class BatchNorm(nn.BatchNorm2d):
    """Batch normalisation (Ioffe & Szegedy 2015, arXiv:1502.03167) for (B, C, H, W).

    With ``frozen`` the running statistics are used and kept also while training; scale and shift still learn, since a network
    trained from scratch has no other bias. A batch of one value per channel (one image that has shrunk to a single
    pixel) has no variance: it is normalised by the running statistics instead of raising.
    """

    def __init__(self, channels: int, frozen: bool = False) -> None:
        super().__init__(channels)
        self.frozen = frozen

    def train(self, mode: bool = True) -> BatchNorm:
        super().train(mode and not self.frozen)
        return self

    def forward(self, x: Tensor) -> Tensor:
        if self.training and x.shape[0] * x.shape[2] * x.shape[3] == 1:
            return nn.functional.batch_norm(x, self.running_mean, self.running_var, self.weight, self.bias, False, 0.0, self.eps)
        return super().forward(x)


class GroupNorm(nn.GroupNorm):
    """Group normalisation (Wu & He 2018, arXiv:1803.08494); with as many groups as channels it is instance normalisation
    (Ulyanov et al. 2016, arXiv:1607.08022).

    Goes past torch's refusal of one value per group: that gives the shift, and training goes on.
    """

    def forward(self, x: Tensor) -> Tensor:
        # torch 2.15's instance_norm gives wrong gradients for a single image in channels_last order.
        if self.num_groups < self.num_channels or (self.training and x.shape[0] == 1):
            return torch.group_norm(x, self.num_groups, self.weight, self.bias, self.eps)
        # The same numbers several times faster on a CPU, but in plain memory order: put back the caller's.
        y = torch.instance_norm(x, self.weight, self.bias, None, None, True, 0.0, self.eps, False)
        return y.contiguous(memory_format=torch.channels_last) if x.is_contiguous(memory_format=torch.channels_last) else y


def normalisation(kind: NormKind, channels: int, frozen: bool = False) -> nn.Module:
    """The layer for ``kind``. ``group`` uses eight groups, or as many of them as divide ``channels``."""
    if kind == "batch":
        return BatchNorm(channels, frozen)
    if kind == "instance":
        return GroupNorm(channels, channels)
    if kind == "group":
        return GroupNorm(math.gcd(8, channels), channels)
    return nn.Identity()


def convolution(inputs: int, outputs: int, norm: NormKind, frozen: bool = False, size: int = 3, stride: int = 1) -> nn.Sequential:
    """``size``×``size`` convolution that keeps H and W (divides them by ``stride``, rounding up), then normalisation. No bias where
    a normalisation would cancel it."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, size, stride, padding=size // 2, bias=norm == "none"),
        normalisation(norm, outputs, frozen),
    )


class ConvBlock(nn.Module):
    """(convolution, normalisation, ReLU) twice; with ``residual`` the input is added before the last ReLU
    (He et al. 2015, arXiv:1512.03385; a 1×1 convolution where the channels differ).

    (B, inputs, H, W) → (B, outputs, H, W).
    """

    def __init__(self, inputs: int, outputs: int, norm: NormKind = "batch", residual: bool = False, frozen: bool = False) -> None:
        super().__init__()
        self.first = convolution(inputs, outputs, norm, frozen)
        self.second = convolution(outputs, outputs, norm, frozen)
        self.activation = nn.ReLU(inplace=True)
        self.residual = residual
        self.shortcut: nn.Module = nn.Identity()
        if residual and inputs != outputs:
            self.shortcut = convolution(inputs, outputs, norm, frozen, size=1)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.second(self.activation(self.first(x)))
        if self.residual:
            y = y + self.shortcut(x)
        out: Tensor = self.activation(y)
        return out


def initialise(module: nn.Module) -> None:
    """Kaiming initialisation for ReLU (He et al. 2015, arXiv:1502.01852) of all convolutions; biases zero, norms one and zero."""
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
            # Each output of a transposed convolution with stride = kernel sums over the input channels of one tap only,
            # so its fan is the number of input channels, not channels × kernel area.
            if isinstance(layer, nn.ConvTranspose2d):
                nn.init.normal_(layer.weight, std=math.sqrt(2.0 / layer.in_channels))
            else:
                nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
        elif isinstance(layer, nn.BatchNorm2d | nn.GroupNorm):
            nn.init.ones_(layer.weight)
            nn.init.zeros_(layer.bias)
