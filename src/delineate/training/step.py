"""The network with its optimiser, and one training step: forward, loss, backward, clip, update, average."""

from __future__ import annotations

import copy
import math
from typing import Any

import torch
from torch import Tensor, nn

from delineate.losses import DeepSupervision, make_loss
from delineate.models import build, load_pretrained
from delineate.recipe import Recipe
from delineate.training import gradients
from delineate.training.gradients import checkpoint_blocks
from delineate.training.optimisers import make_optimiser
from delineate.training.processes import device_of
from delineate.training.team import Team, check_batches, share_statistics

_AUTOCAST = {"bf16": torch.bfloat16, "fp16": torch.float16}


class Learner:
    """Everything that learns.

    The averaged network (``averaged``) follows the trained one with decay ``min(ema, (1+k)/(10+k))`` at step k, so that it is not
    held back by the first weights (Polyak & Juditsky 1992). Running means and variances of batch norms are averaged in the
    same way: they belong to the averaged weights and need no second pass over the data.
    """

    def __init__(self, recipe: Recipe, team: Team | None = None) -> None:
        training = recipe.training
        if team is not None:
            check_batches(training, team.size)
        torch.manual_seed(training.seed % 2**63)
        self.training = training
        self.team = team
        self.device = torch.device(device_of(training.device))
        layout = torch.channels_last if training.channels_last else torch.contiguous_format
        network = build(recipe.network, recipe.preprocessing.inputs, recipe.labels.channels)
        load_pretrained(network, recipe.network)
        self.network = network.to(device=self.device, memory_format=layout)  # type: ignore[call-overload]
        self.averaged: nn.Module = copy.deepcopy(self.network).requires_grad_(False) if training.ema else self.network
        self.loss = make_loss(training.loss, recipe.labels).to(self.device)
        self.optimiser = make_optimiser(self.network, training)
        self.scaler = torch.amp.GradScaler(
            "cuda", init_scale=4096.0, enabled=training.precision == "fp16" and self.device.type == "cuda"
        )
        self.lr_scale = 1.0
        if team is not None:
            share_statistics(self.network)
        if training.checkpoint_activations:
            checkpoint_blocks(self.network)
        self._supervised = supervised = bool(getattr(self.network, "supervised", False))
        forward: Any = self.network.each_head if supervised else self.network
        self._forward: Any = torch.compile(forward) if training.compile else forward
        self._learned = DeepSupervision(self.loss) if supervised else self.loss
        self._pairs = list(zip(self.averaged.parameters(), self.network.parameters(), strict=True))
        self._buffers = list(zip(self.averaged.buffers(), self.network.buffers(), strict=True))

    def step(self, images: Tensor, labels: Tensor, number: int, lr: float) -> float | None:
        """One update on images (B, C, H, W) and labels; the loss, or ``None`` if it was not finite and nothing was changed."""
        images = images.to(self.device, non_blocking=True)
        labels = labels.to(self.device, non_blocking=True)
        self._seed(number)
        for group in self.optimiser.param_groups:
            group["lr"] = lr * self.lr_scale * group.get("lr_factor", 1.0)
        before = [buffer.clone() for _, buffer in self._buffers]  # batch norms move in the forward pass, even by NaN

        self.network.train()
        self.optimiser.zero_grad(set_to_none=True)
        if self.team is None and self.training.accumulate == 1 and not self.training.checkpoint_activations:
            with self.autocast():
                logits = self._forward(images)  # (B, out, H, W), or a list of such, one per head
            loss: Tensor = self._learned(logits, labels)
            self.scaler.scale(loss).backward()  # type: ignore[no-untyped-call]
        else:
            loss = self._gradients(images, labels, number)
        self.scaler.unscale_(self.optimiser)
        limit = self.training.clip_norm or math.inf
        norm = nn.utils.clip_grad_norm_(self.network.parameters(), limit)
        value = float(loss.detach())
        if not (math.isfinite(value) and math.isfinite(float(norm))):
            for (_, buffer), old in zip(self._buffers, before, strict=True):
                buffer.copy_(old)
            self.optimiser.zero_grad(set_to_none=True)
            self.scaler.update(self.scaler.get_scale() / 2 if self.scaler.is_enabled() else None)
            return None
        self.scaler.step(self.optimiser)
        self.scaler.update()
        self._average(number)
        return value

    def _gradients(self, images: Tensor, labels: Tensor, number: int) -> Tensor:
        """The whole batch's gradient where it passes in parts, or shared among processes."""
        parts, team = self.training.accumulate, self.team

        def forward(piece: Tensor) -> list[Tensor]:
            with self.autocast():
                logits = self._forward(piece)
            return list(logits) if self._supervised else [logits]

        loss = gradients.backward(
            forward,
            lambda heads, truth: self._learned(heads if self._supervised else heads[0], truth),
            images,
            labels,
            parts=parts,
            team=team,
            buffers=[buffer for _, buffer in self._buffers],
            seed=lambda part: self._seed(number, part + parts * (0 if team is None else team.rank)),
            scale=self.scaler.scale,
        )
        if team is not None:
            team.add_gradients(self.network.parameters())
        return loss

    def _seed(self, number: int, part: int = 0) -> None:
        """Dropout depends on (seed, step, part of the batch) alone, too."""
        torch.manual_seed((self.training.seed * 1_000_003 + number + part * 7_919_000_003) % 2**63)

    def autocast(self) -> torch.autocast:
        kind = _AUTOCAST.get(self.training.precision)
        return torch.autocast(self.device.type, dtype=kind, enabled=kind is not None)

    @torch.no_grad()
    def _average(self, number: int) -> None:
        if self.averaged is self.network:
            return
        decay = min(self.training.ema, (1 + number) / (10 + number))
        torch._foreach_lerp_([mine for mine, _ in self._pairs], [theirs.detach() for _, theirs in self._pairs], 1 - decay)
        for mine, theirs in self._buffers:
            if mine.is_floating_point():
                mine.lerp_(theirs, 1 - decay)
            else:
                mine.copy_(theirs)

    def state(self) -> dict[str, Any]:
        """Tensors and plain values, enough to go on bit by bit."""
        return {
            "network": self.network.state_dict(),
            "averaged": self.averaged.state_dict() if self.averaged is not self.network else None,
            "optimiser": self.optimiser.state_dict(),
            "scaler": self.scaler.state_dict(),
            "lr_scale": self.lr_scale,
        }

    def restore(self, state: dict[str, Any]) -> None:
        self.network.load_state_dict(state["network"])
        if state["averaged"] is not None and self.averaged is not self.network:
            self.averaged.load_state_dict(state["averaged"])
        self.optimiser.load_state_dict(state["optimiser"])
        if self.scaler.is_enabled():
            self.scaler.load_state_dict(state["scaler"])
        self.lr_scale = state["lr_scale"]
