"""Both languages say the same things."""

from __future__ import annotations

import json
import string
from pathlib import Path

import pytest

import delineate.i18n

CATALOGUE = Path(delineate.i18n.__file__).parent / "catalogue"
ENGLISH = sorted(CATALOGUE.glob("*.en.json"))


def placeholders(sentence: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(sentence) if name}


@pytest.mark.parametrize("path", ENGLISH, ids=lambda p: p.name)
def test_same_keys_and_placeholders(path: Path) -> None:
    english = json.loads(path.read_text(encoding="utf-8"))
    chinese = json.loads(path.with_name(path.name.replace(".en.", ".zh.")).read_text(encoding="utf-8"))
    assert english.keys() == chinese.keys()
    for key, sentence in english.items():
        assert placeholders(sentence) == placeholders(chinese[key]), key
        assert sentence.strip(), key
        assert chinese[key].strip(), key


def test_keys_are_unique_over_files() -> None:
    seen: dict[str, str] = {}
    for path in ENGLISH:
        for key in json.loads(path.read_text(encoding="utf-8")):
            assert key not in seen, f"{key} in {path.name} and {seen[key]}"
            seen[key] = path.name
            assert path.name.startswith(key.split(".")[0]), key


def test_no_chinese_file_without_english() -> None:
    assert {p.name.replace(".zh.", ".en.") for p in CATALOGUE.glob("*.zh.json")} == {p.name for p in ENGLISH}
