"""Wilcoxon's signed-rank test of paired differences, and Holm's correction over several of them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

#: Differences closer than this are one number that rounding tells apart, not two.
_DECIMALS = 12
#: Up to so many differences the p-value is exact; beyond, the normal approximation is.
_MOST_EXACT = 50


@dataclass(frozen=True)
class SignedRank:
    """Two-sided. ``zeros`` persons without a difference were left out (Wilcoxon's own way); ``n`` were ranked.

    ``method`` is ``exact`` (permutations of the signs, given the ties) or ``asymptotic`` (normal, corrected for ties and
    continuity). ``positive`` and ``negative`` are the sums of ranks. ``p`` is 1 where nobody differs.
    """

    p: float
    n: int
    zeros: int
    method: str
    positive: float
    negative: float

    @property
    def rank_biserial(self) -> float:
        """Matched-pairs rank-biserial correlation (W+ − W−)/(W+ + W−), Kerby 2014, doi:10.2466/11.IT.3.1; 0 where none differs."""
        total = self.positive + self.negative
        return (self.positive - self.negative) / total if total else 0.0


def signed_rank(differences: Sequence[float]) -> SignedRank:
    """Wilcoxon 1945, doi:10.2307/3001968. NaN is not for here: the caller says who counts."""
    rounded = np.round(np.asarray(differences, dtype=np.float64), _DECIMALS)
    used = rounded[rounded != 0]
    zeros = int(rounded.size - used.size)
    if used.size == 0:
        return SignedRank(1.0, 0, zeros, "exact", 0.0, 0.0)
    ranks = stats.rankdata(np.abs(used))
    positive, negative = float(ranks[used > 0].sum()), float(ranks[used < 0].sum())
    tied = np.unique(np.abs(used)).size < used.size
    exact = used.size <= _MOST_EXACT
    if exact and tied:  # SciPy's table knows no ties
        p = _exact(ranks, min(positive, negative))
    else:
        p = float(stats.wilcoxon(used, correction=True).pvalue)  # exact up to 50 without ties, else asymptotic
    return SignedRank(p, int(used.size), zeros, "exact" if exact else "asymptotic", positive, negative)


def _exact(ranks: NDArray[np.float64], smaller: float) -> float:
    """Share of all 2^n signs with a sum of ranks as far out, counted by adding one rank after the other (mid-ranks doubled)."""
    doubled = np.round(2 * ranks).astype(int)
    ways = np.zeros(int(doubled.sum()) + 1)
    ways[0] = 1.0
    for rank in doubled:
        ways[rank:] = (ways[rank:] + ways[:-rank]) / 2
        ways[:rank] /= 2
    return min(1.0, 2.0 * float(ways[: round(2 * smaller) + 1].sum()))


def smallest_p(n: int) -> float:
    """The least p that the exact two-sided test can give on ``n`` persons: with few, nothing can be shown however large it is."""
    return min(1.0, 2.0 ** (1 - n))


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjusted p-values that keep the chance of any false claim at α (Holm 1979, Scand. J. Stat. 6:65–70), in the order given."""
    adjusted = [1.0] * len(p_values)
    highest = 0.0
    for place, at in enumerate(sorted(range(len(p_values)), key=lambda i: p_values[i])):
        highest = max(highest, min(1.0, (len(p_values) - place) * p_values[at]))
        adjusted[at] = highest
    return adjusted


def cohens_dz(differences: Sequence[float]) -> float | None:
    """Mean over standard deviation (n − 1) of the differences; ``None`` where they do not vary or are fewer than two."""
    values = np.asarray(differences, dtype=np.float64)
    if values.size < 2:
        return None
    sd = float(values.std(ddof=1))
    return float(values.mean()) / sd if sd > 10.0**-_DECIMALS and math.isfinite(sd) else None
