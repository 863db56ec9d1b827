"""Optimisers by name, with groups of their own for weights, for what is not decayed, and for the encoder."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from delineate.errors import RecipeError
from delineate.recipe import Training
from delineate.training.muon import Muon, is_matrix

_EVERY, _PULL = 6, 0.5  # Lookahead's k and α, as its authors chose them for images


class LookaheadRAdam(torch.optim.RAdam):
    """RAdam (Liu et al. 2020, arXiv:1908.03265) inside Lookahead (Zhang et al. 2019, arXiv:1907.08610).

    Slow weights are kept beside the trained ones. After every sixth step they go half the way to where RAdam went, and RAdam goes
    on from there. They are a part of the optimiser's state, so that a resumed training goes on bit by bit.
    """

    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:
        moved = [p for group in self.param_groups for p in group["params"] if p.grad is not None]
        begun: dict[Tensor, Tensor] = {p: p.detach().clone() for p in moved if "slow" not in self.state[p]}
        loss = super().step(closure)
        for p in moved:
            state = self.state[p]
            if p in begun:
                state["slow"] = begun[p]
            if int(state["step"]) % _EVERY == 0:
                state["slow"].lerp_(p, _PULL)
                p.copy_(state["slow"])
        return loss


def make_optimiser(network: nn.Module, training: Training) -> torch.optim.Optimizer:
    """The optimiser of a recipe. A group's ``lr_factor`` is what its learning rate is multiplied by."""
    groups = _groups(network, training)
    fused = training.device.split(":")[0] in ("cpu", "cuda")
    if training.optimiser == "adamw":
        return torch.optim.AdamW(groups, lr=training.lr, fused=fused)
    if training.optimiser == "muon":
        return Muon(_matrices_apart(groups), lr=training.lr, fused=fused)
    if training.optimiser == "adam":
        return torch.optim.Adam(groups, lr=training.lr, fused=fused)
    if training.optimiser == "radam":
        return torch.optim.RAdam(groups, lr=training.lr, decoupled_weight_decay=True)
    if training.optimiser == "lookahead_radam":
        return LookaheadRAdam(groups, lr=training.lr, decoupled_weight_decay=True)
    return torch.optim.SGD(groups, lr=training.lr, momentum=0.9, nesterov=True, fused=fused)


def _groups(network: nn.Module, training: Training) -> list[dict[str, Any]]:
    """Weight decay on convolution and linear weights only: pulling norms and biases towards 0 has no regularising sense."""
    learned = [p for p in network.parameters() if p.requires_grad]
    if training.encoder_lr == 1 and training.encoder_weight_decay is None:
        return _decayed(learned, training.weight_decay)
    encoder = getattr(network, "encoder", None)
    if not isinstance(encoder, nn.Module):
        raise RecipeError("encoder-none")
    inside = {id(p) for p in encoder.parameters()}
    decay = training.weight_decay if training.encoder_weight_decay is None else training.encoder_weight_decay
    inner = _decayed([p for p in learned if id(p) in inside], decay)
    outer = _decayed([p for p in learned if id(p) not in inside], training.weight_decay)
    return [{**group, "lr_factor": training.encoder_lr} for group in inner] + [{**group, "lr_factor": 1.0} for group in outer]


def _matrices_apart(groups: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Every group as two: the matrices, which Muon orthogonalises, and the rest."""
    found = []
    for group in groups:
        for orthogonal in (True, False):
            members = [p for p in group["params"] if is_matrix(p) == orthogonal]
            if members:
                found.append({**group, "params": members, "orthogonal": orthogonal})
    return found


def _decayed(parameters: list[nn.Parameter], weight_decay: float) -> list[dict[str, Any]]:
    weights = [p for p in parameters if p.ndim > 1]
    others = [p for p in parameters if p.ndim <= 1]
    groups: list[dict[str, Any]] = [{"params": weights, "weight_decay": weight_decay}, {"params": others, "weight_decay": 0.0}]
    return [group for group in groups if group["params"]]
