"""What a person sets by hand wins over the plan, and says so."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from delineate.errors import RecipeError
from delineate.recipe import Reason, Recipe, parse

BY_USER = Reason(code="by-user", by="user")


def apply_overrides(recipe: Recipe, values: Mapping[str, Any], source: str = "--set", reason: Reason = BY_USER) -> Recipe:
    """``recipe`` with dotted keys replaced, e.g. ``{"training.lr": 1e-3}``; each gets ``reason``, "set by you".

    Text values are read as JSON where that is possible (``"[256, 256]"``, ``"true"``, ``"0.5"``), else as text.
    Raises RecipeError for an unknown key (with the known ones) or an unfit value.
    """
    if not values:
        return recipe
    data = recipe.model_dump(mode="json")
    for key, value in values.items():
        _put(data, key, _read(value), source)
        data["reasons"][key] = reason.model_dump(mode="json")
    return parse(Recipe, data, source)


def _read(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except json.JSONDecodeError:
        return value


def _put(data: dict[str, Any], key: str, value: Any, source: str) -> None:
    *path, last = key.split(".")
    place: Any = data
    for done, part in enumerate(path):
        if not isinstance(place, dict) or part not in place:
            known = ", ".join(place) if isinstance(place, dict) else "-"
            raise RecipeError("unknown-key", source=source, key=".".join([*path[:done], part]), known=known)
        place = place[part]
    if not isinstance(place, dict):
        raise RecipeError("unknown-key", source=source, key=key, known="-")
    place[last] = value


def parse_assignment(text: str) -> tuple[str, str]:
    """``"training.lr=0.001"`` → (key, value)."""
    key, sign, value = text.partition("=")
    if not sign or not key.strip():
        raise RecipeError("bad-assignment", text=text)
    return key.strip(), value.strip()
