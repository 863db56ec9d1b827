"""Lovász losses: the convex surrogate of the Jaccard index (Berman et al. 2018, arXiv:1705.08790), counted over the batch."""

from __future__ import annotations

import torch
from torch import Tensor

from delineate.domain import LabelSet
from delineate.errors import RecipeError
from delineate.losses.batch import Batch
from delineate.losses.terms import Options, Term, first_class, losses


def lovasz_extension(errors: Tensor, truth: Tensor, valid: Tensor) -> Tensor:
    """The Lovász extension of the Jaccard loss at ``errors``; all three (classes, pixels) → (classes,).

    Errors are ≥ 0. Pixels that do not count come last and weigh nothing.
    """
    order = torch.where(valid > 0, errors, -torch.ones_like(errors)).argsort(dim=1, descending=True)
    sorted_errors = (errors * valid).gather(1, order)
    sorted_truth = truth.gather(1, order)
    all_true = sorted_truth.sum(dim=1, keepdim=True)
    missed = all_true - sorted_truth.cumsum(dim=1)
    union = all_true + (1 - sorted_truth).cumsum(dim=1)
    jaccard = 1 - missed / union.clamp(min=1)
    weights = torch.cat([jaccard[:, :1], jaccard[:, 1:] - jaccard[:, :-1]], dim=1)
    return (sorted_errors * weights).sum(dim=1)


def _by_class(values: Tensor) -> Tensor:
    """(B, C, H, W) → (C, pixels)."""
    return values.transpose(0, 1).flatten(1)


@losses.register("lovasz")
def lovasz(labels: LabelSet, options: Options) -> Term:
    """Lovász-softmax; with the sigmoid for kinds that have one. Errors are differences of probability and truth."""

    def term(batch: Batch) -> Tensor:
        first = first_class(batch, options)
        probabilities, truth = batch.probabilities[:, first:], batch.truth[:, first:]
        valid = batch.valid.expand_as(batch.truth)[:, first:]
        errors = (truth - probabilities).abs()
        return lovasz_extension(_by_class(errors), _by_class(truth), _by_class(valid)).mean()

    return term


@losses.register("lovasz_hinge")
def lovasz_hinge(labels: LabelSet, options: Options) -> Term:
    """Lovász hinge, on logits: yes-or-no questions only, as ``bce``. A single exclusive class is asked by the difference of its
    two maps. The answer counts as right beyond a logit of 1."""
    if labels.kind == "exclusive" and labels.classes > 1:
        raise RecipeError("loss-hinge-exclusive", classes=labels.classes)

    def term(batch: Batch) -> Tensor:
        logits, truth, valid = batch.logits, batch.truth, batch.valid
        if batch.labels.kind == "exclusive":
            logits, truth = logits[:, 1:] - logits[:, :1], truth[:, 1:]
        errors = (1 - logits * (2 * truth - 1)).relu()
        return lovasz_extension(_by_class(errors), _by_class(truth), _by_class(valid)).mean()

    return term
