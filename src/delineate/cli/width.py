"""Text in terminal cells: a Chinese character takes two, so ``len`` is no measure of a line."""

from __future__ import annotations

import re
import unicodedata


def cells(text: str) -> int:
    """Columns that ``text`` takes on a terminal."""
    return sum(_cell(character) for character in text)


def _cell(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def pad(text: str, width: int) -> str:
    """``text`` with spaces behind it up to ``width`` columns."""
    return text + " " * (width - cells(text))


def wrap(text: str, width: int) -> list[str]:
    """Lines of at most ``width`` columns, broken at spaces and between Chinese characters (never before their punctuation)."""
    lines, line = [], ""
    for piece in _pieces(text):
        if line and cells(line) + cells(piece.rstrip()) > width:
            lines.append(line.rstrip())
            line = ""
        line += piece if line else piece.lstrip()
    return [*lines, line.rstrip()] if line.strip() else lines or [""]


_CLOSING = "，。、；：！？）》」』”’…"
_OPENING = "（《「『“‘"
_WIDE = "\u2e80-\u9fff\uf900-\ufaff\uff00-\uffef"
_PIECE = re.compile(rf"[{_OPENING}]*(?:[{_WIDE}][{_CLOSING}]*|[^\s{_WIDE}{_OPENING}]+[{_CLOSING}]*)\s*|\s+|.")


def _pieces(text: str) -> list[str]:
    return _PIECE.findall(" ".join(text.split()))
