"""Runs put together to candidates, and the proof that all of them were scored on the same cases."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from delineate.comparison.runs import FinishedRun
from delineate.domain import Unit
from delineate.errors import DataError, UsageError
from delineate.evaluation import GroupScore, person_values
from delineate.evaluation.cases import natural

_SHOWN = 8


@dataclass(frozen=True)
class Candidate:
    """What is compared: one recipe under one name, trained once or with several seeds and folds.

    ``replicates`` maps a seed to the scores of every person; all seeds score the same persons. ``fold`` is the fold a person was
    scored in.
    """

    name: str
    runs: tuple[FinishedRun, ...]
    replicates: Mapping[int, tuple[GroupScore, ...]]
    fold: Mapping[str, int]

    @property
    def unit(self) -> Unit:
        return self.runs[0].unit

    @property
    def persons(self) -> tuple[str, ...]:
        return tuple(sorted({s.person for s in next(iter(self.replicates.values()))}, key=natural))

    @property
    def classes(self) -> tuple[str, ...]:
        return self.runs[0].labels.names

    def by_seed(self, metric: str, of_class: str | None = None) -> dict[int, dict[str, float]]:
        """Seed → person → value, as :func:`delineate.evaluation.summarise` averages it (mean over groups, then over classes)."""
        return {seed: person_values(_only(scores, of_class), metric) for seed, scores in self.replicates.items()}

    def values(self, metric: str, of_class: str | None = None) -> dict[str, float]:
        """One value per person: the mean over seeds; NaN where it is undefined with any of them."""
        found = self.by_seed(metric, of_class).values()
        return {person: math.fsum(v.get(person, math.nan) for v in found) / len(found) for person in self.persons}


def _only(scores: Sequence[GroupScore], of_class: str | None) -> list[GroupScore]:
    if of_class is None:
        return list(scores)
    return [replace(score, classes=tuple(c for c in score.classes if c.name == of_class)) for score in scores]


def group_runs(named: Sequence[tuple[str, FinishedRun]]) -> list[Candidate]:
    """Runs of one name are one candidate. Refuses what cannot be compared fairly.

    Raises
    ------
    UsageError
        ``compare-needs-two``, ``compare-same-seed``, ``compare-seeds-unbalanced``.
    DataError
        ``compare-units-differ``, ``compare-classes-differ``, ``compare-persons-differ``, ``compare-groups-differ``,
        ``compare-truth-differs``.
    """
    names = list(dict.fromkeys(name for name, _ in named))
    if len(names) < 2:
        raise UsageError("compare-needs-two", n=len(names))
    candidates = [_candidate(name, [run for other, run in named if other == name]) for name in names]
    for candidate in candidates:
        for run in candidate.runs:
            _same_task(candidates[0].name, candidates[0].runs[0], candidate.name, run)
    for candidate in candidates:
        for scores in candidate.replicates.values():
            _same_cases(candidates[0].name, next(iter(candidates[0].replicates.values())), candidate.name, scores)
    return candidates


def _candidate(name: str, runs: Sequence[FinishedRun]) -> Candidate:
    replicates: dict[int, list[GroupScore]] = {}
    fold: dict[str, int] = {}
    several = len({run.persons for run in runs}) > 1  # folds in folders of their own
    order = list(dict.fromkeys(run.persons for run in runs))
    for run in runs:
        mine = replicates.setdefault(run.seed, [])
        twice = run.persons & {score.person for score in mine}
        if twice:
            raise UsageError("compare-same-seed", name=name, seed=run.seed, persons=_list(twice))
        mine.extend(run.scores)
        for person in run.persons:
            fold[person] = order.index(run.persons) if several else run.fold.get(person, 0)
    persons = {seed: frozenset(s.person for s in scores) for seed, scores in replicates.items()}
    every = frozenset().union(*persons.values())
    for seed, have in persons.items():
        if have != every:
            raise UsageError("compare-seeds-unbalanced", name=name, seed=seed, persons=_list(every - have))
    return Candidate(name, tuple(runs), {seed: tuple(scores) for seed, scores in replicates.items()}, fold)


def _same_task(name_a: str, a: FinishedRun, name_b: str, b: FinishedRun) -> None:
    if a.unit != b.unit:
        raise DataError("compare-units-differ", a=name_a, b=name_b, unit_a=a.unit, unit_b=b.unit)
    if a.labels.names != b.labels.names:
        raise DataError(
            "compare-classes-differ", a=name_a, b=name_b, classes_a=", ".join(a.labels.names), classes_b=", ".join(b.labels.names)
        )


def _same_cases(name_a: str, a: Sequence[GroupScore], name_b: str, b: Sequence[GroupScore]) -> None:
    persons_a, persons_b = {s.person for s in a}, {s.person for s in b}
    if persons_a != persons_b:
        raise DataError(
            "compare-persons-differ",
            a=name_a,
            b=name_b,
            both=len(persons_a & persons_b),
            only_a=_list(persons_a - persons_b),
            only_b=_list(persons_b - persons_a),
        )
    groups_a = {(s.person, s.group): s for s in a}
    groups_b = {(s.person, s.group): s for s in b}
    odd = groups_a.keys() ^ groups_b.keys()
    if odd:
        raise DataError("compare-groups-differ", a=name_a, b=name_b, n=len(odd), groups=_list(group for _, group in odd))
    wrong = [group for (_, group), score in groups_a.items() if _truth(score) != _truth(groups_b[score.person, group])]
    if wrong:
        raise DataError("compare-truth-differs", a=name_a, b=name_b, n=len(wrong), groups=_list(wrong))


def _truth(score: GroupScore) -> tuple[object, ...]:
    """What is fixed before any model looks: the true pixels of each class, the pixels that count, and the spacing."""
    return score.spacing_mm, score.planes, tuple((c.name, c.counts.truth, c.counts.total) for c in score.classes)


def _list(names: object) -> str:
    found = sorted(map(str, names), key=natural)  # type: ignore[call-overload]
    return ", ".join(found[:_SHOWN]) + (f" … (+{len(found) - _SHOWN})" if len(found) > _SHOWN else "") or "–"
