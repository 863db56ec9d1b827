"""Finished runs with scores that a test decides: only the files that a comparison reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from delineate.domain import LabelSet, Unit
from delineate.evaluation import ClassScore, GroupScore, summarise, write_cases_csv
from delineate.metrics import Confusion
from delineate.recipe import Recipe, Splits, Training, save_json

NAN = float("nan")


def scored(person: str, dice: Sequence[float], names: Sequence[str] = ("tumour",), *, truth: int = 100) -> GroupScore:
    """One group of ``person`` with a Dice per class; the other measures follow from it."""
    classes = []
    for label, (name, value) in enumerate(zip(names, dice, strict=True), 1):
        tp = 0 if np.isnan(value) else round(truth * value)
        values = {
            "dice": value, "iou": value / (2 - value), "precision": value, "recall": value, "f1": value,
            "hd95": 20 * (1 - value), "assd": 5 * (1 - value),
        }  # fmt: skip
        classes.append(ClassScore(name, label, Confusion(tp, truth - tp, truth - tp, 4096 - 2 * truth + tp), values))
    return GroupScore(f"{person}/volume", person, "test", 1, tuple(classes))


def finished(
    folder: Path,
    dice: Mapping[str, float | Sequence[float]],
    *,
    names: Sequence[str] = ("tumour",),
    seed: int = 0,
    unit: Unit = "patient",
    train: Sequence[str] = ("t1", "t2"),
    folds: Sequence[Sequence[str]] | None = None,
    truth: int = 100,
    seconds: float = 100.0,
) -> Path:
    """A run folder: ``dice`` is person → Dice (one per class); ``folds`` the persons of each fold of a cross-validation."""
    labels = LabelSet(kind="binary" if len(names) == 1 else "exclusive", names=tuple(names))
    scores = [scored(p, [v] if isinstance(v, (int, float)) else v, names, truth=truth) for p, v in dice.items()]
    folder.mkdir(parents=True)
    write_cases_csv(folder / "cases.csv", scores)
    save_json(folder / "summary.json", {"test": summarise(scores, unit, labels, bootstrap=10), "timing": {"train": seconds}})
    parts = folds or [list(dice)]
    save_json(
        folder / "splits.json",
        Splits(unit=unit, folds=tuple({"train": tuple(train), "test": tuple(persons)} for persons in parts)),
    )
    save_json(folder / "recipe.json", Recipe(labels=labels, training=Training(seed=seed)))
    return folder


def persons(n: int) -> list[str]:
    return [f"P{number}" for number in range(1, n + 1)]


def drawn(
    n: int, *, mean: float = 0.8, seed: int = 0, person_seed: int = 7, shift: float = 0.0, noise: float = 0.02
) -> dict[str, float]:
    """Dice of ``n`` persons: what a person is like (the same for every model), what the model is like, and noise."""
    base = np.random.default_rng(person_seed).normal(mean, 0.08, n)
    own = np.random.default_rng(seed).normal(shift, noise, n)
    return dict(zip(persons(n), np.clip(base + own, 0.01, 0.99).tolist(), strict=True))
