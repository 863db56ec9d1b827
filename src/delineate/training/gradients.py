"""Gradients of the loss of a whole batch, where the batch does not pass through the network at once.

In parts (``training.accumulate``), or shared among processes, the loss is still that of the whole batch: terms counted over it
(Dice) are not means over images, and their gradients cannot be added up part by part. So logits come first and the loss is taken on
all of them; then its gradient with respect to each part's logits goes back through that part. In parts this costs one more forward
pass (as in "gradient caching", Gao et al. 2021, arXiv:2101.06983) and saves the memory of all but one part.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from delineate.errors import RecipeError
from delineate.models.attention import AdditiveGate, SimpleGate
from delineate.models.blocks import ConvBlock
from delineate.models.decoder import Up
from delineate.models.resnet import BasicBlock, ResidualBlock
from delineate.training.team import Team

Heads = list[Tensor]
Forward = Callable[[Tensor], Heads]
Loss = Callable[[Heads, Tensor], Tensor]
_BLOCKS = (ConvBlock, ResidualBlock, BasicBlock, Up, AdditiveGate, SimpleGate)


def backward(
    forward: Forward,
    loss: Loss,
    images: Tensor,
    labels: Tensor,
    *,
    parts: int,
    team: Team | None,
    buffers: Sequence[Tensor],
    seed: Callable[[int], None],
    scale: Callable[[Tensor], Tensor],
) -> Tensor:
    """Add the gradient of ``scale(loss)`` to the parameters' and return the loss (detached).

    Parameters
    ----------
    forward
        Images (b, C, H, W) → a list of logits, one per head.
    images, labels
        The whole batch, also where this process computes a share of it.
    buffers
        What passes through the network change beside gradients (running statistics): a part that passes twice changes them once.
    seed
        Called with the number of a part before it passes: both passes drop the same.
    """
    batch = len(images)
    rows = slice(0, batch) if team is None else team.share(batch)
    mine = images[rows]
    count = batch if team is None else batch // team.size  # each process in as many parts: their norms speak with each other
    parts = max(1, min(parts, count))
    if parts == 1:
        seed(0)
        heads = forward(mine)
        value = loss(heads if team is None else [team.whole(z, batch) for z in heads], labels)
        _protected(lambda: scale(value).backward(), buffers)  # type: ignore[no-untyped-call]
    else:
        pieces = mine.tensor_split(parts)
        seen = _first_pass(forward, pieces, buffers, seed)
        leaves = [torch.cat(z).requires_grad_() for z in zip(*seen, strict=True)]
        value = loss(leaves if team is None else [team.whole(z, batch) for z in leaves], labels)
        wanted = torch.autograd.grad(scale(value), leaves)
        split = [gradient.tensor_split(parts) for gradient in wanted]
        for number, piece in enumerate(pieces):
            seed(number)
            heads = forward(piece)
            gradients = [one[number] for one in split]

            def back(heads: Heads = heads, gradients: list[Tensor] = gradients) -> None:
                torch.autograd.backward(heads, gradients)

            _protected(back, buffers)
    return value.detach()


def _first_pass(forward: Forward, pieces: Sequence[Tensor], buffers: Sequence[Tensor], seed: Callable[[int], None]) -> list[Heads]:
    seen: list[Heads] = []

    def run() -> None:
        with torch.no_grad():
            for number, piece in enumerate(pieces):
                seed(number)
                seen.append([z.detach() for z in forward(piece)])

    _protected(run, buffers)
    return seen


def _protected(work: Callable[[], Any], buffers: Sequence[Tensor]) -> None:
    """Do ``work`` and undo what it did to ``buffers``: passing again (also inside a checkpoint's backward) must not count twice."""
    kept = [buffer.clone() for buffer in buffers]
    work()
    with torch.no_grad():
        for buffer, old in zip(buffers, kept, strict=True):
            buffer.copy_(old)


def checkpoint_blocks(network: nn.Module) -> int:
    """Blocks of ``network`` keep their input only, and compute the rest anew on the way back (Chen et al. 2016,
    arXiv:1604.06174); how many. :class:`RecipeError` where it has none of ours."""
    blocks = [block for block in network.modules() if isinstance(block, _BLOCKS)]
    if not blocks:
        raise RecipeError("checkpoint-no-blocks")
    for block in blocks:
        block.forward = _Checkpointed(block)  # type: ignore[method-assign,assignment]
    return len(blocks)


class _Checkpointed:
    """A block's forward; knows the block's class, not the bound method, so that a copy of the network has its own."""

    def __init__(self, block: nn.Module) -> None:
        self.block = block

    def __call__(self, *given: Tensor) -> Tensor:
        plain = type(self.block).forward
        if not torch.is_grad_enabled():
            result: Tensor = plain(self.block, *given)
            return result
        kept: Tensor = checkpoint(plain, self.block, *given, use_reentrant=False)
        return kept
