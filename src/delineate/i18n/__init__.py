"""Sentences in English and 中文, looked up by key.

Catalogues are ``catalogue/<topic>.<lang>.json``; a key's topic is what stands before its first dot, and every file whose
stem starts with that topic is read (``finding_scan.en.json`` and ``finding_check.en.json`` both serve ``finding.*``).
Only the topics that are used are read. Placeholders are ``{name}`` as in :meth:`str.format`.
"""

from __future__ import annotations

import json
import locale
import os
from functools import cache
from pathlib import Path
from typing import Any

LANGUAGES = ("en", "zh")
_CATALOGUE = Path(__file__).parent / "catalogue"


@cache
def _topic(topic: str, language: str) -> dict[str, str]:
    sentences: dict[str, str] = {}
    for path in sorted(_CATALOGUE.glob(f"{topic}*.{language}.json")):
        stem = path.name.split(".")[0]
        if stem != topic and not stem.startswith(topic + "_"):
            continue
        with path.open(encoding="utf-8") as file:
            sentences.update(json.load(file))
    return sentences


class _Forgiving(dict[str, Any]):
    def __missing__(self, key: str) -> str:
        return "{" + key + "}"


def has(key: str, language: str = "en") -> bool:
    """Whether the catalogue of ``language`` holds ``key``."""
    return key in _topic(key.split(".", 1)[0], language)


def translate(key: str, language: str = "en", /, **params: Any) -> str:
    """The sentence under ``key``. A key without a sentence gives the key and its values, never an exception:
    failing while reporting a failure would hide the failure. (A test holds the catalogues complete.)
    """
    template = _topic(key.split(".", 1)[0], language).get(key)
    if template is None and language != "en":
        template = _topic(key.split(".", 1)[0], "en").get(key)
    if template is None:
        return f"{key} {params}" if params else key
    return template.format_map(_Forgiving(params))


def detect_language() -> str:
    """``DELINEATE_LANG`` if set, else the locale of the environment: ``zh*`` gives ``zh``, all else ``en``."""
    for name in ("DELINEATE_LANG", "LC_ALL", "LC_MESSAGES", "LANG"):
        value = os.environ.get(name)
        if value:
            return "zh" if value.lower().startswith("zh") else "en"
    try:
        guess = locale.getlocale()[0] or ""
    except ValueError:
        guess = ""
    return "zh" if guess.lower().startswith(("zh", "chinese")) else "en"
