"""Who trains, who chooses, who is scored: by person, recorded, never one person in two parts."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any, Literal

from delineate.dataset.facts import CaseFacts
from delineate.dataset.identical import duplicate_persons
from delineate.dataset.split_blocks import fold_blocks, hold_out_blocks
from delineate.dataset.split_file import PART_WORDS, read_split_file
from delineate.dataset.stratify import Profile, deal
from delineate.domain import Case, Finding, Scan, Unit
from delineate.errors import DataError, UsageError
from delineate.i18n import translate
from delineate.recipe import Splits

Part = Literal["train", "validation", "test"]
PARTS: tuple[Part, Part, Part] = ("train", "validation", "test")
SHOWN = 20


def split_key(case: Case, unit: Unit) -> str:
    """What splits.json lists: the person; where the folder is one stack (``block``) everybody is one person, so the case's id."""
    return case.id if unit == "block" else case.person


def make_splits(
    scan: Scan,
    facts: Sequence[CaseFacts] = (),
    *,
    folds: int | None = None,
    seed: int = 0,
    split_file: Path | None = None,
    sample: tuple[int, int] | None = None,
    keep_published: bool = True,
    validation: float = 0.15,
    test: float = 0.2,
) -> tuple[Splits, list[Finding]]:
    """Divide the labelled persons: by ``split_file``, ``sample``, ``folds``, the publisher's split, or at random, the first given.

    Persons are stratified by classes shown and foreground size; who shares an exactly equal image stays together where persons are
    dealt. Only cases that are labelled and, where ``facts`` know them, readable take part. The result depends on the set of cases
    and the seed, not on their order.

    Parameters
    ----------
    facts
        Measured cases, for stratification; without them persons are dealt blindly.
    folds
        k-fold cross-validation: fold k tests a k-th of the persons; a stratified part of the others validates.
    split_file
        See :func:`delineate.dataset.split_file.read_split_file`. A missing part is carved out of ``train``.
    sample
        (seed, n): ``random.seed(seed); random.sample(sorted(names), n)`` over the volumes' folders, as reference system R2
        draws its validation patients. They become the **test** part here, and validation is carved from the others, since what
        chooses a model must not score it.
    keep_published
        Keep ``train``/``validation``/``test`` or folds given by the data's publisher. Folds: fold k tests, the next validates.
        A published validation part without a test part stays validation, and test is carved from train.
    validation, test
        Shares of persons.

    Returns
    -------
    The splits and findings about them. ``person-crosses-published-split`` is an error; if a person allows it, who crosses counts
    as training (then validation), so that the test part stays unseen.

    Raises
    ------
    DataError
        ``too-few-persons``: fewer than three (or than ``folds``), so nobody would be left for a part.
    UsageError
        Shares or folds that cannot be.
    RecipeError
        The split file cannot be used.
    """
    if not (0 < validation < 1 and 0 < test < 1 and validation + test < 1):
        raise UsageError("split-shares", validation=validation, test=test)
    if folds is not None and folds < 2:
        raise UsageError("split-folds", folds=folds)
    draw = _Draw(scan, facts, seed, validation, test)
    findings = draw.unit_findings()
    published = draw.published() if keep_published else {}
    if split_file is not None:
        method, made = "file", draw.from_file(split_file, findings)
    elif sample is not None:
        method, made = f"sample(seed={sample[0]}, n={sample[1]})", draw.from_sample(*sample, findings)
    elif folds is not None:
        if published:
            findings.append(Finding("published-split-ignored", "info", params={"folds": folds}))
        method, made = ("blocks" if scan.unit == "block" else "kfold"), draw.folds(folds)
    elif published:
        method, made = "published", draw.from_published(published, findings)
    else:
        method, made = ("blocks" if scan.unit == "block" else "holdout"), (draw.hold_out(),)
    if split_file is None:  # who writes a file decides; the checks say what it tears apart
        made = draw.without_copies(made, findings)
    return Splits(
        unit=scan.unit, method=method, seed=sample[0] if method.startswith("sample") and sample else seed, folds=made
    ), findings


