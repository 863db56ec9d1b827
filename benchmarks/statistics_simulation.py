"""Do the statistics of ``delineate compare`` keep what they promise? Simulated persons, known truth.

    python benchmarks/statistics_simulation.py --write docs/statistics.md

writes the tables between the markers of docs/statistics.md. ``--repeats`` sets the size (default 1000: a few minutes on one core).
tests/comparison/test_simulation.py runs the same functions small.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Callable, Iterator
from itertools import combinations
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from delineate.comparison.needed import persons_needed
from delineate.comparison.pairs import share_better
from delineate.comparison.signed_rank import holm, signed_rank
from delineate.comparison.variance import variance_components
from delineate.evaluation.intervals import describe

Values = NDArray[np.float64]
Draw = Callable[[np.random.Generator, int], Values]

BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"
#: Like Dice of persons: most are good, some are not (skewed to the left). True mean 8/9.
DICE: Draw = lambda rng, n: rng.beta(8, 1, n)  # noqa: E731
#: Differences of two models: bell-shaped, heavy-tailed, and mostly nothing with some failures; all symmetric about 0.
DIFFERENCES: dict[str, Draw] = {
    "normal": lambda rng, n: rng.normal(0, 0.03, n),
    "heavy tails (t, 3 d.f.)": lambda rng, n: 0.03 * rng.standard_t(3, n),
    "a third of them zero": lambda rng, n: rng.normal(0, 0.03, n) * (rng.random(n) > 1 / 3),
    "in steps (ties)": lambda rng, n: np.round(rng.normal(0, 1.5, n)),
}


def coverage_of_mean(draw: Draw, truth: float, n: int, repeats: int, bootstrap: int = 1000, seed: int = 1) -> float:
    """How often the 95 % interval of the mean holds the true mean."""
    rng = np.random.default_rng(seed)
    hits = 0
    for number in range(repeats):
        low, high = describe(list(draw(rng, n)), seed=number, bootstrap=bootstrap)["ci95"]
        hits += low <= truth <= high
    return hits / repeats


def coverage_of_share(truth: float, n: int, repeats: int, bootstrap: int = 1000, seed: int = 2) -> float:
    """How often the interval of "A is better" holds the true share."""
    rng = np.random.default_rng(seed)
    hits = 0
    for number in range(repeats):
        advantage = np.where(rng.random(n) < truth, 1.0, -1.0)
        low, high = share_better(advantage, seed=number, resamples=bootstrap)["p_a_better_ci95"]
        hits += low <= truth <= high
    return hits / repeats


def false_positives(draw: Draw, n: int, repeats: int, alpha: float = 0.05, seed: int = 3) -> float:
    """How often the signed-rank test finds a difference where there is none."""
    rng = np.random.default_rng(seed)
    return sum(signed_rank(list(draw(rng, n))).p <= alpha for _ in range(repeats)) / repeats


def false_claims(models: int, n: int, repeats: int, alpha: float = 0.05, seed: int = 4) -> tuple[float, float]:
    """How often at least one of all pairs of equal models is called different: after Holm, and without any correction."""
    rng = np.random.default_rng(seed)
    corrected = plain = 0
    for _ in range(repeats):
        table = rng.beta(8, 1, (n, 1)) + rng.normal(0, 0.02, (n, models))
        p = [signed_rank(list(table[:, a] - table[:, b])).p for a, b in combinations(range(models), 2)]
        corrected += min(holm(p)) <= alpha
        plain += min(p) <= alpha
    return corrected / repeats, plain / repeats


def power_at(effect: float, repeats: int, seed: int = 5) -> tuple[int, float]:
    """The number of persons that is said to be needed, and how often the test then finds the difference (promised: 0.8)."""
    n = persons_needed(effect)["wilcoxon"]
    assert n is not None
    rng = np.random.default_rng(seed)
    return n, sum(signed_rank(list(rng.normal(effect, 1, n))).p <= 0.05 for _ in range(repeats)) / repeats


def variance_means(seeds: int, folds: int, persons: int, repeats: int, seed: int = 6) -> dict[str, float]:
    """Mean estimates where the truth is fold 0.01², seed 0.02², person 0.08², rest 0.03² (given as multiples of the truth)."""
    truth = {"fold": 0.01**2, "seed": 0.02**2, "person": 0.08**2, "rest": 0.03**2}
    rng = np.random.default_rng(seed)
    total = dict.fromkeys(truth, 0.0)
    for _ in range(repeats):
        tables = [
            rng.normal(0, 0.01)
            + rng.normal(0, 0.08, (1, persons))
            + rng.normal(0, 0.02, (seeds, 1))
            + rng.normal(0, 0.03, (seeds, persons))
            for _ in range(folds)
        ]
        found = variance_components(tables)
        assert found is not None
        for name in truth:
            value = found[name]
            total[name] += math.nan if value is None else value
    return {name: total[name] / repeats / truth[name] for name in truth}


def tables(repeats: int) -> Iterator[str]:
    error = 1.96 * math.sqrt(0.95 * 0.05 / repeats)
    yield f"{repeats} repeats each; a share of 0.95 or 0.05 is known to about ± {error:.3f}.\n"
    yield "### Coverage of the 95 % interval of a mean (nominal 0.950)\n"
    yield "| n | scores like Dice, beta(8, 1) | normal | differences, t with 3 d.f. |\n| ---: | ---: | ---: | ---: |"
    for n in (5, 10, 24, 50, 100):
        shares = [
            coverage_of_mean(DICE, 8 / 9, n, repeats),
            coverage_of_mean(DIFFERENCES["normal"], 0.0, n, repeats),
            coverage_of_mean(DIFFERENCES["heavy tails (t, 3 d.f.)"], 0.0, n, repeats),
        ]
        yield f"| {n} | " + " | ".join(f"{share:.3f}" for share in shares) + " |"
    yield "\n### Coverage of the 95 % interval of the share that A serves better\n"
    yield "| n | truth 0.5 | truth 0.7 | truth 0.9 |\n| ---: | ---: | ---: | ---: |"
    for n in (10, 24, 50):
        yield f"| {n} | " + " | ".join(f"{coverage_of_share(truth, n, repeats):.3f}" for truth in (0.5, 0.7, 0.9)) + " |"
    yield "\n### False positives of the signed-rank test at α = 0.05\n"
    yield "| n | " + " | ".join(DIFFERENCES) + " |\n| ---: |" + " ---: |" * len(DIFFERENCES)
    for n in (6, 10, 24, 50, 100):
        yield f"| {n} | " + " | ".join(f"{false_positives(draw, n, 2 * repeats):.3f}" for draw in DIFFERENCES.values()) + " |"
    yield "\n### At least one false claim among all pairs of equal models (24 persons)\n"
    yield "| models | pairs | with Holm | without correction |\n| ---: | ---: | ---: | ---: |"
    for models in (2, 3, 5, 8):
        corrected, plain = false_claims(models, 24, repeats)
        yield f"| {models} | {models * (models - 1) // 2} | {corrected:.3f} | {plain:.3f} |"
    yield "\n### Power at the number of persons said to be needed (promised 0.80, normal differences)\n"
    yield "| effect (dz) | persons | power found |\n| ---: | ---: | ---: |"
    for effect in (0.3, 0.5, 0.8, 1.2):
        n, power = power_at(effect, 2 * repeats)
        yield f"| {effect} | {n} | {power:.3f} |"
    yield "\n### Variance components: mean estimate over the truth (unbiased: 1)\n"
    yield "| folds × seeds × persons per fold | fold | seed | person | rest |\n| --- | ---: | ---: | ---: | ---: |"
    for folds, seeds, persons in ((5, 2, 5), (5, 3, 22), (10, 5, 10)):
        found = variance_means(seeds, folds, persons, repeats)
        yield f"| {folds} × {seeds} × {persons} | " + " | ".join(f"{value:.2f}" for value in found.values()) + " |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=1000)
    parser.add_argument("--write", type=Path, help="a file with the markers, e.g. docs/statistics.md")
    options = parser.parse_args()
    began = time.monotonic()
    text = "\n".join(tables(options.repeats))
    print(text)
    print(f"\n{time.monotonic() - began:.0f} s")
    if options.write:
        before, _, rest = options.write.read_text(encoding="utf-8").partition(BEGIN)
        after = rest.partition(END)[2]
        options.write.write_text(f"{before}{BEGIN}\n{text}\n{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
