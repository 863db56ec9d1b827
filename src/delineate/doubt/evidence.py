"""What a prediction says of its own quality, from probabilities and mask alone."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from delineate.domain import LabelSet
from delineate.doubt.calibration import entropy


@dataclass
class Evidence:
    """Sums over the pixels of one case, which may come in parts (the slices of a volume).

    With calibrated probabilities p and the mask m, the Dice to be expected is 2·Σpm / (Σp + Σm), per class, mean over classes: the
    Dice of the mask with a truth drawn from p (its ratio of expectations; Kohlberger et al. 2012 call such figures evaluation
    without ground truth). One pixel is added above and below, so that a class that is neither found nor likely counts 1.
    """

    labels: LabelSet
    both: NDArray[np.float64] = field(init=False)
    likely: NDArray[np.float64] = field(init=False)
    marked: NDArray[np.float64] = field(init=False)
    entropy: float = 0.0
    pixels: int = 0

    def __post_init__(self) -> None:
        self.both, self.likely, self.marked = (np.zeros(self.labels.classes) for _ in range(3))

    def add(self, probabilities: NDArray[np.floating[Any]], mask: NDArray[np.integer[Any]]) -> Evidence:
        """(K, *space) calibrated probabilities, and the final mask: (*space) labels, (K, *space) for regions."""
        for label in range(1, self.labels.classes + 1):
            found = self.labels.one_class(mask, label)
            p = probabilities[label - 1]
            self.both[label - 1] += float(p[found].sum(dtype=np.float64))
            self.likely[label - 1] += float(p.sum(dtype=np.float64))
            self.marked[label - 1] += float(np.count_nonzero(found))
        self.entropy += float(entropy(probabilities, self.labels).sum(dtype=np.float64))
        self.pixels += int(np.prod(probabilities.shape[1:]))
        return self

    @property
    def expected_dice(self) -> float:
        """0…1."""
        return float(np.mean((2 * self.both + 1) / (self.likely + self.marked + 1)))

    @property
    def nothing_found(self) -> bool:
        return float(self.marked.sum()) == 0

    @property
    def log_share(self) -> float:
        """Logarithm of the share of pixels that are marked."""
        return float(np.log((self.marked.sum() + 1) / (self.pixels + 1)))

    @property
    def unsure_share(self) -> float:
        """Entropy per marked pixel: how much of the mask is a rim of doubt."""
        return float(self.entropy / (self.marked.sum() + 1))