def fold_cases(
    cases: Iterable[Case], splits: Splits, fold: int = 0, *, usable: Collection[str] | None = None
) -> dict[Part, list[Case]]:
    """Part → its cases, in the order given. Unlabelled cases, persons in no part and, if ``usable`` (case ids) is given, cases
    outside it go nowhere. Raises ``UsageError('split-fold')`` for a fold there is not.
    """
    if not 0 <= fold < len(splits.folds):
        raise UsageError("split-fold", fold=fold, folds=len(splits.folds))
    owner = {person: part for part, persons in splits.folds[fold].items() for person in persons}
    result: dict[Part, list[Case]] = {part: [] for part in PARTS}
    for case in cases:
        part = owner.get(split_key(case, splits.unit))
        if part is not None and case.masks and (usable is None or case.id in usable):
            result[part].append(case)
    return result


def describe_splits(splits: Splits, language: str = "en") -> str:
    """How the split was made, as a sentence."""
    kind = splits.method.partition("(")[0]
    unit = translate(f"split.unit-{splits.unit}", language)
    return translate(f"split.{kind}", language, unit=unit, seed=splits.seed, folds=len(splits.folds), method=splits.method)


Fold = dict[Part, tuple[str, ...]]


@dataclass
class _Draw:
    """The persons of one scan, and the ways of dividing them."""

    scan: Scan
    facts: Sequence[CaseFacts]
    seed: int
    validation: float
    test: float

    def __post_init__(self) -> None:
        measured = {item.case: item for item in self.facts}
        self.cases = [case for case in self.scan.cases if case.masks and (case.id not in measured or measured[case.id].usable)]
        if self.scan.unit == "block":
            self.cases = [case for _, case in sorted(enumerate(self.cases), key=lambda pair: _stack_order(*pair))]
        self.persons = sorted({self.key(case) for case in self.cases})
        self._profiles = self._profile(measured)
        self._twins = duplicate_persons(self.facts)  # the same picture under two names must not be learned from and scored on

    def key(self, case: Case) -> str:
        return split_key(case, self.scan.unit)

    def _profile(self, measured: Mapping[str, CaseFacts]) -> dict[str, Profile]:
        classes: dict[str, set[int]] = {person: set() for person in self.persons}
        inside: Counter[str] = Counter()
        whole: Counter[str] = Counter()
        for case in self.cases:
            if (item := measured.get(case.id)) is None:
                continue
            person = self.key(case)
            classes[person] |= {label for label, pixels in enumerate(item.class_pixels, 1) if pixels}
            inside[person] += item.foreground_pixels
            whole[person] += item.pixels
        return {
            person: Profile(person, frozenset(classes[person]), inside[person] / whole[person] if whole[person] else 0.0)
            for person in self.persons
        }

    def unit_findings(self) -> list[Finding]:
        if self.scan.unit == "patient":
            return []
        return [Finding(f"split-by-{self.scan.unit}", "warning", self.scan.root, params={"count": len(self.persons)})]

    def _size(self, share: float) -> int:
        return max(1, round(share * len(self.persons)))

    def _need(self, count: int, needed: int = 3) -> None:
        if count < needed:
            raise DataError("too-few-persons", path=self.scan.root, count=count, needed=needed, unit=self.scan.unit)

    def _sizes(self) -> dict[str, int]:
        self._need(len(self.persons))
        chosen = {"test": self._size(self.test), "validation": self._size(self.validation)}
        while sum(chosen.values()) > len(self.persons) - 1:  # large shares of few persons
            chosen[max(chosen, key=lambda part: chosen[part])] -= 1
        return {"train": len(self.persons) - sum(chosen.values()), **chosen}

    def _deal(self, persons: Collection[str], sizes: Mapping[str, int], salt: int = 0) -> dict[str, tuple[str, ...]]:
        profiles = [self._profiles[person] for person in sorted(persons)]
        dealt = deal(profiles, sizes, self.seed * 1009 + salt, self._twins)
        return {part: tuple(members) for part, members in dealt.items()}

    def hold_out(self) -> Fold:
        if self.scan.unit == "block":
            return _fold(hold_out_blocks([case.id for case in self.cases], self._sizes(), self.seed))
        return _fold(self._deal(self.persons, self._sizes()))

    def folds(self, count: int) -> tuple[Fold, ...]:
        self._need(len(self.persons), max(3, count))
        if self.scan.unit == "block":
            size = min(self._size(self.validation), max(1, len(self.persons) // 3))
            return tuple(_fold(item) for item in fold_blocks([case.id for case in self.cases], count, size, self.seed))
        share, more = divmod(len(self.persons), count)
        tested = self._deal(self.persons, {str(k): share + (k < more) for k in range(count)})
        return tuple(
            self._with_validation(set(self.persons) - set(members), members, salt=k) for k, members in enumerate(tested.values(), 1)
        )

    def _with_validation(self, others: Collection[str], tested: Collection[str], salt: int = 0) -> Fold:
        """Carve validation out of ``others``; they need at least two."""
        self._need(len(others) + len(tested) if len(tested) else len(others) + 1)
        self._need(len(others), 2)
        size = min(self._size(self.validation), len(others) - 1)
        dealt = self._deal(others, {"train": len(others) - size, "validation": size}, salt)
        return _fold({**dealt, "test": tuple(sorted(tested))})

    def published(self) -> dict[str, list[str]]:
        """Person → its published parts, where these say something: two parts at least among labelled cases, train or folds."""
        parts: dict[str, list[str]] = {}
        for case in self.cases:
            word = _part_word(case.split)
            if word and word not in parts.setdefault(self.key(case), []):
                parts[self.key(case)].append(word)
        words = {word for mine in parts.values() for word in mine}
        numbered = [word for word in words if word not in PARTS]
        return parts if len(numbered) >= 2 or ("train" in words and len(words & set(PARTS)) >= 2) else {}

    def from_published(self, published: Mapping[str, list[str]], findings: list[Finding]) -> tuple[Fold, ...]:
        crossing = sorted(person for person, parts in published.items() if len(parts) > 1)
        if crossing:
            params = {"count": len(crossing), "persons": _some(crossing)}
            findings.append(Finding("person-crosses-published-split", "error", self.scan.root, params=params))
        silent = [person for person in self.persons if person not in published]
        if silent:
            findings.append(Finding("published-split-incomplete", "warning", params={"count": len(silent)}))
        words = {word for parts in published.values() for word in parts}
        if words & set(PARTS) and "train" in words:
            owner = {person: min(parts, key=_precedence) for person, parts in published.items()}
            return (self._completed(owner | dict.fromkeys(silent, "train"), findings),)
        names_of_folds = sorted(words - set(PARTS), key=_natural)
        owner = {person: min(parts, key=lambda word: (word in PARTS, _natural(word))) for person, parts in published.items()}
        members = {name: [person for person in self.persons if owner.get(person) == name] for name in names_of_folds}
        outside = [person for person in self.persons if owner.get(person) not in members]
        made: list[Fold] = []
        for number, name in enumerate(names_of_folds):
            following = names_of_folds[(number + 1) % len(names_of_folds)]
            if len(names_of_folds) == 2:
                made.append(self._with_validation([*members[following], *outside], members[name], salt=number))
                continue
            rest = [person for other in names_of_folds if other not in (name, following) for person in members[other]]
            made.append(_fold({"train": sorted([*rest, *outside]), "validation": members[following], "test": members[name]}))
        return tuple(made)

    def _completed(self, owner: Mapping[str, str], findings: list[Finding]) -> Fold:
        """A person's or publisher's assignment, with what it lacks carved out of its training part."""
        parts: dict[str, list[str]] = {part: sorted(person for person in owner if owner[person] == part) for part in PARTS}
        lacking = [part for part in ("validation", "test") if not parts[part]]
        self._need(len(parts["train"]), 1 + len(lacking))
        room = len(parts["train"]) - 1 - len(lacking)
        sizes = {"train": len(parts["train"])}
        for part in lacking:
            extra = min(room, self._size(self.test if part == "test" else self.validation) - 1)
            room -= extra
            sizes[part] = 1 + extra
            sizes["train"] -= sizes[part]
            findings.append(Finding(f"{part}-carved", "info", params={"count": sizes[part]}))
        if lacking and self.scan.unit == "block":
            order = [case.id for case in self.cases if case.id in set(parts["train"])]
            return _fold({**parts, **hold_out_blocks(order, sizes, self.seed)})
        return _fold({**parts, **self._deal(parts["train"], sizes)} if lacking else parts)

    def without_copies(self, made: Iterable[Fold], findings: list[Finding]) -> tuple[Fold, ...]:
        """The folds with nobody in training who shares a picture with somebody scored, nor with somebody who validates (unless
        nobody would be left), and nobody validating who shares one with somebody scored. Most stay together from the start."""
        kept: list[Fold] = []
        left_out: set[str] = set()
        for fold in made:
            parts = {part: set(fold[part]) for part in PARTS}
            for group in self._twins:
                home = next((part for part in ("test", "validation", "train") if parts[part] & group), None)
                for part in PARTS:
                    if part != home and parts[part] & group and parts[part] - group:
                        left_out |= parts[part] & group
                        parts[part] -= group
            kept.append(_fold({part: [person for person in fold[part] if person in parts[part]] for part in PARTS}))
        together = [left for group in self._twins if len(left := (group & set(self.persons)) - left_out) > 1]
        if together:
            params: dict[str, Any] = {"count": sum(map(len, together))}
            findings.append(Finding("same-image-kept-together", "info", self.scan.root, params=params))
        if left_out:
            params = {"count": len(left_out), "persons": _some(sorted(left_out))}
            findings.append(Finding("same-image-left-out", "warning", self.scan.root, params=params))
        return tuple(kept)

    def from_file(self, path: Path, findings: list[Finding]) -> tuple[Fold, ...]:
        labelled = set(self.persons)
        made: list[Fold] = []
        for assignment in read_split_file(path, self.scan.cases, self.scan.unit):
            owner = {person: part for person, part in assignment.items() if person in labelled}
            missing = sorted(labelled - set(owner))
            if missing:
                params = {"count": len(missing), "persons": _some(missing)}
                findings.append(Finding("persons-not-in-split-file", "warning", path, params=params))
            made.append(self._completed(owner, findings))
        return tuple(made)

    def from_sample(self, seed: int, count: int, findings: list[Finding]) -> tuple[Fold, ...]:
        labelled = [case for case in self.scan.cases if case.masks]
        by_volume = self.scan.unit != "block" and any(case.volume for case in labelled)
        names = sorted({case.group if by_volume else self.key(case) for case in labelled})
        if not 1 <= count <= len(names) - 2:
            raise DataError("too-few-persons", path=self.scan.root, count=len(names), needed=count + 2, unit=self.scan.unit)
        drawn = set(Random(seed).sample(names, count))  # the same generator as random.seed(seed); random.sample(…)
        tested = {self.key(case) for case in self.cases if (case.group if by_volume else self.key(case)) in drawn}
        self._need(len(tested), 1)
        findings.append(Finding("sample-is-test", "info", params={"seed": seed, "count": len(tested)}))
        return (self._with_validation(set(self.persons) - tested, tested),)


def _fold(parts: Mapping[str, Iterable[str]]) -> Fold:
    return {part: tuple(parts[part]) for part in PARTS}


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:SHOWN]) + (" …" if len(names) > SHOWN else "")


def _part_word(split: str | None) -> str | None:
    """A published part under our name; folds keep theirs."""
    if not split:
        return None
    word = split.strip().lower()
    return PART_WORDS.get(word, word)


def _precedence(word: str) -> int:
    return PARTS.index(word) if word in PARTS else len(PARTS)


def _natural(name: str) -> list[Any]:
    return [(0, int(piece), "") if piece.isdigit() else (1, 0, piece) for piece in re.split(r"(\d+)", name)]


def _stack_order(number: int, case: Case) -> tuple[list[Any], int, int]:
    return (_natural(case.volume or ""), case.position if case.position is not None else number, number)
