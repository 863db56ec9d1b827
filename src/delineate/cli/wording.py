"""argparse's own complaints in the person's language, with what might have been meant.

argparse words them in English in the middle of its code; what it says is recognised here. What is not recognised is shown as
it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from delineate.i18n import translate

#: (what argparse says, catalogue key under ``cli.argument``)
_SAYINGS = (
    (re.compile(r"the following arguments are required: (?P<names>.+)"), "required"),
    (re.compile(r"unrecognized arguments: (?P<names>.+)"), "unknown"),
    (re.compile(r"invalid choice: '?(?P<value>.*?)'? \(choose from (?P<choices>.+)\)"), "choice"),
    (re.compile(r"invalid int value: '(?P<value>.*)'"), "whole-number"),
    (re.compile(r"invalid float value: '(?P<value>.*)'"), "number"),
    (re.compile(r"expected (?:one|at least one|\d+) arguments?"), "value-missing"),
    (re.compile(r"ambiguous option: (?P<value>\S+) could match (?P<choices>.+)"), "ambiguous"),
    (re.compile(r"ignored explicit argument '?(?P<value>.*?)'?"), "no-value"),
)


def reword(message: str, language: str, options: Iterable[str] = ()) -> str:
    """``message`` of argparse as a sentence in ``language``; ``options`` are the names it could have been."""
    prefix, rest = "", message
    named = re.fullmatch(r"argument (?P<name>[^:]+): (?P<rest>.*)", message, re.DOTALL)
    if named:
        prefix, rest = translate("cli.argument.named", language, name=named["name"]), named["rest"]
    for pattern, key in _SAYINGS:
        found = pattern.fullmatch(rest)
        if not found:
            continue
        values = found.groupdict()
        choices = [choice.strip("' ") for choice in values.get("choices", "").split(",") if choice]
        if choices:
            values["choices"] = ", ".join(choices)
        hint = ""
        if key == "choice":
            hint = _hint(values["value"], choices, language)
        elif key == "unknown":
            hint = _hint(values["names"].split()[0].partition("=")[0], options, language)
        return prefix + translate(f"cli.argument.{key}", language, **values) + hint
    return message


def _hint(word: str, known: Iterable[str], language: str) -> str:
    from difflib import get_close_matches  # only now that something went wrong

    near = get_close_matches(word, list(known), n=1)
    return translate("cli.argument.hint", language, name=near[0]) if near else ""
