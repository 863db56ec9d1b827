"""Every code that the sources can raise or announce has its sentences, with placeholders that are filled."""

from __future__ import annotations

import json
from fnmatch import fnmatchcase

import pytest
from tests.i18n import findings_page
from tests.i18n.raised import SOURCES, Site, codes_of, sites
from tests.i18n.test_catalogues import CATALOGUE, placeholders

from delineate.formats import CODES
from delineate.i18n import LANGUAGES

SITES = list(sites())


def sentences(topic: str, language: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for path in CATALOGUE.glob(f"{topic}*.{language}.json"):
        if path.name.split(".")[0].split("_")[0] == topic:
            found |= json.loads(path.read_text(encoding="utf-8"))
    return found


SENTENCES = {(topic, language): sentences(topic, language) for topic in ("error", "finding", "note") for language in LANGUAGES}


def keys(site: Site, language: str) -> list[str]:
    """The catalogue keys of a site; of a computed code those that it can stand for, one at least."""
    known = [key.partition(".")[2] for key in SENTENCES[site.topic, language] if not key.endswith(".remedy")]
    found = [f"{site.topic}.{code}" for code in codes_of(site, known)]
    assert found or not site.codes, f"{site.where}: no sentence for {site.codes}"
    return found


def test_sites_are_found() -> None:
    assert len(SITES) > 200
    assert {site.topic for site in SITES} == {"error", "finding", "note"}


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_code_has_a_sentence(language: str) -> None:
    missing = [(site.where, key) for site in SITES for key in keys(site, language) if key not in SENTENCES[site.topic, language]]
    assert not missing


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_finding_says_what_to_do(language: str) -> None:
    table = SENTENCES["finding", language]
    assert [key for key in table if not key.endswith(".remedy") and f"{key}.remedy" not in table] == []
    assert [key for key in table if key.endswith(".remedy") and key.removesuffix(".remedy") not in table] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_placeholders_are_filled(language: str) -> None:
    table = {key: text for (_, spoken), texts in SENTENCES.items() if spoken == language for key, text in texts.items()}
    unfilled = [
        (site.where, key, sorted(names))
        for site in SITES
        if site.params is not None
        for code in keys(site, language)
        for key in (code, f"{code}.remedy")
        if (names := placeholders(table.get(key, "")) - site.params)
    ]
    assert not unfilled


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_reason_of_a_refused_file_has_a_sentence(language: str) -> None:
    for code in CODES:
        assert placeholders(SENTENCES["error", language][f"error.{code}"]) <= {"path", "reason", "detail"}


def test_the_page_of_findings_is_up_to_date() -> None:
    """Made anew with ``python -m tests.i18n.findings_page``."""
    same = findings_page.PAGE.read_text(encoding="utf-8") == findings_page.text()
    assert same, "run: python -m tests.i18n.findings_page"


def test_no_sentence_is_left_without_a_code() -> None:
    """A sentence that nothing uses hides that its code was lost. Codes in tables and variables are found as plain strings."""
    text = "\n".join(path.read_text(encoding="utf-8") for path in SOURCES.rglob("*.py"))
    patterns = [f"{site.topic}.{code}" for site in SITES for code in site.codes or () if "*" in code]
    unused = [
        key
        for topic in ("error", "finding", "note")
        for key in SENTENCES[topic, "en"]
        if not key.endswith(".remedy")
        and f'"{key.partition(".")[2]}"' not in text
        and not any(fnmatchcase(key, pattern) for pattern in patterns)
    ]
    assert unused == []
