"""clDice: whether thin structures stay connected (Shit et al. 2021, arXiv:2003.07311)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from delineate.domain import LabelSet
from delineate.losses.batch import Batch
from delineate.losses.terms import SMOOTH, Options, Term, first_class, losses

THINNINGS = 10
"""Pixels that the soft skeleton is thinned by: structures up to twice as wide have one."""


def soft_skeleton(maps: Tensor, thinnings: int = THINNINGS) -> Tensor:
    """(B, C, H, W) of 0…1 → the same with what is left of each structure when it is thinned step by step."""
    skeleton = F.relu(maps - _open(maps))
    for _ in range(thinnings):
        maps = _erode(maps)
        rest = F.relu(maps - _open(maps))
        skeleton = skeleton + F.relu(rest - skeleton * rest)
    return skeleton


def _erode(maps: Tensor) -> Tensor:
    """The least value within a cross of 3 pixels; beyond the border nothing is less."""
    return -torch.maximum(F.max_pool2d(-maps, (3, 1), 1, (1, 0)), F.max_pool2d(-maps, (1, 3), 1, (0, 1)))


def _open(maps: Tensor) -> Tensor:
    return F.max_pool2d(_erode(maps), 3, 1, 1)


@losses.register("cldice")
def cldice(labels: LabelSet, options: Options) -> Term:
    """1 - soft clDice, counted over the batch, mean over classes.

    It looks at the centre lines alone: how thick the prediction is hardly matters to it, and a map without any edge has no centre
    line. So it belongs beside an overlap term, e.g. ``"0.5*dice+0.5*cldice"``.
    """

    def term(batch: Batch) -> Tensor:
        first, over = first_class(batch, options), (0, 2, 3)
        predicted, truth = (batch.probabilities * batch.valid)[:, first:], batch.truth[:, first:]
        line, true_line = soft_skeleton(predicted), soft_skeleton(truth)
        precision = ((line * truth).sum(over) + SMOOTH) / (line.sum(over) + SMOOTH)
        sensitivity = ((true_line * predicted).sum(over) + SMOOTH) / (true_line.sum(over) + SMOOTH)
        return (1 - 2 * precision * sensitivity / (precision + sensitivity)).mean()

    return term
