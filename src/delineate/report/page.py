"""Self-contained HTML pages: templates, translation, numbers and pictures as data. Nothing on a page asks the network for anything.

A page extends ``templates/page.html.j2``. Everything is escaped unless it is ``Markup`` made here, and the page forbids scripts and
outside requests by its own content security policy, so that a hostile file name in a data set stays a file name.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import jinja2
from jinja2.runtime import Context

from delineate.i18n import has, translate
from delineate.version import __version__

_PICTURES = {b"\x89PNG\r\n\x1a\n": "image/png", b"GIF87a": "image/gif", b"GIF89a": "image/gif", b"\xff\xd8\xff": "image/jpeg"}

#: Shown where a number does not exist: never 0, never NaN.
NO_NUMBER = "–"


def render(template: str, language: str, /, **values: Any) -> str:
    """The page ``templates/<template>`` in ``language`` (``en`` or ``zh``) as one HTML string."""
    return _environment().get_template(template).render(language=language, version=__version__, **values)


def say(key: str, language: str, /, **params: Any) -> str:
    """The sentence under ``key``; with ``n=1`` the key ``<key>.one`` is preferred where it exists (English singulars)."""
    if params.get("n") == 1 and has(f"{key}.one", language):
        key = f"{key}.one"
    return translate(key, language, **params)


def data_uri(picture: bytes | Path) -> str:
    """PNG, GIF or JPEG as a ``data:`` address. Other content is refused: it would be a script or a broken picture."""
    content = picture.read_bytes() if isinstance(picture, Path) else picture
    for magic, kind in _PICTURES.items():
        if content.startswith(magic):
            return f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}"
    raise ValueError("'picture' must be PNG, GIF or JPEG")


def number(value: object, digits: int = 3) -> str:
    """``0.8712`` → ``0.871``; anything that is no finite number → an en dash. Integers keep their digits."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        return NO_NUMBER
    if isinstance(value, int):
        return f"{value:,}".replace(",", "\u2009")
    text = f"{value:.{digits}f}"
    return text.replace("-", "\u2212") if float(text) != 0 else text.lstrip("-")


def brief(value: object) -> str:
    """A number to three significant digits, without an exponent where one can be avoided."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        return NO_NUMBER
    if isinstance(value, int) or abs(value) >= 1000:
        return number(round(value))
    return f"{value:.3g}".replace("-", "\u2212")


def interval(pair: object, digits: int = 3) -> str:
    """``[0.81, 0.92]`` → ``0.810–0.920``; an en dash where there is no interval."""
    if not isinstance(pair, (list, tuple)) or len(pair) != 2 or any(v is None for v in pair):
        return NO_NUMBER
    return f"{number(pair[0], digits)}–{number(pair[1], digits)}"


def duration(seconds: object) -> str:
    """``312.4`` → ``5 min 12 s``: the units are the SI symbols, the same in both languages."""
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float)) or not math.isfinite(seconds):
        return NO_NUMBER
    if seconds < 10:
        return f"{seconds:.1f} s"
    total = round(seconds)
    hours, rest = divmod(total, 3600)
    minutes, left = divmod(rest, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {left} s" if minutes else f"{left} s"


@jinja2.pass_context
def _t(context: Context, key: str, **params: Any) -> str:
    return say(key, str(context["language"]), **params)


@jinja2.pass_context
def _finding_text(context: Context, finding: Mapping[str, Any], part: str = "") -> str:
    """A finding's sentence, or with ``part="remedy"`` what to do about it ("" where the catalogue has none)."""
    language = str(context["language"])
    key = f"finding.{finding.get('code', '')}" + (f".{part}" if part else "")
    if part and not has(key, language):
        return ""
    params = {"path": finding.get("path"), "case": finding.get("case"), **(finding.get("params") or {})}
    return translate(key, language, **params) if has(key, "en") else str(finding.get("code", ""))


@cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("delineate.report", "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        t=_t,
        number=number,
        brief=brief,
        interval=interval,
        duration=duration,
        data_uri=data_uri,
        finding_text=_finding_text,
    )
    return environment
