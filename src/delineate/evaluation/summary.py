"""From scores of groups to the numbers of summary.json: one value per person first, then statistics over persons."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from delineate.domain import LabelSet, Unit
from delineate.evaluation.intervals import describe
from delineate.evaluation.scores import ClassScore, GroupScore, mean
from delineate.metrics import LESION_IOU, metrics

#: What comes first in the tables.
HEADLINES = ("dice", "iou", "precision", "recall", "f1", "hd95")
#: What summary.json always has, for the whole part and for every class.
MEASURES = (
    *HEADLINES,
    "assd",
    "nsd",
    "volume_difference",
    "relative_volume_difference",
    "lesion_f1",
    "lesion_precision",
    "lesion_recall",
)


def summarise(
    scores: Sequence[GroupScore], unit: Unit, label_set: LabelSet, *, seed: int = 0, bootstrap: int = 2000
) -> dict[str, Any]:
    """Statistics of one part (all ``scores`` count, whatever their ``part``), ready for :func:`delineate.recipe.save_json`.

    A person's value of a class is the mean over that person's groups; a person's headline value is the mean over classes; mean,
    median, sd and the bootstrap interval are over persons. Undefined values are left out and every statistic carries its own ``n``:

    * neither truth nor prediction has the class: no metric of that class and group counts (``both_empty.n`` of ``both_empty.of``);
    * only one of them has it: Dice, IoU, F1, NSD and the lesion-wise F1 are 0; HD95, ASSD and, where it is the truth that is empty,
      the relative volume difference are undefined and counted in ``n_undefined``.

    Values in different units (mm and pixels; mL, mm² and pixels; NSD at different tolerances) are never averaged together: the unit
    that most groups have is reported (the physical one on a tie), the groups in another are counted in ``n_other_unit``.
    """
    names = label_set.names
    groups = {name: [_named(score, name) for score in scores] for name in names}
    persons = list(dict.fromkeys(score.person for score in scores))
    units = {metric: majority_unit(scores, metric) for metric in MEASURES}

    def table(classes: Sequence[str]) -> dict[str, Any]:
        result: dict[str, Any] = {}
        chosen = [(score, c) for name in classes for score, c in zip(scores, groups[name], strict=True) if c is not None]
        for metric, unit in units.items():
            usable = _usable(metric, unit)
            values = _per_person(scores, groups, classes, metric, usable)
            found = result[metric] = describe([values[person] for person in persons], seed=seed, bootstrap=bootstrap)
            quantity = metrics.get(metric).quantity
            if quantity == "surface":
                tolerance, _, unit = unit.partition(" ")
                found["tolerance"] = float(tolerance)
            if quantity in ("surface", "distance", "volume"):
                found["unit"] = unit
            if quantity != "ratio":
                found["n_undefined"] = sum(
                    math.isnan(c.values.get(metric, math.nan)) and not c.counts.both_empty for s, c in chosen if usable(s)
                )
                found["n_other_unit"] = sum(not usable(score) for score in scores)
            if metric.startswith("lesion_"):
                found["rule"] = f"IoU > {LESION_IOU:g}, one to one"
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
    return _per_person(scores, groups, names, metric, _usable(metric, majority_unit(scores, metric)))


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


def _usable(metric: str, unit: str) -> Callable[[GroupScore], bool]:
    kind = metrics.get(metric)
    return lambda score: score.unit_of(kind) == unit


def _named(score: GroupScore, name: str) -> ClassScore | None:
    return next((c for c in score.classes if c.name == name), None)


def majority_unit(scores: Sequence[GroupScore], metric: str) -> str:
    """What most groups have ``metric`` in, as :meth:`GroupScore.unit_of` names it; pixels only where most groups are in pixels."""
    kind = metrics.get(metric)
    found = Counter(score.unit_of(kind) for score in scores) or Counter([GroupScore("", "", "", 1, ()).unit_of(kind)])
    return max(found, key=lambda unit: (found[unit], not unit.endswith("px"), unit))
