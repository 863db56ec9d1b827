"""What a person calls the classes: ``lung,tumour``, ``liver=1,tumour=2``, ``membrane=0``, ``nuclei=#ff0000``."""

from __future__ import annotations

import re
from dataclasses import dataclass

from delineate.errors import UsageError

#: Names that mean "no class", as data sets spell them.
BACKGROUND = frozenset({"background", "bg", "back", "none", "unlabeled", "unlabelled", "clear label", "_background_", "背景"})
#: Names of pixels that nobody decided on: nnU-Net's "ignore" label, the "void" of street and body scenes.
UNDECIDED = frozenset({"ignore", "ignored", "void", "don't care", "dontcare", "忽略"})


@dataclass(frozen=True)
class WantedClass:
    """A name, and the raw value (or ``"#rrggbb"``) it was given, if any."""

    name: str
    value: int | str | None


def is_background(name: str) -> bool:
    return name.strip().lower() in BACKGROUND


def is_undecided(name: str) -> bool:
    return name.strip().lower() in UNDECIDED


def parse_classes(text: str) -> tuple[WantedClass, ...]:
    """Raises ``UsageError``: ``classes-invalid`` with the piece that is unclear, ``classes-mixed`` where only some have values."""
    wanted: list[WantedClass] = []
    for piece in text.split(","):
        name, equals, value = (part.strip() for part in piece.partition("="))
        if not name or (equals and not value):
            raise UsageError("classes-invalid", text=text, piece=piece.strip())
        if not equals:
            wanted.append(WantedClass(name, None))
        elif re.fullmatch(r"[+-]?\d{1,9}", value):
            wanted.append(WantedClass(name, int(value)))
        elif re.fullmatch(r"#[0-9a-fA-F]{6}", value):
            wanted.append(WantedClass(name, value.lower()))
        else:
            raise UsageError("classes-invalid", text=text, piece=piece.strip())
    kinds = {type(item.value) for item in wanted}
    values = [item.value for item in wanted if item.value is not None]
    if len(kinds) > 1 or len(set(values)) != len(values):
        raise UsageError("classes-mixed", text=text)
    if not values and len({item.name for item in wanted}) != len(wanted):
        raise UsageError("classes-mixed", text=text)
    return tuple(wanted)
