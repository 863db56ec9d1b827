"""Where one candidate's scores vary: between folds, between seeds, between persons.

Model, for fold f, training (seed) s within the fold, person p of the fold::

    y_fsp = μ + F_f + S_fs + P_fp + e_fsp        all random, independent, with variances σ²_F, σ²_S, σ²_P, σ²_e

A seed trains anew in every fold, so that seeds are nested in folds; within a fold every seed scores every person. Method of
moments (expected mean squares of the two-way table of each fold, without replication), with n_f persons and S seeds:

    σ²_e = Σ_f SS_e,f / Σ_f (S−1)(n_f−1)
    σ²_P = (Σ_f SS_P,f / Σ_f (n_f−1) − σ²_e) / S
    σ²_S = mean_f [ (MS_S,f − σ²_e) / n_f ]
    σ²_F = Var_f(ȳ_f) − mean_f [ σ²_P/n_f + σ²_S/S + σ²_e/(S n_f) ]

A negative estimate is set to 0, as usual. With one seed, σ²_P holds σ²_e too and σ²_F holds σ²_S too; with
one fold there is no σ²_F. Searle, Casella & McCulloch 1992, Variance Components, ch. 4.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def variance_components(folds: Sequence[NDArray[np.float64]]) -> dict[str, float | int | None] | None:
    """``folds``: one (seeds, persons) table per fold, all with as many seeds, without NaN.

    Gives ``{"fold", "seed", "person", "rest", "folds", "seeds", "persons"}``; a component that cannot be told is ``None``. ``None``
    where there is one fold and one seed (nothing to split), or no fold with two persons.
    """
    tables = [np.asarray(table, dtype=np.float64) for table in folds]
    seeds = tables[0].shape[0]
    if (len(tables) < 2 and seeds < 2) or all(table.shape[1] < 2 for table in tables):
        return None
    freedom = sum(table.shape[1] - 1 for table in tables)
    between_persons = sum(seeds * float(((t.mean(axis=0) - t.mean()) ** 2).sum()) for t in tables) / freedom
    rest: float | None = None
    seed: float | None = None
    if seeds > 1:
        leftover = [t - t.mean(axis=0) - t.mean(axis=1, keepdims=True) + t.mean() for t in tables]
        rest = sum(float((r**2).sum()) for r in leftover) / ((seeds - 1) * freedom)
        person = max(0.0, (between_persons - rest) / seeds)
        # MS_S of a fold is n_f times the variance of the seeds' means.
        seed = max(0.0, _mean([float(t.mean(axis=1).var(ddof=1)) - rest / t.shape[1] for t in tables]))
    else:
        person = between_persons
    fold: float | None = None
    if len(tables) > 1:
        own = [person / t.shape[1] + (seed or 0.0) / seeds + (rest or 0.0) / (seeds * t.shape[1]) for t in tables]
        fold = max(0.0, float(np.var([t.mean() for t in tables], ddof=1)) - _mean(own))
    persons = sum(table.shape[1] for table in tables)
    return {
        "fold": fold, "seed": seed, "person": person, "rest": rest,
        "folds": len(tables), "seeds": seeds, "persons": persons,
    }  # fmt: skip


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values)
