"""Does the review rule hold what it promises? Many made-up validation sets, each followed by very many new patients.

    python benchmarks/doubt_simulation.py [--repeats 2000] [--json FILE]

A patient has a true expected quality; Dice scatters around it, and the model's own expected Dice is a noisy, biased view of it. The
rule is learned from n patients and its true risks are taken from 200,000 others. Three models: one that knows itself well, one that
hardly does, one whose opinion says nothing at all.
"""

from __future__ import annotations

import argparse
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from delineate.doubt import Judged, fit_review, review

Floats = NDArray[np.float64]
#: Noise of the model's opinion of itself, in logits of Dice; Dice itself scatters by 0.6.
MODELS = {"knows itself": 0.3, "hardly": 1.5, "not at all": math.inf}


def patients(rng: np.random.Generator, n: int, noise: float, middle: float = 2.3) -> tuple[Floats, Floats]:
    """(expected Dice, Dice) of n patients."""
    quality = rng.normal(middle, 0.7, n)
    dice = 1 / (1 + np.exp(-(quality + rng.normal(0, 0.6, n))))
    seen = rng.normal(middle, 0.7, n) if math.isinf(noise) else quality + rng.normal(0.3, noise, n)
    return 1 / (1 + np.exp(-seen)), dice


def simulate(n: int, noise: float, *, bar: float, alpha: float, repeats: int, seed: int = 0, new: int = 200_000) -> dict[str, Any]:
    """Shares over ``repeats`` validation sets; ``risk_*`` are true risks of the rules that each of them gave."""
    rng = np.random.default_rng(seed)
    expected, dice = patients(rng, new, noise)
    bad = dice < bar
    kinds: dict[str, int] = {}
    selective, joint, flagged, covered = [], [], [], []
    for _ in range(repeats):
        e, d = patients(rng, n, noise)
        cases = [Judged(str(i), float(e[i]), float(d[i]), -2.0) for i in range(n)]
        rule = fit_review(cases, dice_bar=bar, alpha=alpha)
        kinds[rule.guarantee] = kinds.get(rule.guarantee, 0) + 1
        free = np.zeros(new, dtype=bool) if rule.above is None else expected > rule.above
        flagged.append(1 - float(free.mean()))
        joint.append(float((free & bad).mean()))
        if rule.guarantee == "unflagged":
            selective.append(float(bad[free].mean()) if free.any() else 0.0)
        if rule.margin is not None:
            verdicts = [review(float(expected[i]), -2.0, False, rule) for i in range(200)]
            inside = [v.low is not None and v.high is not None and v.low <= dice[i] <= v.high for i, v in enumerate(verdicts)]
            covered.append(float(np.mean(inside)))
    return {
        "n": n,
        "alpha": alpha,
        "bad": float(bad.mean()),
        "guarantees": kinds,
        "unflagged_rule_breaks_promise": None if not selective else float(np.mean([r > alpha for r in selective])),
        "unflagged_rule_breaks_promise_of_all_sets": float(sum(r > alpha for r in selective) / repeats),
        "mean_unflagged_and_bad": float(np.mean(joint)),
        "mean_flagged": float(np.mean(flagged)),
        "interval_coverage": float(np.mean(covered)) if covered else None,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=2000)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    rows = []
    print("model          n   alpha  bad    rule broken  unflagged & bad  flagged  interval covers  guarantees")
    for name, noise in MODELS.items():
        for n in (5, 15, 25, 60, 200):
            row = {"model": name, **simulate(n, noise, bar=0.8, alpha=0.1, repeats=arguments.repeats)}
            rows.append(row)
            covers = "-" if row["interval_coverage"] is None else f"{row['interval_coverage']:.3f}"
            print(
                f"{name:13} {n:3}   {row['alpha']:.2f}   {row['bad']:.3f}  {row['unflagged_rule_breaks_promise_of_all_sets']:11.3f}"
                f"  {row['mean_unflagged_and_bad']:15.3f}  {row['mean_flagged']:7.2f}  {covers:>15}  {row['guarantees']}"
            )
    if arguments.json:
        arguments.json.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
