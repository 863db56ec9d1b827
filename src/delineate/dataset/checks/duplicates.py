"""The same picture twice: within a person, across persons, and across the parts of a split (which makes a score a memory test)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from itertools import combinations
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from delineate.dataset.checks.context import CheckContext, checks
from delineate.dataset.checks.likeness import SAME_PICTURE, hash_pairs, likeness, thumbnail
from delineate.dataset.facts import CaseFacts
from delineate.dataset.identical import equal_images
from delineate.dataset.loading import load_image
from delineate.dataset.streaming import few_threads, in_order
from delineate.domain import Finding
from delineate.errors import DataError

MAX_READ_PIXELS = 1 << 29
"""Near duplicates are confirmed on pixels: images are read again up to this sum (some seconds), the likeliest pairs first."""
HEAVY_PIXELS = 1 << 23
"""Larger images are read one at a time: threads must not multiply their memory."""

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


@checks.register("duplicate-exact")
def duplicate_exact(context: CheckContext) -> Iterator[Finding]:
    """Equal pixels, whatever the file is called and however it was packed. Constant images are all alike and not counted."""
    for same in equal_images(context.readable):
        first = same[0]
        for other in same[1:]:
            params = {"other": first.case, "person": other.person, "other_person": first.person}
            parts = _parts_apart(context, context.owner(first), context.owner(other))
            if parts:
                params = {**params, "part": parts[1], "other_part": parts[0]}
                yield Finding("duplicate-exact-across-parts", "error", context.path(other.case), other.case, params)
            elif other.person == first.person:
                yield Finding("duplicate-exact-within", "warning", context.path(other.case), other.case, params)
            else:
                yield Finding("duplicate-exact-across", "warning", context.path(other.case), other.case, params)


@checks.register("image-duplicate-near")
def duplicate_near(context: CheckContext) -> Iterator[Finding]:
    """Nearly the same picture at two persons (re-compressed, re-scaled, brightened), and persons who share several.

    Candidates have difference hashes that are nearly equal; each pair is confirmed on the pixels, since slices of the same
    anatomy are naturally alike. Only pictures of different persons are compared: neighbouring slices are meant to be alike.
    """
    confirmed, compared, left = _near(context)
    for pair in confirmed:
        params = {"other": pair.first.case, "person": pair.second.person, "other_person": pair.first.person}
        yield Finding("image-duplicate-near", "warning", context.path(pair.second.case), pair.second.case, params)
    if left:
        yield Finding("duplicates-not-all-compared", "info", None, None, {"n": left, "compared": compared})
    exact = [_Pair(a, b) for same in equal_images(context.readable) for a, b in combinations(same[:50], 2) if a.person != b.person]
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


def _parts_apart(context: CheckContext, first: str, second: str) -> tuple[str, str] | None:
    """The parts of the first fold in which the two persons are apart; ``None`` where they are together."""
    if context.splits is None or first == second:
        return None
    for fold in context.splits.folds:
        owner: Mapping[str, str] = {
            person: part for part, persons in fold.items() for person in persons if person in (first, second)
        }
        if len(owner) == 2 and owner[first] != owner[second]:
            return owner[first], owner[second]
    return None


def _near(context: CheckContext) -> tuple[list[_Pair], int, int]:
    """Pairs of different persons with nearly equal hashes, different pixels and agreeing thumbnails; how many pairs were
    compared, and how many were not because of the bounds."""
    hashed = [fact for fact in context.readable if fact.dhash is not None]
    owners = np.unique([fact.person for fact in hashed], return_inverse=True)[1]
    if len(hashed) < 2 or owners.max() == 0:
        return [], 0, 0
    pairs, left = hash_pairs(np.array([fact.dhash for fact in hashed], dtype=np.uint64), owners)
    contents = np.unique([fact.sha256 for fact in hashed], return_inverse=True)[1]
    pairs = pairs[contents[pairs[:, 0]] != contents[pairs[:, 1]]]
    rows, thumbnails = _thumbnails(context, hashed, pairs)
    seen = (rows[pairs] != _UNREAD).all(axis=1)
    left += int((~seen).sum())
    pairs = pairs[(rows[pairs] >= 0).all(axis=1)]
    confirmed = []
    for start in range(0, len(pairs), 2048):
        block = pairs[start : start + 2048]
        same = likeness(thumbnails[rows[block[:, 0]]], thumbnails[rows[block[:, 1]]]) > SAME_PICTURE
        confirmed += [_Pair(hashed[i], hashed[j]) for i, j in block[same].tolist()]
    return confirmed, int(seen.sum()), left


_UNREAD, _NO_CONTENT = -1, -2


def _thumbnails(
    context: CheckContext, facts: Sequence[CaseFacts], pairs: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Thumbnails (n, side, side) of the images in ``pairs``, and per fact its row there (or why it has none)."""
    rows = np.full(len(facts), _UNREAD, np.int64)
    numbers = list(dict.fromkeys(pairs.ravel().tolist()))
    sizes = np.array([facts[number].pixels * facts[number].channels for number in numbers], np.int64)
    numbers = numbers[: int(np.searchsorted(np.cumsum(sizes), MAX_READ_PIXELS, "right"))]
    one_at_a_time = Lock()

    def small(number: int) -> NDArray[np.float32] | None:
        large = facts[number].pixels * facts[number].channels > HEAVY_PIXELS
        try:
            with one_at_a_time if large else nullcontext():
                return thumbnail(load_image(context.cases[facts[number].case]).pixels)
        except (DataError, KeyError):
            return None

    made: list[NDArray[np.float32]] = []
    for number, found in zip(numbers, in_order(small, numbers, few_threads()), strict=True):
        rows[number] = _NO_CONTENT if found is None else len(made)
        if found is not None:
            made.append(found)
    return rows, np.stack(made) if made else np.zeros((0, 1, 1), np.float32)
