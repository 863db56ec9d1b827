"""The same picture twice: within a person, across persons, and across the parts of a split (which makes a score a memory test)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from delineate.dataset.checks.context import CheckContext, checks
from delineate.dataset.checks.likeness import SAME_PICTURE, hash_pairs, likeness, thumbnail
from delineate.dataset.facts import CaseFacts
from delineate.dataset.loading import load_image
from delineate.domain import Finding
from delineate.errors import DataError

MAX_READ = 400
"""Near duplicates are confirmed on pixels; at most so many images are read again, the likeliest first."""

SAME_PERSON_PAIRS = 2
SAME_PERSON_SHARE = 0.3


@dataclass(frozen=True)
class _Pair:
    first: CaseFacts
    second: CaseFacts

    @property
    def persons(self) -> tuple[str, str]:
        a, b = sorted((self.first.person, self.second.person))
        return a, b


def duplicate_persons(facts: Sequence[CaseFacts]) -> list[frozenset[str]]:
    """Persons who share an exactly equal image, joined into groups of two and more, for a split to keep together."""
    parent: dict[str, str] = {}

    def root(person: str) -> str:
        while parent.setdefault(person, person) != person:
            person = parent[person]
        return person

    for same in _equal(facts):
        for fact in same[1:]:
            parent[root(fact.person)] = root(same[0].person)
    groups: dict[str, set[str]] = {}
    for person in parent:
        groups.setdefault(root(person), set()).add(person)
    return sorted((frozenset(group) for group in groups.values() if len(group) > 1), key=min)


@checks.register("duplicate-exact")
def duplicate_exact(context: CheckContext) -> Iterator[Finding]:
    """Equal pixels, whatever the file is called and however it was packed. Constant images are all alike and not counted."""
    for same in _equal(context.readable):
        first = same[0]
        for other in same[1:]:
            params = {"other": first.case, "person": other.person, "other_person": first.person}
            if other.person == first.person:
                yield Finding("duplicate-exact-within", "warning", context.path(other.case), other.case, params)
                continue
            parts = _parts_apart(context, first.person, other.person)
            if parts:
                params = {**params, "part": parts[1], "other_part": parts[0]}
                yield Finding("duplicate-exact-across-parts", "error", context.path(other.case), other.case, params)
            else:
                yield Finding("duplicate-exact-across", "warning", context.path(other.case), other.case, params)


@checks.register("image-duplicate-near")
def duplicate_near(context: CheckContext) -> Iterator[Finding]:
    """Nearly the same picture at two persons (re-compressed, re-scaled, brightened), and persons who share several.

    Candidates have difference hashes that are nearly equal; each pair is confirmed on the pixels, since slices of the same
    anatomy are naturally alike. Only pictures of different persons are compared: neighbouring slices are meant to be alike.
    """
    candidates = _candidates(context.readable)
    confirmed, left = _confirm(context, candidates)
    for pair in confirmed:
        params = {"other": pair.first.case, "person": pair.second.person, "other_person": pair.first.person}
        yield Finding("image-duplicate-near", "warning", context.path(pair.second.case), pair.second.case, params)
    if left:
        yield Finding("duplicates-not-all-compared", "info", None, None, {"n": left, "compared": len(candidates) - left})
    exact = [_Pair(a, b) for same in _equal(context.readable) for a, b in combinations(same[:50], 2) if a.person != b.person]
    yield from _look_the_same(context, [*exact, *confirmed])


def _look_the_same(context: CheckContext, pairs: Sequence[_Pair]) -> Iterator[Finding]:
    """Two persons who share at least two pictures and a good part of the smaller one's: probably one person."""
    sizes = Counter(fact.person for fact in context.readable)
    shared: dict[tuple[str, str], set[str]] = {}
    for pair in pairs:
        shared.setdefault(pair.persons, set()).add(pair.first.case if pair.first.person == pair.persons[0] else pair.second.case)
    for (a, b), cases in sorted(shared.items()):
        if len(cases) >= SAME_PERSON_PAIRS and len(cases) >= SAME_PERSON_SHARE * min(sizes[a], sizes[b]):
            example = min(cases)
            yield Finding("patients-look-the-same", "warning", context.path(example), example, {"a": a, "b": b, "n": len(cases)})


def _equal(facts: Sequence[CaseFacts]) -> list[list[CaseFacts]]:
    """Groups of cases with equal pixels, constant images left out."""
    groups: dict[str, list[CaseFacts]] = {}
    for fact in facts:
        if fact.sha256 and fact.minimum != fact.maximum:
            groups.setdefault(fact.sha256, []).append(fact)
    return [group for group in groups.values() if len(group) > 1]


def _parts_apart(context: CheckContext, first: str, second: str) -> tuple[str, str] | None:
    """The parts of the first fold in which the two persons are apart; ``None`` where they are together."""
    if context.splits is None:
        return None
    for fold in context.splits.folds:
        owner: Mapping[str, str] = {
            person: part for part, persons in fold.items() for person in persons if person in (first, second)
        }
        if len(owner) == 2 and owner[first] != owner[second]:
            return owner[first], owner[second]
    return None


def _candidates(facts: Sequence[CaseFacts]) -> list[_Pair]:
    """Pairs of different persons with nearly equal hashes and different pixels, nearest first."""
    hashed = [fact for fact in facts if fact.dhash is not None]
    if len({fact.person for fact in hashed}) < 2:
        return []
    numbers = {person: number for number, person in enumerate(dict.fromkeys(fact.person for fact in hashed))}
    owners = np.array([numbers[fact.person] for fact in hashed])
    pairs = hash_pairs(np.array([fact.dhash for fact in hashed], dtype=np.uint64), owners)
    return [_Pair(hashed[i], hashed[j]) for i, j in pairs if hashed[i].sha256 != hashed[j].sha256]


def _confirm(context: CheckContext, candidates: Sequence[_Pair]) -> tuple[list[_Pair], int]:
    """The candidates whose pixels agree, and how many were left unread because of :data:`MAX_READ`."""
    seen: dict[str, NDArray[np.float32] | None] = {}
    confirmed: list[_Pair] = []
    for number, pair in enumerate(candidates):
        new = [fact for fact in (pair.first, pair.second) if fact.case not in seen]
        if len(seen) + len(new) > MAX_READ:
            return confirmed, len(candidates) - number
        for fact in new:
            try:
                seen[fact.case] = thumbnail(load_image(context.cases[fact.case]).pixels)
            except (DataError, KeyError):
                seen[fact.case] = None
        first, second = seen[pair.first.case], seen[pair.second.case]
        if first is not None and second is not None and likeness(first, second) > SAME_PICTURE:
            confirmed.append(pair)
    return confirmed, 0
