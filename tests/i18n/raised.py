"""Which codes the sources raise or announce, read from the sources themselves."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

import delineate
import delineate.errors
from delineate.errors import DelineateError

SOURCES = Path(delineate.__file__).parent
#: What is called with a code first → the topic of its sentence.
TOPICS = {
    **{
        name: "error"
        for name, kind in vars(delineate.errors).items()
        if isinstance(kind, type) and issubclass(kind, DelineateError)
    },
    "Finding": "finding",
    "Note": "note",
    "unreadable": "error",  # formats: the code of an UnreadableFile
}
#: Their other arguments in order, where they are no keywords.
POSITIONAL = {"Finding": ("severity", "path", "case", "params"), "Note": ("params", "level"), "unreadable": ("path", "detail")}


@dataclass(frozen=True)
class Site:
    """One place in the sources: the class (or function) ``name`` is called.

    ``codes``: the literal codes it can have (two of ``a if x else b``), with ``*`` where a part is computed; ``None`` where the
    code is a variable. ``params``: names given to the sentence; ``None`` where they cannot be read. ``severities`` of a finding,
    both where it is computed.
    """

    where: str
    name: str
    codes: tuple[str, ...] | None
    params: frozenset[str] | None
    severities: tuple[str, ...] = ()

    @property
    def topic(self) -> str:
        return TOPICS[self.name]


def sites() -> Iterator[Site]:
    """Every call of an error, ``Finding`` or ``Note`` in the package."""
    for path in sorted(SOURCES.rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and (name := _name(node.func)) in TOPICS and node.args:
                where = f"{path.relative_to(SOURCES)}:{node.lineno}"
                yield Site(where, name, _codes(node.args[0]), _params(node, name), _severities(node, name))


def codes_of(site: Site, known: Iterable[str]) -> list[str]:
    """A site's codes; for a computed one (``too-few-*s``) those of ``known`` that it can stand for."""
    found: list[str] = []
    for code in site.codes or ():
        found += [name for name in known if fnmatchcase(name, code)] if "*" in code else [code]
    return found


def _name(function: ast.expr) -> str:
    return function.id if isinstance(function, ast.Name) else function.attr if isinstance(function, ast.Attribute) else ""


def _codes(value: ast.expr) -> tuple[str, ...] | None:
    if isinstance(value, ast.Constant) and isinstance(value.value, str):
        return (value.value,)
    if isinstance(value, ast.JoinedStr):
        return ("".join(str(part.value) if isinstance(part, ast.Constant) else "*" for part in value.values),)
    if isinstance(value, ast.IfExp):
        found = [_codes(part) for part in (value.body, value.orelse)]
        return None if None in found else tuple(code for codes in found for code in codes or ())
    return None


def _severities(call: ast.Call, name: str) -> tuple[str, ...]:
    if name != "Finding":
        return ()
    value = call.args[1] if len(call.args) > 1 else next(word.value for word in call.keywords if word.arg == "severity")
    return _codes(value) or ("warning", "error")


def _params(call: ast.Call, name: str) -> frozenset[str] | None:
    if any(isinstance(argument, ast.Starred) for argument in call.args) or any(word.arg is None for word in call.keywords):
        return None
    if name == "unreadable":
        return frozenset(("path", "reason", "detail"))
    if name not in POSITIONAL:
        return frozenset(word.arg for word in call.keywords if word.arg)
    given = dict(zip(POSITIONAL[name], call.args[1:], strict=False)) | {word.arg: word.value for word in call.keywords if word.arg}
    always = {"path", "case"} if name == "Finding" else set()
    params = given.get("params")
    if params is None:
        return frozenset(always)
    if not isinstance(params, ast.Dict):
        return None
    names = [key.value if isinstance(key, ast.Constant) else None for key in params.keys]
    return None if None in names else frozenset(str(key) for key in names) | always
