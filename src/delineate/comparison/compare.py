"""All statistics of a comparison, put together."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

import numpy as np

from delineate.comparison.candidates import Candidate
from delineate.comparison.claim import Claim, make_claim
from delineate.comparison.pairs import Pair, compare_pair
from delineate.comparison.ranking import Ranking, rank_models
from delineate.comparison.signed_rank import holm
from delineate.comparison.variance import variance_components
from delineate.errors import UsageError
from delineate.evaluation.intervals import describe
from delineate.evaluation.summary import majority_unit
from delineate.metrics import metrics

ALPHA = 0.05


@dataclass(frozen=True)
class Comparison:
    """``models`` is keyed by name, best first by the primary metric; ``order`` likewise. ``persons`` are those of the test part."""

    models: dict[str, dict[str, Any]]
    pairs: tuple[Pair, ...]
    claim: Claim
    primary: str
    candidates: tuple[Candidate, ...]
    metrics: tuple[str, ...]

    @property
    def order(self) -> tuple[str, ...]:
        return tuple(self.models)

    def plain(self) -> dict[str, Any]:
        """comparison.json."""
        return {
            "models": self.models,
            "pairs": [pair.plain() for pair in self.pairs],
            "claim": self.claim.plain(),
            "primary": self.primary,
        }


def compare_candidates(
    candidates: Sequence[Candidate], primary: str = "dice", *, seed: int = 0, bootstrap: int = 2000, alpha: float = ALPHA
) -> Comparison:
    """Compare ``candidates`` (of :func:`group_runs`) by the metric ``primary``, which was named before anybody looked.

    Every number is over persons (patients, images or blocks, as the runs recorded it). Pairs are tested on the primary metric only:
    that is the one family of claims that Holm's correction covers.
    """
    known = measured(candidates)
    if primary not in known:
        raise UsageError("compare-no-metric", metric=primary, known=", ".join(known))
    higher = metrics.get(primary).better == "higher"
    unit = candidates[0].unit
    values = {c.name: c.values(primary) for c in candidates}
    numbers = {c.name: _model(c, known, seed, bootstrap) for c in candidates}
    # Best first. A model with no value at all is last, whatever the metric.
    order = sorted(numbers, key=lambda name: _goodness(numbers[name][primary]["mean"], higher), reverse=True)
    pairs = [
        compare_pair(a, b, values[a], values[b], unit=unit, higher_is_better=higher, seed=seed, resamples=bootstrap)
        for a, b in combinations(order, 2)
    ]
    adjusted = holm([pair.test.p for pair in pairs])
    pairs = [replace(pair, p_holm=p, alpha=alpha) for pair, p in zip(pairs, adjusted, strict=True)]
    complete = [p for p in candidates[0].persons if all(not math.isnan(values[name][p]) for name in order)]
    if len(complete) > 1:
        table = np.array([[values[name][person] for name in order] for person in complete])
        ranking = rank_models(table, higher_is_better=higher, seed=seed, resamples=max(1, bootstrap // 2))
        for at, name in enumerate(order):
            numbers[name]["rank"] = _rank(ranking, at, len(complete), unit)
    claim = make_claim(
        order,
        pairs,
        unit=unit,
        metric=primary,
        n=min(pair.numbers["n"] for pair in pairs),
        alpha=alpha,
        notes=_notes(candidates, pairs),
    )
    return Comparison(
        {name: _with_variance(numbers[name], _named(candidates, name), primary) for name in order},
        tuple(pairs),
        claim,
        primary,
        tuple(_named(candidates, name) for name in order),
        known,
    )


def measured(candidates: Sequence[Candidate]) -> tuple[str, ...]:
    """Registered metrics that every run has a column of, and in the same units: an NSD at 1 mm says nothing about one at 2 mm."""
    columns = [set(c.values) for x in candidates for scores in x.replicates.values() for s in scores for c in s.classes]
    there = [metric.name for metric in metrics if all(metric.name in found for found in columns)]
    return tuple(name for name in there if len(_units(candidates, name)) == 1)


def _units(candidates: Sequence[Candidate], metric: str) -> set[str]:
    return {majority_unit(scores, metric) for candidate in candidates for scores in candidate.replicates.values()}


def _named(candidates: Sequence[Candidate], name: str) -> Candidate:
    return next(c for c in candidates if c.name == name)


def _goodness(mean: float | None, higher: bool) -> float:
    return -math.inf if mean is None else mean if higher else -mean


def _model(candidate: Candidate, known: Sequence[str], seed: int, bootstrap: int) -> dict[str, Any]:
    def table(of_class: str | None) -> dict[str, Any]:
        found = {}
        for metric in known:
            found[metric] = {
                **describe(list(candidate.values(metric, of_class).values()), seed=seed, bootstrap=bootstrap),
                "unit": candidate.unit,
            }
            if unit := majority_unit(next(iter(candidate.replicates.values())), metric):
                found[metric]["measured_in"] = unit  # of NSD with its tolerance: "2 mm"
        return found

    seconds = [run.seconds for run in candidate.runs]
    speeds = [run.images_per_second for run in candidate.runs if run.images_per_second]
    return {
        **table(None),
        "classes": {name: table(name) for name in candidate.classes},
        "n": len(candidate.persons),
        "runs": [run.folder.resolve().name for run in candidate.runs],
        "seeds": sorted(candidate.replicates),
        "folds": len(set(candidate.fold.values())),
        "network": candidate.runs[0].network,
        "parameters": candidate.runs[0].parameters,
        "training_seconds": math.fsum(s for s in seconds if s) / len(seconds) if all(seconds) else None,
        "images_per_second": float(np.median(speeds)) if speeds else None,
    }


def _rank(ranking: Ranking, at: int, n: int, unit: str) -> dict[str, Any]:
    return {
        "mean_then_rank": ranking.mean_then_rank[at],
        "ci95": list(ranking.ci95[at]),
        "share": list(ranking.share[at]),
        "rank_then_mean": ranking.rank_then_mean[at],
        "rank_then_mean_rank": ranking.rank_then_mean_rank[at],
        "kendall_tau": ranking.tau,
        "n": n,
        "unit": unit,
    }


def _with_variance(numbers: dict[str, Any], candidate: Candidate, primary: str) -> dict[str, Any]:
    """Variance of the primary metric where there are several seeds or folds."""
    by_seed = candidate.by_seed(primary)
    tables = []
    for fold in sorted(set(candidate.fold.values())):
        members = [p for p in candidate.persons if candidate.fold[p] == fold]
        members = [p for p in members if all(not math.isnan(v[p]) for v in by_seed.values())]
        if members:
            tables.append(np.array([[values[p] for p in members] for values in by_seed.values()]))
    split = variance_components(tables) if tables else None
    return {**numbers, "variance": split} if split else numbers


def _notes(candidates: Sequence[Candidate], pairs: Sequence[Pair]) -> list[tuple[str, dict[str, Any]]]:
    """What a careful reader has to know beside the claim."""
    notes: list[tuple[str, dict[str, Any]]] = []
    unit = candidates[0].unit
    if any(run.synthetic for c in candidates for run in c.runs):
        notes.append(("synthetic", {}))
    if unit != "patient":
        notes.append((f"unit-{unit}", {}))
    single = [c.name for c in candidates if len(c.replicates) == 1]
    if single:
        notes.append(("one-seed", {"names": single}))
    trained = {frozenset().union(*(run.trained_on for run in c.runs)) for c in candidates}
    if frozenset() in trained:
        notes.append(("training-unknown", {}))
    elif len(trained) > 1:
        notes.append(("training-differs", {}))
    if len(_units(candidates, "nsd")) > 1:
        notes.append(("tolerances-differ", {}))
    if any(len(set(c.fold.values())) > 1 for c in candidates):
        notes.append(("folds-share", {}))
    everybody = len(candidates[0].persons)
    fewest = min(pair.numbers["n"] for pair in pairs)
    if fewest < everybody:
        notes.append(("undefined", {"n": everybody - fewest, "of": everybody, "unit": unit}))
    zeros: Mapping[str, int] = {f"{pair.a} – {pair.b}": pair.test.zeros for pair in pairs if pair.test.zeros}
    if zeros:
        notes.append(("zeros", {"n": max(zeros.values()), "unit": unit}))
    return notes
