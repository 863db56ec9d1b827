"""Reliability: of the pixels that are said to belong to a class with probability p, how many do."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from delineate.domain import IGNORE, LabelSet
from delineate.doubt.calibration import BINS

_MARGIN = 0.1
_RESAMPLES = 2000


@dataclass
class Reliability:
    """Counts per person in :data:`BINS` equal bins of probability: (count, sum of probabilities, sum of truths).

    Persons weigh equally. The expected calibration error (Naeini et al. 2015) is the mean over bins of |probability - frequency|,
    weighted by the bins' sizes; its interval resamples persons.
    """

    persons: dict[str, NDArray[np.float64]] = field(default_factory=dict)

    def add(self, person: str, probabilities: NDArray[np.floating[Any]], truth: NDArray[np.integer[Any]], labels: LabelSet) -> None:
        """Count (K, *space) probabilities against (*space) labels ((K, *space) for regions); every class is a forecast."""
        bins = self.persons.setdefault(person, np.zeros((3, BINS)))
        for label in range(1, labels.classes + 1):
            values = truth[label - 1] if labels.kind == "regions" else truth
            counted = values != IGNORE
            p = probabilities[label - 1][counted].astype(np.float64)
            hit = labels.one_class(truth, label)[counted]
            place = np.minimum((p * BINS).astype(np.int64), BINS - 1)
            bins[0] += np.bincount(place, minlength=BINS)
            bins[1] += np.bincount(place, p, minlength=BINS)
            bins[2] += np.bincount(place, hit, minlength=BINS)

    def summary(self, seed: int = 0) -> dict[str, Any]:
        """``{"ece", "ci95", "n", "bins": [{"probability", "frequency", "share"}]}``; ``None`` where nothing was counted."""
        every = np.array([bins / bins[0].sum() for bins in self.persons.values() if bins[0].sum() > 0]).reshape(-1, 3, BINS)
        if not len(every):
            return {"ece": None, "ci95": None, "n": 0, "bins": []}
        whole = every.mean(axis=0)
        interval = None
        if len(every) >= 3:
            rng = np.random.default_rng(seed)
            again = [_ece(every[rng.integers(0, len(every), len(every))].mean(axis=0)) for _ in range(_RESAMPLES)]
            interval = [float(v) for v in np.percentile(again, (2.5, 97.5))]
        bins = [
            {
                "probability": float(whole[1, b] / whole[0, b]),
                "frequency": float(whole[2, b] / whole[0, b]),
                "share": float(whole[0, b]),
            }
            for b in range(BINS)
            if whole[0, b] > 0
        ]
        return {"ece": _ece(whole), "ci95": interval, "n": len(every), "bins": bins}


def _ece(bins: NDArray[np.float64]) -> float:
    return float(np.abs(bins[1] - bins[2]).sum() / bins[0].sum())


def region_of_interest(
    probabilities: NDArray[np.floating[Any]], truth: NDArray[np.integer[Any]], labels: LabelSet
) -> tuple[slice, ...] | None:
    """The box around all that is or is said to be of a class, with a tenth of its sides around it; ``None`` where nothing is.

    Far background is easy; counted over whole images it hides every error of calibration (Mehrtash et al. 2020,
    arXiv:1911.13273, look at boxes for the same reason).
    """
    known = (truth > 0) & (truth != IGNORE)
    inside = (known.any(axis=0) if labels.kind == "regions" else known) | (probabilities >= 0.5).any(axis=0)
    if not inside.any():
        return None
    box = []
    for axis in range(inside.ndim):
        along = np.flatnonzero(inside.any(axis=tuple(other for other in range(inside.ndim) if other != axis)))
        first, last = int(along[0]), int(along[-1]) + 1
        margin = max(1, round(_MARGIN * (last - first)))
        box.append(slice(max(0, first - margin), min(inside.shape[axis], last + margin)))
    return tuple(box)
