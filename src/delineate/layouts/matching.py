"""Which mask belongs to which image, decided from names and never from sorting order."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from delineate.layouts.tree import Item, fold
from delineate.layouts.words import WEAK_MASK_WORDS, StemWords, stem_words, tokens

_MIN_DERIVED = 2  # pairs that a rule found in the names themselves must make

_VOTERS = 100  # masks asked for their prefix and suffix; the rule then counts for all


@dataclass
class Match:
    """Result of matching two sets of names.

    ``pairs`` is image → masks with what their names add to the image's (an instance number, a class word or ``""``);
    ``raters`` image → {observer number: mask}; ``rule`` counts how each pair was found.
    """

    pairs: dict[Item, list[tuple[Item, str]]] = field(default_factory=lambda: defaultdict(list))
    raters: dict[Item, dict[int, Item]] = field(default_factory=lambda: defaultdict(dict))
    lone_images: list[Item] = field(default_factory=list)
    lone_masks: list[Item] = field(default_factory=list)
    ambiguous: list[Item] = field(default_factory=list)
    rule: Counter[str] = field(default_factory=Counter)


def match_names(images: Iterable[Item], masks: Iterable[Item], derive: bool = True) -> Match:
    """Pair by equal names after taking role words off; what is left over by a prefix/suffix rule the names themselves show.

    ``derive=False`` stops after the first step.
    """
    images, masks = list(images), list(masks)
    result = Match()
    index = _Index(images)
    left: list[Item] = []
    for mask in masks:
        words = stem_words(mask.stem)
        image, rest, rule = index.find(mask, words)
        if image is None:
            left.append(mask)
        elif isinstance(image, list):
            result.ambiguous.append(mask)
        elif words.rater is not None:
            result.raters[image][words.rater] = mask
            result.rule[rule] += 1
        else:
            result.pairs[image].append((mask, rest))
            result.rule[rule] += 1
    if derive:
        left = _by_weak_word(result, index, left)
    free = [image for image in images if image not in result.pairs and image not in result.raters]
    if derive and left and free:
        found, rule = _derived(free, left)
        for image, mask in found.items():
            result.pairs[image].append((mask, ""))
            result.rule[rule] += 1
        taken = set(found.values())
        left = [mask for mask in left if mask not in taken]
    result.lone_masks = left
    result.lone_images = [image for image in images if image not in result.pairs and image not in result.raters]
    return result


def _by_weak_word(result: Match, index: _Index, masks: list[Item]) -> list[Item]:
    """``IMD002_lesion`` in a folder of masks: words that mean a mask only there."""
    left = []
    for mask in masks:
        words = tokens(mask.stem)
        key = "_".join(word for word in words if word not in WEAK_MASK_WORDS)
        images = index.plain.get(key, [])
        if len(images) == 1 and len(words) > 1 and images[0] not in result.pairs:
            result.pairs[images[0]].append((mask, ""))
            result.rule["weak-word"] += 1
        else:
            left.append(mask)
    return left


class _Index:
    """Images by what their masks may call them."""

    def __init__(self, images: list[Item]) -> None:
        self.exact: dict[str, list[Item]] = defaultdict(list)
        self.plain: dict[str, list[Item]] = defaultdict(list)
        self.bare: dict[str, list[Item]] = defaultdict(list)
        for image in images:
            words = stem_words(image.stem)
            self.exact[fold(image.stem)].append(image)
            self.plain[words.plain].append(image)
            if words.image_key != words.plain:
                self.bare[words.image_key].append(image)

    def find(self, mask: Item, words: StemWords) -> tuple[Item | list[Item] | None, str, str]:
        if fold(mask.stem) in self.exact:
            alike = self.exact[fold(mask.stem)]
            equal = [image for image in alike if image.stem == mask.stem]  # A.png and a.png are two where case counts
            return _single(equal or alike), "", "same-name"
        if not words.mask_keys and words.plain in self.plain:
            return _single(self.plain[words.plain]), "", "same-name"
        for table, rule in ((self.plain, "mask-word"), (self.bare, "image-and-mask-word")):
            for key in words.mask_keys or (words.plain, words.image_key):
                if key in table:
                    rest = words.rest if words.rest and key == words.mask_keys[0] else ""
                    return _single(table[key]), rest, rule
        return None, "", ""


def _single(found: list[Item]) -> Item | list[Item]:
    return found[0] if len(found) == 1 else found


def _derived(images: list[Item], masks: list[Item]) -> tuple[dict[Item, Item], str]:
    """A one-to-one rule seen in the names: the best of three, if it holds for at least half of the shorter list."""
    best: tuple[dict[Item, Item], str] = ({}, "")
    if min(len(images), len(masks)) < _MIN_DERIVED:
        return best
    needed = max(_MIN_DERIVED, min(len(images), len(masks)) / 2)
    for rule, attempt in (("affix", _by_affix), ("frame", _by_frame), ("number", _by_number)):
        found = attempt(images, masks)
        if len(found) >= needed and len(found) > len(best[0]):
            best = (found, rule)
    return best


def _by_affix(images: list[Item], masks: list[Item]) -> dict[Item, Item]:
    """The mask's name is the image's with one and the same text before and after it."""
    by_name = _unique(images, lambda item: fold(item.stem))
    votes: Counter[tuple[str, str]] = Counter()
    for mask in masks[:: max(1, len(masks) // _VOTERS)]:
        name = fold(mask.stem)
        for core in by_name:
            start = name.find(core)
            if start >= 0 and not _cuts_number(name, start, start + len(core)):
                votes[name[:start], name[start + len(core) :]] += 1
    if not votes:
        return {}
    (before, after), _ = votes.most_common(1)[0]
    return {
        by_name[core]: mask
        for mask in masks
        if (name := fold(mask.stem)).startswith(before)
        and name.endswith(after)
        and (core := name[len(before) : len(name) - len(after)]) in by_name
    }


def _cuts_number(name: str, start: int, end: int) -> bool:
    """Whether the cut goes through a number, as ``1`` in ``12`` would."""
    return (start > 0 and name[start - 1].isdigit() and name[start].isdigit()) or (
        end < len(name) and name[end].isdigit() and name[end - 1].isdigit()
    )


def _by_frame(images: list[Item], masks: list[Item]) -> dict[Item, Item]:
    """Both lists have their own constant beginning and end around the part that tells cases apart."""
    if len(images) < 2 or len(masks) < 2:
        return {}
    mine, theirs = _cores(images), _cores(masks)
    return {mine[core]: theirs[core] for core in mine.keys() & theirs.keys() if core}


def _cores(items: list[Item]) -> dict[str, Item]:
    names = [fold(item.stem) for item in items]
    before, after = _shared_start(names), _shared_start([name[::-1] for name in names])[::-1]
    before, after = before.rstrip("0123456789"), after.lstrip("0123456789")
    if any(len(before) + len(after) > len(name) for name in names):
        after = ""
    return _unique(items, lambda item: fold(item.stem)[len(before) : len(fold(item.stem)) - len(after)])


def _shared_start(names: list[str]) -> str:
    low, high = min(names), max(names)  # what the extremes share, all share
    return low[: next((i for i, (a, b) in enumerate(zip(low, high, strict=False)) if a != b), min(len(low), len(high)))]


def _by_number(images: list[Item], masks: list[Item]) -> dict[Item, Item]:
    """Every name holds exactly one number, written with or without leading zeros."""

    def number(item: Item) -> str:
        found = re.findall(r"\d+", item.stem)
        return str(int(found[0])) if len(found) == 1 else ""

    mine, theirs = _unique(images, number), _unique(masks, number)
    return {mine[key]: theirs[key] for key in mine.keys() & theirs.keys()}


def _unique(items: list[Item], key: Callable[[Item], str]) -> dict[str, Item]:
    """Items by key, without those whose key is empty or shared."""
    groups: dict[str, list[Item]] = defaultdict(list)
    for item in items:
        groups[key(item)].append(item)
    return {name: group[0] for name, group in groups.items() if name and len(group) == 1}
