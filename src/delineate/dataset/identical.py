"""Which images are exactly equal, and who shares them: known from the measured hashes, without reading anything again."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from delineate.dataset.facts import CaseFacts


def equal_images(facts: Iterable[CaseFacts]) -> list[list[CaseFacts]]:
    """Groups of cases with equal pixels. Constant images are all alike and left out."""
    groups: dict[str, list[CaseFacts]] = {}
    for fact in facts:
        if fact.sha256 and fact.minimum != fact.maximum:
            groups.setdefault(fact.sha256, []).append(fact)
    return [group for group in groups.values() if len(group) > 1]


def duplicate_persons(facts: Sequence[CaseFacts]) -> list[frozenset[str]]:
    """Persons who share an exactly equal image, joined into groups of two and more, for a split to keep together."""
    parent: dict[str, str] = {}

    def root(person: str) -> str:
        while parent.setdefault(person, person) != person:
            person = parent[person]
        return person

    for same in equal_images(facts):
        for fact in same[1:]:
            parent[root(fact.person)] = root(same[0].person)
    groups: dict[str, set[str]] = {}
    for person in parent:
        groups.setdefault(root(person), set()).add(person)
    return sorted((frozenset(group) for group in groups.values() if len(group) > 1), key=min)
