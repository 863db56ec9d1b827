"""A loss from a text such as ``"1.0*dice + 0.8*bce"``, read by a small grammar, never evaluated.

sum    = part { "+" part }
part   = [ number "*" ] name
number = digits [ "." digits ] [ ("e"|"E") [sign] digits ], above 0
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from delineate.domain import LabelSet
from delineate.errors import RecipeError
from delineate.losses.batch import Batch, check
from delineate.losses.terms import Options, Term, losses

MAX_EXPRESSION = 500
_PART = re.compile(r"\s*(?:(?P<weight>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*\*\s*)?(?P<name>[A-Za-z_]\w*)\s*", re.ASCII)


def parse_expression(expression: str) -> list[tuple[float, str]]:
    """``"1.0*dice+0.8*bce"`` → ``[(1.0, "dice"), (0.8, "bce")]``. :class:`RecipeError` where the text is not such a sum."""
    parts: list[tuple[float, str]] = []
    position = 0
    while len(expression) <= MAX_EXPRESSION:
        match = _PART.match(expression, position)
        if match is None:
            break
        weight = float(match["weight"] or 1)
        if not 0 < weight < 1e6:
            raise RecipeError("loss-weight", expression=expression, name=match["name"])
        parts.append((weight, match["name"]))
        position = match.end()
        if position == len(expression):
            return parts
        if expression[position] != "+":
            break
        position += 1
    shown = expression[:MAX_EXPRESSION]
    raise RecipeError("loss-expression", expression=shown, position=position + 1, choices=", ".join(sorted(losses.names())))


class Loss(nn.Module):
    """``loss(logits, target)`` → float32 scalar.

    ``logits`` (B, C, H, W), C = ``labels.channels``, any float type: turned to float32, with autocast off.
    ``target`` (B, H, W) integer labels, or (B, K, H, W) of 0/1 for regions; :data:`~delineate.domain.IGNORE` pixels take no part.
    ``ValueError`` where they do not fit the label set. A batch in which no pixel counts gives 0, with gradient 0.
    """

    def __init__(self, terms: list[tuple[float, Term]], labels: LabelSet, expression: str) -> None:
        super().__init__()
        self.terms = tuple(terms)
        self.labels = labels
        self.expression = expression

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        check(logits, target, self.labels)
        with torch.autocast(logits.device.type, enabled=False):
            batch = Batch(logits.float().contiguous(), target, self.labels)  # one memory order for all that follows
            return torch.stack([weight * term(batch) for weight, term in self.terms]).sum()

    def extra_repr(self) -> str:
        return f"{self.expression!r}, {self.labels.kind}"


class DeepSupervision(nn.Module):
    """``loss`` on each of several heads' logits, and the mean of it (Lee et al. 2015, arXiv:1409.5185).

    The heads' logits go into the loss as they are: none of them passes a sigmoid on the way.
    """

    def __init__(self, loss: Loss) -> None:
        super().__init__()
        self.loss = loss

    def forward(self, heads: Sequence[Tensor], target: Tensor) -> Tensor:
        return torch.stack([self.loss(logits, target) for logits in heads]).mean()


def make_loss(expression: str, labels: LabelSet, *, background_in_dice: bool = False) -> Loss:
    """The loss that ``expression`` says, for ``labels``.

    ``background_in_dice`` counts the background of exclusive labels as a class of its own in overlap terms.
    Raises :class:`RecipeError` for a text that cannot be read or a term that does not suit the labels,
    :class:`~delineate.errors.UsageError` for an unknown term (lists the known).
    """
    options = Options(background_in_dice)
    terms = [(weight, losses.get(name)(labels, options)) for weight, name in parse_expression(expression)]
    return Loss(terms, labels, expression)
