"""From scores of groups to the numbers of summary.json: one value per person first, then statistics over persons."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from delineate.domain import LabelSet, Unit
from delineate.evaluation.intervals import describe
from delineate.evaluation.scores import ClassScore, Distance, GroupScore, mean

RATIOS = ("dice", "iou", "precision", "recall", "f1")
#: What summary.json always has, in the order of the tables.
HEADLINES = (*RATIOS, "hd95")


def summarise(
    scores: Sequence[GroupScore], unit: Unit, label_set: LabelSet, *, seed: int = 0, bootstrap: int = 2000
) -> dict[str, Any]:
    """Statistics of one part (all ``scores`` count, whatever their ``part``), ready for :func:`delineate.recipe.save_json`.

    A person's value of a class is the mean over that person's groups; a person's headline value is the mean over classes; mean,
    median, sd and the bootstrap interval are over persons. Undefined values are left out and every statistic carries its own ``n``:

    * neither truth nor prediction has the class: no metric of that class and group counts (``both_empty.n`` of ``both_empty.of``);
    * only one of them has it: Dice, IoU and F1 are 0, HD95 is undefined and counted in ``hd95.n_undefined``.

    HD95 in mm and in pixels are never averaged together: the unit that most groups have is reported (mm on a tie), the groups in
    the other are counted in ``hd95.n_other_unit``.
    """
    names = label_set.names
    groups = {name: [_named(score, name) for score in scores] for name in names}
    persons = list(dict.fromkeys(score.person for score in scores))
    distance = _majority_unit(scores)

    def table(classes: Sequence[str]) -> dict[str, Any]:
        result: dict[str, Any] = {}
        for metric in HEADLINES:
            usable = _usable(metric, distance)
            values = _per_person(scores, groups, classes, metric, usable)
            result[metric] = describe([values[person] for person in persons], seed=seed, bootstrap=bootstrap)
        chosen = [(score, c) for name in classes for score, c in zip(scores, groups[name], strict=True) if c is not None]
        hd95 = result["hd95"]
        hd95["unit"] = distance
        hd95["n_undefined"] = sum(
            math.isnan(c.values.get("hd95", math.nan)) and not c.counts.both_empty for s, c in chosen if s.distance_unit == distance
        )
        hd95["n_other_unit"] = sum(score.distance_unit != distance for score in scores)
        result["both_empty"] = {"policy": "excluded", "n": sum(c.counts.both_empty for _, c in chosen), "of": len(chosen)}
        return result

    return {
        "unit": unit,
        "n": len(persons),
        "n_groups": len(scores),
        **table(names),
        "classes": {name: table([name]) for name in names},
    }


def person_values(scores: Sequence[GroupScore], metric: str = "dice") -> dict[str, float]:
    """The headline value of every person, as :func:`summarise` averages it; NaN where it is defined for no group of theirs."""
    names = list(dict.fromkeys(c.name for score in scores for c in score.classes))
    groups = {name: [_named(score, name) for score in scores] for name in names}
    return _per_person(scores, groups, names, metric, _usable(metric, _majority_unit(scores)))


def _per_person(
    scores: Sequence[GroupScore],
    groups: Mapping[str, Sequence[ClassScore | None]],
    classes: Sequence[str],
    metric: str,
    usable: Callable[[GroupScore], bool],
) -> dict[str, float]:
    collected: dict[str, dict[str, list[float]]] = {score.person: {name: [] for name in classes} for score in scores}
    for name in classes:
        for score, of_class in zip(scores, groups[name], strict=True):
            if of_class is not None and usable(score):
                collected[score.person][name].append(of_class.values.get(metric, math.nan))
    return {person: mean(mean(values) for values in by_class.values()) for person, by_class in collected.items()}


def _usable(metric: str, distance: Distance) -> Callable[[GroupScore], bool]:
    return (lambda score: True) if metric in RATIOS else (lambda score: score.distance_unit == distance)


def _named(score: GroupScore, name: str) -> ClassScore | None:
    return next((c for c in score.classes if c.name == name), None)


def _majority_unit(scores: Sequence[GroupScore]) -> Distance:
    if not scores:
        return "px"
    in_mm = sum(score.distance_unit == "mm" for score in scores)
    return "mm" if 2 * in_mm >= len(scores) else "px"
