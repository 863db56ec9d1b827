"""Matched names → cases: several masks, several observers, classes by folder, what is left over."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from delineate.domain import Case, Finding, Source
from delineate.layouts.matching import Match
from delineate.layouts.proposal import Proposal, numbered_classes
from delineate.layouts.tree import Item, Tree
from delineate.layouts.words import LATERAL, OTHER_WORDS, folder_words, stem_words, tokens

_TIME_SERIES = frozenset(("4d", "cine", "sequence"))


@dataclass
class Pairing:
    """The match of one image folder with its mask folder(s). ``classes`` gives the class name that a mask stands for by its
    folder; ``rater_of`` the observer."""

    match: Match
    explained: dict[Path, str] = field(default_factory=dict)
    classes: dict[Path, str] = field(default_factory=dict)


def split_of(folder: tuple[str, ...]) -> str | None:
    """The publisher's part a path lies in: the deepest folder that names one."""
    return next((words.split for part in reversed(folder) if (words := folder_words(part)).split), None)


def build(tree: Tree, pairings: list[Pairing], extra: list[Case] | None = None) -> Proposal:
    """One case per matched image. Masks that differ by an instance number or a side are merged; by a class word numbered."""
    proposal = Proposal(list(extra or ()))
    rules: Counter[str] = Counter()
    words = _class_words(pairings)
    classes = numbered_classes(words | {name for pairing in pairings for name in pairing.classes.values()})
    for pairing in pairings:
        match = pairing.match
        rules.update(match.rule)
        proposal.explained.update(pairing.explained)
        for image in {**match.pairs, **match.raters}:
            masks = list(match.pairs.get(image, ()))
            raters = dict(sorted(match.raters.get(image, {}).items()))
            sources, dropped = _sources(masks, pairing, classes, words)
            observers = {f"observer{number}": (Source(item.path),) for number, item in raters.items()}
            if not sources:
                sources = observers.pop(next(iter(observers)))  # the first observer is the truth
            for item in dropped:
                proposal.explained[item.path] = "alternative-mask"
                proposal.findings.append(
                    Finding("ambiguous-pair", "warning", item.path, params={"image": image.name, "used": sources[0].path.name})
                )
            proposal.cases.append(Case(image.rel, (Source(image.path),), sources, split=split_of(image.folder), raters=observers))
        for item in match.lone_images:
            if OTHER_WORDS & set(tokens(item.stem)):
                proposal.explained[item.path] = "other-annotation"
            elif _TIME_SERIES & set(stem_words(item.stem).plain.split("_")):
                proposal.explained[item.path] = "time-series"
            else:
                proposal.lone_images.append(item)
        proposal.lone_masks += match.lone_masks
        for item in match.ambiguous:
            proposal.explained[item.path] = "ambiguous-pair"
            proposal.findings.append(Finding("ambiguous-mask", "warning", item.path))
    others = {name for case in proposal.cases for name in case.raters}
    if others:
        proposal.findings.append(Finding("other-rater", "info", tree.root, params={"raters": ", ".join(sorted(others))}))
    proposal.class_names = {number: name for name, number in classes.items()}
    proposal.evidence = {
        "pairs": len(proposal.cases),
        "masks": sum(len(case.masks) for case in proposal.cases),
        "rules": dict(rules.most_common()),
    }
    return proposal


def _class_words(pairings: list[Pairing]) -> set[str]:
    """Words after the mask word that stand for classes (``x_seg_liver``, ``x_seg_spleen``): neither numbers nor sides, at least two
    of them, no image has a whole mask beside them, and each returns at half of the images at least."""
    seen: Counter[str] = Counter()
    images = 0
    for pairing in pairings:
        for masks in pairing.match.pairs.values():
            found = {rest for _, rest in masks if rest and not rest.replace("_", "").isdecimal()}
            if found and any(not rest for _, rest in masks):
                return set()
            images += bool(found)
            seen.update(found - LATERAL)
    words = {word for word, count in seen.items() if count >= 0.5 * images}
    return words if len(words) > 1 else set()


def _is_part(rest: str) -> bool:
    """An instance number or a side: one of several files that together are the mask."""
    return rest.replace("_", "").isdecimal() or rest in LATERAL


def _sources(
    masks: list[tuple[Item, str]], pairing: Pairing, classes: dict[str, int], words: set[str]
) -> tuple[tuple[Source, ...], list[Item]]:
    """Mask sources of one image, and the files that compete with them (a second file that claims to be the whole mask)."""
    parts = [(item, rest) for item, rest in masks if item.path in pairing.classes or rest in words or _is_part(rest)]
    chosen = {item for item, _ in parts}
    whole = sorted((item for item, _ in masks if item not in chosen), key=lambda item: (len(item.stem), item.rel))
    sources = [Source(item.path) for item in whole[:1]]
    for item, rest in parts:
        name = pairing.classes.get(item.path, rest if rest in words else None)
        sources.append(Source(item.path, label=None if name is None else classes[name]))
    return tuple(sources), whole[1:]
