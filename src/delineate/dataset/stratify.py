"""Persons dealt into parts so that the parts resemble each other: by which classes they show and how much of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from random import Random

WINDOW = 5
"""Persons this close in rank are interchangeable: shuffled by the seed."""


@dataclass(frozen=True)
class Profile:
    """What stratification knows of a person: classes present and the share of pixels that is foreground."""

    person: str
    classes: frozenset[int]
    share: float


def deal(
    profiles: Sequence[Profile], sizes: Mapping[str, int], seed: int, together: Sequence[Collection[str]] = ()
) -> dict[str, list[str]]:
    """Assign every person to one part; part p gets exactly ``sizes[p]``.

    Persons are ranked by their rarest class and, within it, by foreground share, shuffled in small windows, and dealt in this
    order to the part that is furthest behind its share. Then persons are swapped so that, where there are enough persons, every
    part has every class; parts that come first in ``sizes`` are served first. Last, the persons of each group in ``together`` are
    brought into one part, as far as it has others to give in exchange. Depends on the set of profiles and the seed only.
    """
    if sum(sizes.values()) != len(profiles):
        raise ValueError(f"'sizes' must add up to {len(profiles)}, got {dict(sizes)}")
    ranked = _ranked(profiles, seed)
    parts: dict[str, list[Profile]] = {part: [] for part in sizes}
    for done, profile in enumerate(ranked, 1):
        behind = {part: size * done / len(ranked) - len(parts[part]) for part, size in sizes.items() if len(parts[part]) < size}
        parts[max(behind, key=lambda part: behind[part])].append(profile)
    _cover(parts)
    _reunite(parts, together)
    return {part: sorted(profile.person for profile in members) for part, members in parts.items()}


def _ranked(profiles: Sequence[Profile], seed: int) -> list[Profile]:
    frequency = Counter(label for profile in profiles for label in profile.classes)

    def rank(profile: Profile) -> tuple[float, int, float, str]:
        if not profile.classes:
            return (float("inf"), 0, 0.0, profile.person)
        rarest = min(profile.classes, key=lambda label: (frequency[label], label))
        return (frequency[rarest], rarest, profile.share, profile.person)

    ordered = sorted(profiles, key=rank)
    random = Random(seed)
    result: list[Profile] = []
    for start in range(0, len(ordered), WINDOW):
        window = ordered[start : start + WINDOW]
        random.shuffle(window)
        result.extend(window)
    return result


def _cover(parts: dict[str, list[Profile]]) -> None:
    """Swap persons so that each part has each class, rarest class first, without taking another class from a part."""
    frequency = Counter(profile_class for members in parts.values() for profile in members for profile_class in profile.classes)
    for label in sorted(frequency, key=lambda item: (frequency[item], item)):
        for rank, part in enumerate(parts):
            if rank < frequency[label] and not _holds(parts[part], label):
                _fetch(parts, part, label)


def _holds(members: Sequence[Profile], label: int) -> bool:
    return any(label in profile.classes for profile in members)


def _fetch(parts: dict[str, list[Profile]], part: str, label: int) -> None:
    order = list(parts)
    # First from parts that can spare one, then, for the parts served first, from those served last.
    for spare in (True, False):
        for donor in sorted((other for other in order if other != part), key=lambda other: -len(parts[other])):
            holders = [profile for profile in parts[donor] if label in profile.classes]
            if (spare and len(holders) < 2) or (not spare and order.index(donor) < order.index(part)):
                continue
            for given in holders:
                for taken in sorted(parts[part], key=lambda profile: (abs(profile.share - given.share), profile.person)):
                    if _harmless(parts[part], taken, given) and _harmless(
                        parts[donor], given, taken, without=None if spare else label
                    ):
                        parts[part][parts[part].index(taken)] = given
                        parts[donor][parts[donor].index(given)] = taken
                        return


def _harmless(members: Sequence[Profile], leaves: Profile, comes: Profile, without: int | None = None) -> bool:
    """Whether the part keeps every class it has (but ``without``) when one person leaves and another comes."""
    rest = [profile for profile in members if profile is not leaves]
    lost = leaves.classes - comes.classes - {without}
    return all(_holds(rest, label) for label in lost)


def _reunite(parts: dict[str, list[Profile]], together: Sequence[Collection[str]]) -> None:
    """Bring each group into the part that holds most of it and has room, in exchange for the persons most like those who come, if
    possible without taking a class from a part."""
    bound = {person for group in together for person in group}
    for group in together:
        home = max(parts, key=lambda part: _room(parts[part], group, bound))
        for part in parts:
            for comer in [profile for profile in parts[part] if profile.person in group and part != home]:
                free = [profile for profile in parts[home] if profile.person not in bound]
                if free:
                    leaver = min(free, key=lambda profile: _cost(parts[home], parts[part], profile, comer))
                    parts[home][parts[home].index(leaver)] = comer
                    parts[part][parts[part].index(comer)] = leaver


def _room(members: Sequence[Profile], group: Collection[str], bound: Collection[str]) -> tuple[bool, int, int]:
    here = sum(profile.person in group for profile in members)
    free = sum(profile.person not in bound for profile in members)
    return here + free >= len(group), here, len(members)


def _cost(home: Sequence[Profile], other: Sequence[Profile], leaver: Profile, comer: Profile) -> tuple[int, float, str]:
    lost = (not _harmless(home, leaver, comer)) + (not _harmless(other, comer, leaver))
    return lost, abs(leaver.share - comer.share), leaver.person
