"""A person's own split: JSON ``{person: part}``, ``{part: [persons]}``, a splits.json, or a CSV of person and part."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from delineate.domain import Case, Unit
from delineate.errors import RecipeError
from delineate.recipe import Splits, parse, read_json

PART_WORDS = {
    "train": "train",
    "training": "train",
    "tr": "train",
    "validation": "validation",
    "valid": "validation",
    "val": "validation",
    "dev": "validation",
    "test": "test",
    "testing": "test",
    "ts": "test",
}
PERSON_COLUMNS = ("person", "patient", "patient_id", "patientid", "subject", "case", "id", "image", "name")
PART_COLUMNS = ("part", "split", "set", "subset", "partition")
MAX_FILE_BYTES = 64 * 1024 * 1024
SHOWN = 20


def read_split_file(path: Path, cases: Sequence[Case], unit: Unit) -> list[dict[str, str]]:
    """One ``{person: part}`` per fold. Names may be of persons, volumes or cases, or their last folder where that is unique.

    Raises ``RecipeError``: ``split-file-unknown`` with the names nobody has, ``split-file-crosses`` with the persons in two parts,
    ``split-file-part`` for a word that is no part, ``split-file-shape`` for anything else it cannot use.
    """
    aliases = _aliases(cases, unit)
    return [_resolved(path, pairs, aliases) for pairs in _read(path)]


def _read(path: Path) -> list[list[tuple[str, str]]]:
    if path.suffix.lower() in (".csv", ".tsv", ".txt"):
        return [_read_csv(path)]
    data = read_json(path)
    if not isinstance(data, dict) or not data:
        raise RecipeError("split-file-shape", path=path)
    if "folds" in data:
        splits = parse(Splits, data, path.name)
        return [[(person, part) for part, persons in fold.items() for person in persons] for fold in splits.folds]
    if all(isinstance(value, list) for value in data.values()):
        return [[(_text(path, person), part) for part, persons in data.items() for person in persons]]
    return [[(person, _text(path, part)) for person, part in data.items()]]


def _text(path: Path, value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        raise RecipeError("split-file-shape", path=path)
    return str(value)


def _read_csv(path: Path) -> list[tuple[str, str]]:
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise RecipeError("split-file-shape", path=path)
        text = path.read_text(encoding="utf-8-sig")
        dialect = "\t" if "\t" in text.partition("\n")[0] else ";" if ";" in text.partition("\n")[0] else ","
        rows = [[cell.strip() for cell in row] for row in csv.reader(text.splitlines(), delimiter=dialect) if any(row)]
    except FileNotFoundError:
        raise RecipeError("file-missing", path=path) from None
    except (OSError, UnicodeDecodeError, csv.Error):
        raise RecipeError("split-file-shape", path=path) from None
    if not rows or min(len(row) for row in rows) < 2:
        raise RecipeError("split-file-shape", path=path)
    header = [cell.lower() for cell in rows[0]]
    person = next((header.index(name) for name in PERSON_COLUMNS if name in header), None)
    part = next((header.index(name) for name in PART_COLUMNS if name in header), None)
    if person is None or part is None:
        if rows[0][1].lower() not in PART_WORDS:
            raise RecipeError("split-file-part", path=path, word=rows[0][1])
        person, part = 0, 1
    else:
        rows = rows[1:]
    if any(len(row) <= max(person, part) for row in rows):
        raise RecipeError("split-file-shape", path=path)
    return [(row[person], row[part]) for row in rows]


def _aliases(cases: Sequence[Case], unit: Unit) -> Mapping[str, set[str]]:
    """Every name a person may be called by → the keys it can mean."""
    exact: dict[str, set[str]] = {}
    short: dict[str, set[str]] = {}
    for case in cases:
        key = case.id if unit == "block" else case.person
        for name in (case.person, case.group, case.id) if unit != "block" else (case.id,):
            exact.setdefault(name, set()).add(key)
            short.setdefault(name.rsplit("/", 1)[-1], set()).add(key)
    return short | exact


def _resolved(path: Path, pairs: Iterable[tuple[str, str]], aliases: Mapping[str, set[str]]) -> dict[str, str]:
    result: dict[str, str] = {}
    unknown: list[str] = []
    crossing: list[str] = []
    for name, word in pairs:
        part = PART_WORDS.get(word.strip().lower())
        if part is None:
            raise RecipeError("split-file-part", path=path, word=word)
        keys = aliases.get(name, set())
        if len(keys) != 1:
            unknown.append(name)
            continue
        key = next(iter(keys))
        if result.setdefault(key, part) != part:
            crossing.append(key)
    if unknown:
        raise RecipeError("split-file-unknown", path=path, count=len(unknown), names=_listed(unknown))
    if crossing:
        raise RecipeError("split-file-crosses", path=path, count=len(crossing), names=_listed(crossing))
    if not result:
        raise RecipeError("split-file-shape", path=path)
    return result


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:SHOWN]) + (" …" if len(names) > SHOWN else "")
