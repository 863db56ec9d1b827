"""Splitting one stack: contiguous blocks of slices, since neighbouring slices show nearly the same."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from random import Random

GUARDED_FROM = 10
"""From this many slices on, one slice between two parts is left out; below, every slice is needed."""


def hold_out_blocks(slices: Sequence[str], sizes: dict[str, int], seed: int) -> dict[str, tuple[str, ...]]:
    """``slices`` in stack order → one block a part; the seed decides the blocks' order in the stack."""
    order = list(sizes)
    Random(seed).shuffle(order)
    owners: list[str | None] = [part for part in order for _ in range(sizes[part])]
    return _collect(slices, _guarded(owners), list(sizes))


def fold_blocks(slices: Sequence[str], folds: int, validation: int, seed: int) -> tuple[dict[str, tuple[str, ...]], ...]:
    """Fold k tests the k-th of ``folds`` equal blocks; ``validation`` slices beside it validate (before or after it, as the seed
    says where both are possible), the rest trains. Over all folds every slice is tested once."""
    count = len(slices)
    edges = [round(count * k / folds) for k in range(folds + 1)]
    random = Random(seed)
    result: list[dict[str, tuple[str, ...]]] = []
    gap = 1 if count >= GUARDED_FROM else 0
    for start, end in pairwise(edges):
        owners: list[str | None] = ["train"] * count
        owners[start:end] = ["test"] * (end - start)
        # A guard before the validation block is taken out of it, so it starts one further on and stays whole.
        places = [place for place in (end + gap, start - gap - validation) if place >= 0 and place + validation <= count]
        place = random.choice(places) if places else (end if count - end >= start else 0)
        for index in range(place, min(place + validation, count)):
            if owners[index] == "train":
                owners[index] = "validation"
        result.append(_collect(slices, _guarded(owners), ["train", "validation", "test"]))
    return tuple(result)


def _guarded(owners: list[str | None]) -> list[str | None]:
    """Drop one slice at every border: of train where train touches it, else of validation; never of test, which is to be whole."""
    if len(owners) < GUARDED_FROM:
        return owners
    guarded = list(owners)
    for left in range(len(owners) - 1):
        pair = (owners[left], owners[left + 1])
        if pair[0] == pair[1] or guarded[left] is None or guarded[left + 1] is None:
            continue
        for loser in ("train", "validation"):
            if loser in pair and owners.count(loser) > 1 and guarded.count(loser) > 1:
                guarded[left + pair.index(loser)] = None
                break
    return guarded


def _collect(slices: Sequence[str], owners: Sequence[str | None], parts: Sequence[str]) -> dict[str, tuple[str, ...]]:
    return {part: tuple(name for name, owner in zip(slices, owners, strict=True) if owner == part) for part in parts}
