"""Ranks of models and how stable they are when other persons might have been scored (Wiesenfarth et al. 2021, challengeR,
doi:10.1038/s41598-021-82017-6)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

Values = NDArray[np.float64]


@dataclass(frozen=True)
class Ranking:
    """Per model, rank 1 is best, ties share the mean of their ranks.

    ``mean_then_rank``: means over persons are ranked (the ranking shown). ``rank_then_mean``: models are ranked within every
    person and the ranks averaged; ``rank_then_mean_rank`` ranks those averages. ``ci95`` are percentiles of the bootstrap ranks,
    ``share`` how often each rank (1 … k) came out (ties go to the better rank), ``tau`` the mean of Kendall's τ between the
    ranking and its bootstrap copies (``None`` where it is defined for none).
    """

    mean_then_rank: tuple[float, ...]
    rank_then_mean: tuple[float, ...]
    rank_then_mean_rank: tuple[float, ...]
    ci95: tuple[tuple[float, float], ...]
    share: tuple[tuple[float, ...], ...]
    tau: float | None


def rank_models(values: Values, *, higher_is_better: bool, seed: int = 0, resamples: int = 1000) -> Ranking:
    """``values`` is (persons, models) without NaN."""
    good = values if higher_is_better else -values
    persons, models = good.shape
    original = _ranks(good.mean(axis=0))
    within = stats.rankdata(-_settled(good), axis=1)
    average = within.mean(axis=0)
    rng = np.random.default_rng(seed)
    copies = np.stack([_ranks(good[rng.integers(0, persons, persons)].mean(axis=0)) for _ in range(resamples)])
    places = np.floor(copies).astype(int)
    share = [[float(np.mean(places[:, m] == rank)) for rank in range(1, models + 1)] for m in range(models)]
    low, high = np.percentile(copies, [2.5, 97.5], axis=0)
    return Ranking(
        tuple(map(float, original)),
        tuple(map(float, average)),
        tuple(map(float, stats.rankdata(_settled(average)))),
        tuple((float(a), float(b)) for a, b in zip(low, high, strict=True)),
        tuple(map(tuple, share)),
        _mean_tau(original, copies),
    )


def _settled(values: Values) -> Values:
    """Rounded, so that what is equal but for the order of summation shares its rank."""
    return np.round(values, 12)


def _ranks(means: Values) -> Values:
    return np.asarray(stats.rankdata(-_settled(means)), dtype=np.float64)


def _mean_tau(original: Values, copies: Values) -> float | None:
    if np.unique(original).size < 2:
        return None
    distinct, counts = np.unique(copies, axis=0, return_counts=True)
    taus = [(_tau(original, row), int(n)) for row, n in zip(distinct, counts, strict=True)]
    known = [(tau, n) for tau, n in taus if tau is not None]
    return sum(tau * n for tau, n in known) / sum(n for _, n in known) if known else None


def _tau(a: Values, b: Values) -> float | None:
    return float(stats.kendalltau(a, b).statistic) if np.unique(b).size > 1 else None


def groups_not_told_apart(order: Sequence[str], different: set[frozenset[str]]) -> list[tuple[str, ...]]:
    """Longest runs of neighbours in ``order`` of which no two differ: the bars of a critical-difference diagram (Demšar 2006),
    here with the Holm-corrected signed-rank test in place of Nemenyi's, as Benavoli et al. 2016 advise (JMLR 17(5):1–10)."""
    found: list[tuple[str, ...]] = []
    reached = 0
    for start in range(len(order)):
        end = start + 1
        while end < len(order) and all(frozenset((order[end], order[i])) not in different for i in range(start, end)):
            end += 1
        if end - start > 1 and end > reached:
            found.append(tuple(order[start:end]))
            reached = end
    return found
