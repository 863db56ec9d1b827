"""The loss terms and their registry.

Overlap terms (Dice, soft IoU, Tversky) are counted over **the whole batch**, per class, not image by image. Most slices of
a medical volume are empty; image by image an empty slice gives a loss of nearly 1 and nearly no gradient until its last
false pixel is gone, and such slices drown the others. Over the batch there is nearly always some foreground, and false
pixels of empty slices count against it (nnU-Net's ``batch_dice``, Isensee et al. 2021, doi:10.1038/s41592-020-01008-z).
The price: a small object weighs little beside a large one of the same batch; a cross-entropy in the sum, or crops centred
on foreground, make up for it. Tried on brain MRI whose slices are 63 % empty (250 steps, mean
Dice of eight unseen patients, two seeds): Dice alone 0.43 and 0.43 over the batch, 0.21 and 0.10 image by image; with
cross-entropy beside it seeds differed more (0.42, 0.63) than the two ways (0.70, 0.57 image by image).

``SMOOTH`` pixels are added above and below, so that a class without any true or predicted pixel scores a perfect overlap,
and a class wholly ignored gives exactly 0.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from delineate.domain import IGNORE, LabelSet
from delineate.errors import RecipeError
from delineate.losses.batch import Batch
from delineate.registry import Registry

SMOOTH = 1.0
FOCUS = 2.0
FALSE_POSITIVE_WEIGHT, FALSE_NEGATIVE_WEIGHT = 0.3, 0.7
TVERSKY_POWER = 0.75  # 1/γ with γ = 4/3


@dataclass(frozen=True)
class Options:
    """``background_in_dice``: whether overlap terms count the background channel of exclusive labels as a class."""

    background_in_dice: bool = False


Term = Callable[[Batch], Tensor]
"""A batch → a scalar, 0 for a perfect prediction."""
TermFactory = Callable[[LabelSet, Options], Term]

losses: Registry[TermFactory] = Registry("loss", "losses")


def _pixel_cross_entropy(batch: Batch) -> Tensor:
    """Cross-entropy per pixel, in the shape of ``batch.valid``; what stands at ignored pixels means nothing."""
    if batch.labels.activation == "sigmoid":
        return F.binary_cross_entropy_with_logits(batch.logits, batch.truth, reduction="none")
    return F.cross_entropy(batch.logits, batch.target.long(), ignore_index=IGNORE, reduction="none").unsqueeze(1)


@losses.register("ce")
def cross_entropy(labels: LabelSet, options: Options) -> Term:
    """Mean cross-entropy over the pixels that count (for regions: pixels × classes); binary for sigmoid kinds."""
    return lambda batch: batch.mean(_pixel_cross_entropy(batch))


@losses.register("bce")
def binary_cross_entropy(labels: LabelSet, options: Options) -> Term:
    """Binary cross-entropy: ``ce`` where a pixel has one yes-or-no question per class. Exclusive classes do not, except a
    single one, where softmax over (background, class) *is* the sigmoid of the difference.
    """
    if labels.kind == "exclusive" and labels.classes > 1:
        raise RecipeError("loss-bce-exclusive", classes=labels.classes)
    return cross_entropy(labels, options)


@losses.register("focal")
def focal(labels: LabelSet, options: Options) -> Term:
    """Focal loss with γ = 2 and no class weights (Lin et al. 2017, arXiv:1708.02002)."""

    def term(batch: Batch) -> Tensor:
        entropy = _pixel_cross_entropy(batch)  # = -log p of the true class
        return batch.mean((-torch.expm1(-entropy)).pow(FOCUS) * entropy)

    return term


def first_class(batch: Batch, options: Options) -> int:
    """The first channel that overlap terms count: 1 leaves out the background of exclusive labels."""
    return 1 if batch.labels.kind == "exclusive" and not options.background_in_dice else 0


def _overlap_term(options: Options, score: Callable[[Tensor, Tensor, Tensor], Tensor]) -> Term:
    """1 - mean over classes of ``score(hit, predicted, true)``, each (classes,) sums over batch and pixels."""

    def term(batch: Batch) -> Tensor:
        first = first_class(batch, options)
        probabilities, truth, over = batch.probabilities[:, first:], batch.truth[:, first:], (0, 2, 3)
        predicted = (probabilities * batch.valid).sum(over)
        return 1 - score((probabilities * truth).sum(over), predicted, truth.sum(over)).mean()

    return term


@losses.register("dice")
def dice(labels: LabelSet, options: Options) -> Term:
    """Soft Dice (Milletari et al. 2016, arXiv:1606.04797, with plain sums below), mean over classes."""
    return _overlap_term(options, lambda hit, predicted, true: (2 * hit + SMOOTH) / (predicted + true + SMOOTH))


@losses.register("soft_iou")
def soft_iou(labels: LabelSet, options: Options) -> Term:
    """Soft Jaccard index (Rahman & Wang 2016, doi:10.1007/978-3-319-50835-1_22), mean over classes."""
    return _overlap_term(options, lambda hit, predicted, true: (hit + SMOOTH) / (predicted + true - hit + SMOOTH))


@losses.register("tversky")
def tversky(labels: LabelSet, options: Options) -> Term:
    """Tversky index with false positives at 0.3 and false negatives at 0.7 (Salehi et al. 2017, arXiv:1706.05721)."""

    return _overlap_term(options, _tversky_index)


@losses.register("focal_tversky")
def focal_tversky(labels: LabelSet, options: Options) -> Term:
    """(1 - Tversky index) to the power of 3/4 per class (Abraham & Khan 2019, arXiv:1810.07842), mean over classes."""

    def score(hit: Tensor, predicted: Tensor, true: Tensor) -> Tensor:
        return 1 - _power(1 - _tversky_index(hit, predicted, true))

    return _overlap_term(options, score)


def _tversky_index(hit: Tensor, predicted: Tensor, true: Tensor) -> Tensor:
    errors = FALSE_POSITIVE_WEIGHT * (predicted - hit) + FALSE_NEGATIVE_WEIGHT * (true - hit)
    return (hit + SMOOTH) / (hit + errors + SMOOTH)


def _power(miss: Tensor) -> Tensor:
    """``miss ** 0.75``, straight below 1e-6, where its slope would go to infinity and a perfect class would give NaN."""
    least = 1e-6
    return torch.where(miss > least, miss.clamp(min=least).pow(TVERSKY_POWER), miss * least ** (TVERSKY_POWER - 1))


def bce_dice(labels: LabelSet, options: Options) -> Term:
    """0.5·BCE + 0.5·Dice: what R2 calls "calc"."""
    first, second = binary_cross_entropy(labels, options), dice(labels, options)
    return lambda batch: 0.5 * first(batch) + 0.5 * second(batch)


losses.add("bce_dice", bce_dice)
losses.add("calc", bce_dice)
