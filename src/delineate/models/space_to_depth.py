"""Working on blocks of pixels: space to depth before a network, depth to space after it (Shi et al. 2016, arXiv:1609.05158)."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn


class SpaceToDepth(nn.Module):
    """(B, C, H, W) → (B, out, H, W) logits, through a network that sees every ``block`` × ``block`` pixels as one place with
    C·block² channels and gives out·block² logits there: one for each of the pixels.

    Nothing is averaged away, and the finest level, where a U-Net is narrow and spends most of its time moving memory, is gone.
    Images whose sides are no multiple of ``block`` are continued by their edge and the logits are cut.
    """

    def __init__(self, network: nn.Module, block: int) -> None:
        super().__init__()
        self.network = network
        self.block = block

    @property
    def encoder(self) -> nn.Module:
        return self.network.get_submodule("encoder")

    @property
    def head(self) -> nn.Module:
        return self.network.get_submodule("head")

    def forward(self, x: Tensor) -> Tensor:
        height, width = x.shape[2:]
        x = F.pad(x, (0, -width % self.block, 0, -height % self.block), mode="replicate")
        logits = F.pixel_shuffle(self.network(F.pixel_unshuffle(x, self.block)), self.block)
        return logits[:, :, :height, :width]
