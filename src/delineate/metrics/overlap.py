"""Scores from counted pixels. What is undefined is NaN, never 0 or 1 by chance.

Definitions after Maier-Hein et al., "Metrics reloaded", Nat. Methods 21 (2024), 195-212, doi:10.1038/s41592-023-02151-z.
Pixel-wise F1 and Dice are one and the same number; both names are kept because readers look for either.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Confusion:
    """Pixels (or voxels) of one class: true positive, false positive, false negative, true negative. Adds up over images."""

    tp: int = 0
    fp: int = 0
    fn: int = 0
    tn: int = 0

    def __add__(self, other: Confusion) -> Confusion:
        return Confusion(self.tp + other.tp, self.fp + other.fp, self.fn + other.fn, self.tn + other.tn)

    @property
    def total(self) -> int:
        return self.tp + self.fp + self.fn + self.tn

    @property
    def prediction(self) -> int:
        """Predicted pixels."""
        return self.tp + self.fp

    @property
    def truth(self) -> int:
        """True pixels."""
        return self.tp + self.fn

    @property
    def both_empty(self) -> bool:
        """Neither the truth nor the prediction has a pixel: every overlap score is undefined (0/0)."""
        return self.tp + self.fp + self.fn == 0

    @property
    def dice(self) -> float:
        """2 TP / (2 TP + FP + FN); 0 where only one of the two is empty, NaN where both are."""
        return _ratio(2 * self.tp, 2 * self.tp + self.fp + self.fn)

    @property
    def iou(self) -> float:
        """TP / (TP + FP + FN), Jaccard's index."""
        return _ratio(self.tp, self.tp + self.fp + self.fn)

    @property
    def precision(self) -> float:
        """TP / (TP + FP); NaN where nothing was predicted."""
        return _ratio(self.tp, self.tp + self.fp)

    @property
    def recall(self) -> float:
        """TP / (TP + FN), sensitivity; NaN where the truth is empty."""
        return _ratio(self.tp, self.tp + self.fn)

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall over pixels: equal to :attr:`dice`."""
        return self.dice

    @property
    def specificity(self) -> float:
        """TN / (TN + FP); close to 1 for any small structure, so it is not part of the tables."""
        return _ratio(self.tn, self.tn + self.fp)


def _ratio(part: int, whole: int) -> float:
    return part / whole if whole else math.nan


def as_masks(pred: NDArray[Any], truth: NDArray[Any], ignore: NDArray[Any] | None = None) -> tuple[Mask, Mask, Mask | None]:
    """Boolean views of the arguments; a ``ValueError`` where they are not 0/1 or not of one shape (a caller's bug)."""
    masks: list[Mask | None] = []
    for name, array in (("pred", pred), ("truth", truth), ("ignore", ignore)):
        if array is None:
            masks.append(None)
            continue
        values = np.asarray(array)
        if values.dtype != np.bool_:
            if values.size and not np.isin(values, (0, 1)).all():
                raise ValueError(f"'{name}' must be boolean or 0/1")
            values = values.astype(np.bool_)
        if values.shape != np.shape(pred):
            raise ValueError(f"'{name}' must have the shape {np.shape(pred)}, got {values.shape}")
        masks.append(values)
    first, second, third = masks
    assert first is not None and second is not None
    return first, second, third


def confusion(pred: NDArray[Any], truth: NDArray[Any], ignore: NDArray[Any] | None = None) -> Confusion:
    """Count the pixels of two boolean arrays of one shape (any number of axes); ``ignore`` marks pixels that do not count."""
    p, t, without = as_masks(pred, truth, ignore)
    if without is not None:
        p, t = p & ~without, t & ~without
    tp = int(np.count_nonzero(p & t))
    fp = int(np.count_nonzero(p)) - tp
    fn = int(np.count_nonzero(t)) - tp
    counted = p.size - (0 if without is None else int(np.count_nonzero(without)))
    return Confusion(tp, fp, fn, counted - tp - fp - fn)


def dice(pred: NDArray[Any], truth: NDArray[Any], ignore: NDArray[Any] | None = None) -> float:
    """Dice similarity coefficient of two boolean arrays; NaN where both are empty."""
    return confusion(pred, truth, ignore).dice


def iou(pred: NDArray[Any], truth: NDArray[Any], ignore: NDArray[Any] | None = None) -> float:
    """Intersection over union; NaN where both are empty."""
    return confusion(pred, truth, ignore).iou


def precision(pred: NDArray[Any], truth: NDArray[Any], ignore: NDArray[Any] | None = None) -> float:
    """Share of the prediction that is true; NaN where nothing was predicted."""
    return confusion(pred, truth, ignore).precision


def recall(pred: NDArray[Any], truth: NDArray[Any], ignore: NDArray[Any] | None = None) -> float:
    """Share of the truth that was found; NaN where the truth is empty."""
    return confusion(pred, truth, ignore).recall


def f1(pred: NDArray[Any], truth: NDArray[Any], ignore: NDArray[Any] | None = None) -> float:
    """Pixel-wise F1: the same number as :func:`dice`."""
    return confusion(pred, truth, ignore).f1


def specificity(pred: NDArray[Any], truth: NDArray[Any], ignore: NDArray[Any] | None = None) -> float:
    """Share of the true background left alone; NaN where there is no background."""
    return confusion(pred, truth, ignore).specificity
