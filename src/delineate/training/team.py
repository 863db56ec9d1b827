"""Processes that train one network together (``torchrun --nproc-per-node N -m delineate run …``).

Process 0 does the whole job; the others wait in :mod:`~delineate.training.following` and take part in training steps only. Every
process makes the same batch, sends its share of it through the network, and then all logits are put together: the loss is taken on
the whole batch by each, so that terms counted over the batch (Dice) are what they are in one process. Gradients are summed, norms
over the batch see the statistics of all shares. The result is that of one process up to the order of float sums.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

from delineate.errors import RecipeError
from delineate.models.blocks import BatchNorm
from delineate.recipe import Training
from delineate.training import processes

#: A follower waits while process 0 reads, plans, scores and writes.
_WAIT = timedelta(days=2)
STEP, RESTORE, RESET, END = range(4)


class Team:
    """The processes that train together. All methods are called by each of them, in the same order."""

    def __init__(self) -> None:
        if not dist.is_initialized():
            cuda = torch.cuda.is_available() and torch.cuda.device_count() >= processes.world()
            if cuda:
                torch.cuda.set_device(processes.device_of("cuda"))
            dist.init_process_group("cpu:gloo,cuda:nccl" if cuda else "gloo", timeout=_WAIT)
        self.rank, self.size = dist.get_rank(), dist.get_world_size()

    def share(self, batch: int) -> slice:
        """The rows of a batch that are this process's."""
        first, end = (batch * part // self.size for part in (self.rank, self.rank + 1))
        return slice(first, end)

    def whole(self, mine: Tensor, batch: int) -> Tensor:
        """This process's rows of a tensor → (batch, …) with the rows of all. Gradients go to this process's rows only: the others
        take their own."""
        rows = self.share(batch)
        full = torch.zeros((batch, *mine.shape[1:]), dtype=torch.float32, device=mine.device)
        full[rows] = mine.detach().float()
        dist.all_reduce(full)
        return torch.cat([full[: rows.start], mine.float(), full[rows.stop :]])

    def add_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """Every parameter's gradient becomes the sum over the processes, in one message."""
        learned = [p for p in parameters if p.requires_grad]
        flat = torch.cat([(torch.zeros_like(p) if p.grad is None else p.grad).float().flatten() for p in learned])
        dist.all_reduce(flat)
        start = 0
        for p in learned:
            part = flat[start : start + p.numel()].view_as(p).to(p.dtype)
            start += p.numel()
            if p.grad is None:
                p.grad = part.clone()
            else:
                p.grad.copy_(part)

    def order(self, kind: int = -1, step: int = 0, stage: int = 0, lr: float = 0.0) -> tuple[int, int, int, float]:
        """What process 0 says is done next; the others leave the arguments away and hear it."""
        message = torch.tensor([kind, step, stage, lr], dtype=torch.float64)
        dist.broadcast(message, 0)
        return int(message[0]), int(message[1]), int(message[2]), float(message[3])

    def job(self, data: dict[str, Any] | None = None) -> dict[str, Any] | None:
        """What process 0 says of a training to take part in; ``None``: there is none any more. Plain JSON, nothing is unpickled."""
        text = json.dumps(data).encode() if self.rank == 0 else b""
        length = torch.tensor([len(text)])
        dist.broadcast(length, 0)
        content = torch.empty(int(length), dtype=torch.uint8)
        if self.rank == 0:
            content = torch.frombuffer(bytearray(text), dtype=torch.uint8)
        dist.broadcast(content, 0)
        found: dict[str, Any] | None = json.loads(bytes(content.tolist()))
        return found


def check_batches(training: Training, size: int) -> None:
    """Refuse a batch of fewer images than there are processes."""
    least = min(stage.batch for stage in training.stages)
    if least < size:
        raise RecipeError("batch-too-small-for-processes", batch=least, processes=size)


def join() -> Team | None:
    """The team of this process; ``None`` without ``torchrun``."""
    return Team() if processes.world() > 1 else None


def dismiss() -> None:
    """Process 0, when there is nothing more to train: the others may end."""
    if processes.world() > 1 and processes.rank() == 0:
        Team().job(None)
        dist.destroy_process_group()


class _Sum(torch.autograd.Function):
    """Sum over the processes, of values on the way there and of gradients on the way back."""

    @staticmethod
    def forward(context: Any, x: Tensor) -> Tensor:
        total = x.clone()
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(context: Any, gradient: Tensor) -> Tensor:
        total = gradient.clone()
        dist.all_reduce(total)
        return total


class TeamBatchNorm(BatchNorm):
    """Batch normalisation over the batch of all processes, on any device (torch's SyncBatchNorm knows GPUs only).

    Means and variances of the shares are combined as of parts of one sample (Chan et al. 1979), so that nothing cancels.
    """

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return super().forward(x)
        size, rank = dist.get_world_size(), dist.get_rank()
        values = x.float()
        count = values.new_tensor([float(x.shape[0] * x.shape[2] * x.shape[3])])
        own_mean = values.mean(dim=(0, 2, 3))
        own_var = (values - own_mean.view(1, -1, 1, 1)).square().mean(dim=(0, 2, 3))
        row = torch.cat([own_mean, own_var, count])
        rows: Tensor = _Sum.apply(torch.stack([row if r == rank else torch.zeros_like(row) for r in range(size)]))
        means, variances, counts = rows[:, : self.num_features], rows[:, self.num_features : -1], rows[:, -1:].detach()
        total = counts.sum()
        if float(total) <= 1:
            return super().forward(x)
        mean = (means * counts).sum(dim=0) / total
        variance = ((variances + (means - mean).square()) * counts).sum(dim=0) / total
        self._remember(mean.detach(), variance.detach() * (total / (total - 1)))
        scale = self.weight * torch.rsqrt(variance + self.eps)
        result = values * scale.view(1, -1, 1, 1) + (self.bias - mean * scale).view(1, -1, 1, 1)
        return result.to(x.dtype)

    @torch.no_grad()
    def _remember(self, mean: Tensor, variance: Tensor) -> None:
        if self.running_mean is not None and self.running_var is not None and self.num_batches_tracked is not None:
            share = 0.1 if self.momentum is None else self.momentum
            self.running_mean.lerp_(mean, share)
            self.running_var.lerp_(variance, share)
            self.num_batches_tracked += 1


def share_statistics(network: nn.Module) -> None:
    """Batch norms of ``network`` see the batch of all processes from now on. Names and values of its weights stay."""
    for layer in network.modules():
        if type(layer) in (BatchNorm, nn.BatchNorm2d):
            if not isinstance(layer, BatchNorm):
                layer.frozen = False  # type: ignore[assignment]
            layer.__class__ = TeamBatchNorm
