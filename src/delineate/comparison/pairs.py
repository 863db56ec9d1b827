"""Two models on the same persons."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from delineate.comparison.needed import persons_needed
from delineate.comparison.signed_rank import SignedRank, cohens_dz, signed_rank
from delineate.evaluation.intervals import describe


@dataclass(frozen=True)
class Pair:
    """``a`` against ``b``. Differences are a − b, so that with a distance (HD95) a positive one is a worse a; ``better`` and all
    shares and effects are turned so that positive always speaks for ``a``."""

    a: str
    b: str
    persons: tuple[str, ...]
    differences: tuple[float, ...] = field(repr=False)
    test: SignedRank
    numbers: dict[str, Any]
    p_holm: float = 1.0
    alpha: float = 0.05

    @property
    def winner(self) -> str | None:
        """Who is better beyond chance: p after Holm below α, mean and ranks point the same way, and the interval of the mean
        difference leaves out zero (the test speaks of ranks, the claim of means); else ``None``."""
        mean, effect = self.numbers["mean_advantage"], self.test.rank_biserial * self._sign
        if self.p_holm >= self.alpha or mean is None or mean * effect <= 0:
            return None
        interval = self.numbers["ci95"]
        if interval is not None and interval[0] <= 0 <= interval[1]:
            return None
        return self.a if mean > 0 else self.b

    @property
    def _sign(self) -> int:
        return 1 if self.numbers["higher_is_better"] else -1

    def plain(self) -> dict[str, Any]:
        """As comparison.json holds it."""
        shown = {key: value for key, value in self.numbers.items() if key not in ("mean_advantage", "higher_is_better")}
        return {
            "a": self.a,
            "b": self.b,
            "difference": shown.pop("difference"),
            "ci95": shown.pop("ci95"),
            "p_holm": self.p_holm,
            "p_a_better": shown.pop("p_a_better"),
            **shown,
            "p": self.test.p,
            "test": {
                "name": "wilcoxon-signed-rank",
                "method": self.test.method,
                "ranked": self.test.n,
                "zeros_left_out": self.test.zeros,
            },
            "rank_biserial": self.test.rank_biserial * self._sign,
            "better": self.winner,
        }


def compare_pair(
    a: str,
    b: str,
    values_a: Mapping[str, float],
    values_b: Mapping[str, float],
    *,
    unit: str,
    higher_is_better: bool,
    seed: int = 0,
    resamples: int = 2000,
) -> Pair:
    """Persons for whom the metric is undefined with either are left out, and ``n`` says how many counted."""
    persons = tuple(p for p in values_a if not math.isnan(values_a[p]) and not math.isnan(values_b.get(p, math.nan)))
    differences = np.array([values_a[p] - values_b[p] for p in persons], dtype=np.float64)
    advantage = np.round(differences if higher_is_better else -differences, 12)
    found = describe(list(differences), seed=seed, bootstrap=resamples)
    effect = cohens_dz(list(advantage))
    numbers: dict[str, Any] = {
        "difference": found["mean"],
        "ci95": found["ci95"],
        "ci_method": found["ci_method"],
        "n": found["n"],
        "unit": unit,
        **share_better(advantage, seed=seed, resamples=resamples),
        "p_mean_a_better": chance_of_better_mean(advantage, seed=seed, resamples=resamples),
        "cohens_dz": effect,
        "needed": {"power": 0.8, "alpha": 0.05, **persons_needed(effect)},
        "mean_advantage": float(advantage.mean()) if advantage.size else None,
        "higher_is_better": higher_is_better,
    }
    return Pair(a, b, persons, tuple(map(float, differences)), signed_rank(list(differences)), numbers)


def share_better(advantage: NDArray[np.float64], *, seed: int = 0, resamples: int = 2000) -> dict[str, Any]:
    """``p_a_better``: share of persons whom a serves better, equal ones counting half, with a bootstrap interval.

    Where all agree a bootstrap sees no other outcome; the interval is then Clopper's and Pearson's (1934), which does.
    """
    points = np.where(advantage > 0, 1.0, np.where(advantage < 0, 0.0, 0.5))
    found = describe(list(points), seed=seed, bootstrap=resamples)
    interval, method = found["ci95"], found["ci_method"]
    if interval is not None and points[0] != 0.5 and np.ptp(points) == 0:
        exact = stats.binomtest(int(points.sum()), points.size).proportion_ci(0.95, method="exact")
        interval, method = [float(exact.low), float(exact.high)], "Clopper-Pearson"
    return {"p_a_better": found["mean"], "p_a_better_ci95": interval, "p_a_better_ci_method": method}


def chance_of_better_mean(advantage: NDArray[np.float64], *, seed: int = 0, resamples: int = 2000) -> float | None:
    """Share of bootstrap samples of the persons in which a's mean is better (equal means count half): how sure the order of the
    means is, not how large the difference is."""
    if advantage.size == 0:
        return None
    rng = np.random.default_rng(seed)
    better = 0.0
    for _ in range(resamples):
        mean = round(float(advantage[rng.integers(0, advantage.size, advantage.size)].mean()), 12)
        better += 1.0 if mean > 0 else 0.5 if mean == 0 else 0.0
    return better / resamples
