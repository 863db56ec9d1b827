"""Patients, volumes and positions given to the cases of a proposal, and what a statistic may count as independent."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from delineate.domain import Case, Finding, Unit
from delineate.errors import DelineateError
from delineate.formats import read_header
from delineate.layouts.patients import Name, Person, find_people, folder_is_id, is_slice_word, slice_number
from delineate.layouts.patterns import compile_pattern, values
from delineate.layouts.proposal import Proposal
from delineate.layouts.tree import VOLUME_SUFFIXES, split_name
from delineate.layouts.words import folder_words

_SAMPLED_HEADERS = 8


@dataclass
class Grouping:
    """Cases with patients and volumes, the unit, and the rules that found them."""

    cases: list[Case]
    unit: Unit
    findings: list[Finding] = field(default_factory=list)
    evidence: dict[str, Any] = field(default_factory=dict)


def group(root: Path, proposal: Proposal, patient_pattern: str | None = None) -> Grouping:
    """Find persons, volumes and positions. A person is never claimed without evidence: the unit is then ``image`` (or
    ``block`` for one numbered stack) and a finding says so."""
    names = [_name(root, case) for case in proposal.cases]
    if patient_pattern is not None:
        people = _by_pattern(root, proposal.cases, patient_pattern)
    elif proposal.patients_given:
        people = [Person(case.patient, "given") if case.patient else None for case in proposal.cases]
    elif proposal.unit is not None:
        people = [None] * len(names)
    else:
        people = find_people(names)
    cases = [
        replace(case, patient=None if person is None or person.picture else person.key)
        for case, person in zip(proposal.cases, people, strict=True)
    ]
    cases = _with_volumes(cases, names, people)
    known = sum(case.patient is not None for case in cases)
    rules = Counter(person.rule for person in people if person is not None and not person.picture)
    result = Grouping(cases, "patient", evidence={"patient_rules": dict(rules.most_common())})
    if known:
        result.evidence["patients"] = len({case.patient for case in cases if case.patient})
    if proposal.unit is not None:
        result.unit = proposal.unit
    elif known < len(cases):
        result.unit = "image"
        if known == 0 and (stack := _one_stack(cases, names)):
            result.cases, result.unit = stack, "block"
            result.findings.append(Finding("stack-without-patients", "warning", root, params={"slices": len(cases)}))
    if result.unit == "image":
        result.findings.append(
            Finding("patient-unknown", "warning", root, params={"unknown": len(cases) - known, "cases": len(cases)})
        )
    return result


def _name(root: Path, case: Case) -> Name:
    try:
        parts = case.path.relative_to(root).parts
    except ValueError:
        parts = case.path.parts[-2:]
    stem, suffix = split_name(parts[-1])
    series = case.images[0].item is not None and suffix == ""
    folders = tuple(part for part in parts[:-1] if not folder_words(part).role and not folder_words(part).split)
    return Name(folders, stem, suffix in VOLUME_SUFFIXES or series)


def _by_pattern(root: Path, cases: Sequence[Case], pattern: str) -> list[Person | None]:
    """``{patient}`` in the file's name (with or without suffix) or, for a pattern with ``/``, in the path below the root."""
    rule = compile_pattern(pattern)
    people: list[Person | None] = []
    for case in cases:
        path = case.path.relative_to(root) if case.path.is_relative_to(root) else Path(case.path.name)
        stem = split_name(path.name)[0]
        texts = (path.as_posix(), path.with_name(stem).as_posix()) if "/" in pattern else (path.name, stem)
        found = next((hit for text in texts if (hit := values(rule, text))), None)
        people.append(Person(found["patient"], "given") if found and "patient" in found else None)
    return people


def _with_volumes(cases: list[Case], names: Sequence[Name], people: Sequence[Person | None]) -> list[Case]:
    """Slices of a person's folder, or with a person's id in front of a number, are a volume; the number is the position."""
    groups: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for i, (case, name, person) in enumerate(zip(cases, names, people, strict=True)):
        numbered = slice_number(name.stem)
        if (
            case.volume
            or name.volumetric
            or case.images[0].index is not None
            or person is None
            or numbered is None
            or person.rule == "eyes"
        ):
            continue
        prefix, number = numbered
        home = name.folders if name.folders and folder_is_id(name.folders[-1]) else ()
        if home or prefix:
            inner = prefix if prefix.casefold() != (home[-1].casefold() if home else "") and not is_slice_word(prefix) else ""
            groups["/".join((*home, *([inner] if inner else [])))].append((i, number))
    result = list(cases)
    for volume, members in groups.items():
        numbers = [number for _, number in members]
        dense = max(numbers) - min(numbers) < 3 * len(numbers)
        if len(members) >= 3 and len(set(numbers)) == len(numbers) and dense:
            for i, number in members:
                result[i] = replace(result[i], volume=volume, position=number)
    for i, person in enumerate(people):
        if person is not None and person.picture and result[i].volume is None:
            result[i] = replace(result[i], volume=person.key)
    return result


def _one_stack(cases: list[Case], names: Sequence[Name]) -> list[Case] | None:
    """The cases as slices of one stack: one folder, names that are nothing but consecutive numbers, one size."""
    numbered = [slice_number(name.stem) for name in names]
    if len(cases) < 3 or len({name.folders for name in names}) != 1 or any(name.volumetric for name in names):
        return None
    if any(entry is None or not is_slice_word(entry[0]) for entry in numbered):
        return None
    numbers = [entry[1] for entry in numbered if entry is not None]
    if max(numbers) - min(numbers) + 1 > 1.2 * len(set(numbers)) or min(numbers) > 1 or not _same_size(cases):
        return None
    folders = [case.id.rpartition("/")[0] or "stack" for case in cases]
    return [replace(case, volume=folder, position=number) for case, folder, number in zip(cases, folders, numbers, strict=True)]


def _same_size(cases: Sequence[Case]) -> bool:
    step = max(1, len(cases) // _SAMPLED_HEADERS)
    shapes = set()
    for case in cases[::step]:
        try:
            shapes.add(read_header(case.path).shape)
        except DelineateError:
            continue
    return len(shapes) <= 1
