"""The page's sentences, and what its files may not hold."""

from __future__ import annotations

import json
import re
from pathlib import Path

import delineate.server

WEB = Path(delineate.server.__file__).parent / "web"
OURS = [path for path in (*WEB.glob("*.js"), *WEB.glob("*.html")) if not path.name.startswith("browser_")]


def sentences(language: str) -> dict[str, str]:
    found: dict[str, str] = json.loads((WEB / "i18n" / f"{language}.json").read_text(encoding="utf-8"))
    return found


def test_both_languages_hold_the_same_keys_and_placeholders() -> None:
    english, chinese = sentences("en"), sentences("zh")
    assert list(english) == list(chinese)
    for key, text in english.items():
        assert text.strip(), key
        assert sorted(re.findall(r"\{\w+\}", text)) == sorted(re.findall(r"\{\w+\}", chinese[key])), key


def test_chinese_is_chinese() -> None:
    same = {key for key, text in sentences("zh").items() if text == sentences("en")[key]}
    allowed = {"modality.", "form.", "metric.dice", "size.", "caption.spacing"}
    assert not {key for key in same if not key.startswith(tuple(allowed))}


def test_every_sentence_that_is_asked_for_is_there_and_none_is_left_over() -> None:
    known = sentences("en")
    sources = "\n".join(path.read_text(encoding="utf-8") for path in OURS)
    asked = set(re.findall(r'data-t(?:-label)?="([^"]+)"', sources)) | set(re.findall(r'\bt\("([^"]+)"', sources))
    assert not asked - set(known)
    families = {match[: match.index("$")] for match in re.findall(r"`([\w.-]+\$\{)", sources)}  # t(`stage.${name}`)
    quoted = set(re.findall(r'"([\w.-]+)"', sources))
    left = {key for key in known if key not in asked | quoted and not key.startswith(tuple(families))}
    assert not left


def test_codes_of_the_servers_problems_are_real() -> None:
    from delineate.server.problems import STATUS

    own = {"other", "page-bug", "no-connection", "request-failed", "no-image", "no-webgl", "not-shown", "damaged-here"}
    codes = {key.split(".")[1] for key in sentences("en") if key.startswith("problem.")}
    unknown = {code for code in codes - own if not code.startswith("browser-")} - set(STATUS)
    assert unknown <= {"channels-mismatch"}, "an error of its own class, without an entry"


def test_pages_hold_no_inline_script_or_style_and_no_foreign_address() -> None:
    for path in OURS + list(WEB.glob("*.css")):
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"<script(?![^>]*src=)|\son\w+=\"|style=\"|<style", text), path
        assert not re.search(r"https?://(?!www\.w3\.org)", text), path


def test_files_stay_small_and_what_is_not_ours_has_its_licence() -> None:
    for path in (*OURS, *WEB.glob("*.css")):
        assert len(path.read_text(encoding="utf-8").splitlines()) <= 400, path
    for folder in (WEB / "vendor").iterdir():
        assert (folder / "LICENSE").stat().st_size > 1000, folder
    assert "BSD 2-Clause" in (WEB / "vendor/niivue/LICENSE").read_text(encoding="utf-8")
