"""Attention gates: skips that let through what the coarser map finds worth looking at."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from delineate.models.blocks import NormKind, convolution


class AdditiveGate(nn.Module):
    """Additive attention gate (Oktay et al. 2018, arXiv:1804.03999).

    α = σ(ψ(ReLU(θ·skip + φ·x))), one map for all channels; the gated skip then passes a 1×1 convolution with normalisation. The
    decoder's map is here already at the skip's size, so α needs no resampling; the paper works at half of that size.
    (B, skip, H, W), (B, below, H, W) → (B, skip, H, W).
    """

    def __init__(self, skip: int, below: int, norm: NormKind = "batch", frozen: bool = False) -> None:
        super().__init__()
        inner = max(1, skip // 2)
        self.theta = nn.Conv2d(skip, inner, 1, bias=False)
        self.phi = nn.Conv2d(below, inner, 1)
        self.psi = nn.Conv2d(inner, 1, 1)
        self.out = convolution(skip, skip, norm, frozen, size=1)

    def forward(self, skip: Tensor, x: Tensor) -> Tensor:
        alpha = torch.sigmoid(self.psi(torch.relu(self.theta(skip) + self.phi(x))))  # (B, 1, H, W), a weight, never a prediction
        gated: Tensor = self.out(skip * alpha)
        return gated


class SimpleGate(nn.Module):
    """One 1×1 convolution over skip and decoder map gives the weight of each pixel (reference system R2's gate)."""

    def __init__(self, skip: int, below: int) -> None:
        super().__init__()
        self.weigh = nn.Conv2d(skip + below, 1, 1)

    def forward(self, skip: Tensor, x: Tensor) -> Tensor:
        gated: Tensor = skip * torch.sigmoid(self.weigh(torch.cat([skip, x], dim=1)))
        return gated
