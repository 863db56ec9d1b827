"""Two masks on one image: where they differ, and by how much."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from delineate.domain import LabelSet
from delineate.editing.changes import Labels
from delineate.metrics import dice

ONLY_A, ONLY_B, BOTH = 1, 2, 3
#: Colours of the map's values; apart for most colour-blind readers.
COLOURS = {ONLY_A: (213, 94, 0), ONLY_B: (0, 114, 178), BOTH: (240, 228, 66)}


@dataclass(frozen=True, eq=False)
class Comparison:
    """Labels ``a`` and ``b`` (layers, S, R, C) of one image and, where there is one, their ``truth``.

    Raises ``ValueError`` where the shapes differ.
    """

    a: Labels
    b: Labels
    labels: LabelSet
    truth: Labels | None = None

    def __post_init__(self) -> None:
        shapes = {array.shape for array in (self.a, self.b, self.truth) if array is not None}
        if len(shapes) != 1:
            raise ValueError(f"masks of different shapes: {sorted(shapes)}")

    def map(self, label: int) -> NDArray[np.uint8]:
        """(S, R, C): 0 neither, :data:`ONLY_A`, :data:`ONLY_B` or :data:`BOTH`."""
        return self._mask(self.a, label).astype(np.uint8) + 2 * self._mask(self.b, label).astype(np.uint8)

    def between(self, label: int) -> float | None:
        """Dice of a and b; ``None`` where both are empty."""
        return self._dice(self.a, self.b, label)

    def against_truth(self, label: int) -> tuple[float | None, float | None]:
        """Dice of a and of b with the truth; ``None`` without one, or where both are empty."""
        if self.truth is None:
            return None, None
        return self._dice(self.a, self.truth, label), self._dice(self.b, self.truth, label)

    def _dice(self, one: Labels, other: Labels, label: int) -> float | None:
        value = dice(self._mask(one, label), self._mask(other, label))
        return None if math.isnan(value) else value

    def _mask(self, labels: Labels, label: int) -> NDArray[np.bool_]:
        return self.labels.one_class(labels if self.labels.kind == "regions" else labels[0], label)
