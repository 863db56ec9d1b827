"""What a loss term sees: logits, probabilities, truth and which pixels count, in one shape for all label kinds."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from delineate.domain import IGNORE, LabelSet


@dataclass(frozen=True, eq=False)
class Batch:
    """A batch of C-channel maps, C = ``labels.channels``. Everything is float32.

    ``logits``   (B, C, H, W).
    ``target``   as given to the loss: (B, H, W) labels, or (B, K, H, W) of 0/1 for regions; :data:`IGNORE` does not count.
    """

    logits: Tensor
    target: Tensor
    labels: LabelSet

    @cached_property
    def probabilities(self) -> Tensor:
        """(B, C, H, W). The one place where losses apply sigmoid or softmax."""
        return self.logits.sigmoid() if self.labels.activation == "sigmoid" else self.logits.softmax(dim=1)

    @cached_property
    def truth(self) -> Tensor:
        """(B, C, H, W) of 0 and 1: channel c is where the truth is the c-th output (background is channel 0 of
        ``exclusive``); 0 in all channels at ignored pixels."""
        if self.labels.kind == "regions":
            return (self.target == 1).float()
        if self.labels.kind == "binary":
            return (self.target == 1).float().unsqueeze(1)
        values = torch.arange(self.labels.channels, device=self.target.device).view(1, -1, 1, 1)
        return (self.target.unsqueeze(1) == values).float()

    @cached_property
    def valid(self) -> Tensor:
        """(B, C, H, W) for regions, else (B, 1, H, W): 1 where the pixel counts, 0 where it is :data:`IGNORE`."""
        valid = (self.target != IGNORE).float()
        return valid if self.labels.kind == "regions" else valid.unsqueeze(1)

    def mean(self, values: Tensor) -> Tensor:
        """Mean of ``values`` (the shape of ``valid``) over the pixels that count; 0 where none does."""
        return (values * self.valid).sum() / self.valid.sum().clamp(min=1.0)


def check(logits: Tensor, target: Tensor, labels: LabelSet) -> None:
    """Refuse tensors that do not fit the label set: silently broadcast or ignored labels would train a wrong network.

    Label values are looked at on the CPU only: on a GPU the look would make every step wait for the device.
    """
    batch, channels, *space = logits.shape
    expected = (batch, channels, *space) if labels.kind == "regions" else (batch, *space)
    if logits.ndim != 4 or channels != labels.channels:
        raise ValueError(f"'logits' must be (B, {labels.channels}, H, W) for {labels.kind} labels, got {tuple(logits.shape)}")
    if tuple(target.shape) != expected:
        raise ValueError(f"'target' must be {expected} for {labels.kind} labels, got {tuple(target.shape)}")
    if target.is_floating_point():
        raise ValueError(f"'target' must hold integers, got {target.dtype}")
    if target.device.type == "cpu" and target.dtype != torch.bool and target.numel():
        largest = labels.channels - 1 if labels.kind == "exclusive" else 1
        strange = (target > largest) & (target != IGNORE)
        if bool(strange.any()) or int(target.min()) < 0:
            wrong = target[strange | (target < 0)][0]
            raise ValueError(f"'target' must hold 0…{largest} or {IGNORE}, got {int(wrong)}")
