"""How the models were made comparable, where a grid says so: read forgivingly: a fact the page does not know is shown as it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from delineate.errors import DelineateError
from delineate.i18n import has, translate
from delineate.recipe import read_json
from delineate.report.page import duration, number

#: In the order shown; whatever else there is comes after them by its own name.
_KEYS = (
    "primary", "budget_rule", "budget_seconds", "epochs", "steps", "selection", "splits", "folds", "seeds", "size", "device",
    "precision", "threads",
)  # fmt: skip
_NOT_FACTS = ("version", "missing", "options", "plan", "used")
_COLUMNS = ("network", "loss", "optimiser", "augmentation", "steps_per_run", "images_per_run")


def fairness(folder: Path, data: Mapping[str, Any], language: str) -> dict[str, Any] | None:
    """``{"facts": [(label, value)], "columns": [...], "rows": [(name, cells)], "missing": [...]}``, of comparison.json's
    ``fairness`` or of grid.json; ``None`` where neither is there."""
    found = data.get("fairness")
    if not isinstance(found, Mapping):
        found = _of_grid(folder)
    candidates = found.get("candidates")
    plain = {key: value for key, value in found.items() if key not in ("candidates", "missing", "version") and value is not None}
    keys = [key for key in _KEYS if key in plain] + [key for key in plain if key not in _KEYS]
    facts = [(_label(key, language), _value(key, plain[key], language)) for key in keys]
    rows: list[tuple[str, list[str]]] = []
    columns: list[str] = []
    if isinstance(candidates, Mapping):
        table = {str(name): one for name, one in candidates.items() if isinstance(one, Mapping)}
        columns = [key for key in _COLUMNS if any(one.get(key) is not None for one in table.values())]
        rows = [(name, [_value(key, one.get(key), language) for key in columns]) for name, one in table.items()]
    elif candidates:
        facts.append((_label("candidates", language), _value("candidates", candidates, language)))
    missing = [one for one in found.get("missing") or () if isinstance(one, Mapping)]
    if not any(value for _, value in facts) and not rows:
        return None
    return {
        "facts": [(label, value) for label, value in facts if value],
        "columns": [_label(key, language) for key in columns],
        "rows": rows,
        "missing": [_missing(one, language) for one in missing],
    }


def _of_grid(folder: Path) -> dict[str, Any]:
    try:
        data = read_json(folder / "grid.json") if (folder / "grid.json").is_file() else {}
    except (DelineateError, OSError):
        return {}
    if not isinstance(data, dict):
        return {}
    flat = {key: value for key, value in data.items() if not isinstance(value, dict) and key not in _NOT_FACTS}
    options = data["options"] if isinstance(data.get("options"), dict) else {}
    plan = data["plan"] if isinstance(data.get("plan"), dict) else {}
    named = {"budget_rule": options.get("equal"), "budget_seconds": options.get("budget"), **_some(options, "epochs", "primary")}
    candidates = plan.get("candidates")
    if isinstance(candidates, list):
        table = {str(one["name"]): {**one, "steps_per_run": one.get("steps")} for one in candidates if _is_candidate(one)}
        named["candidates"] = table
    return {**flat, **named, **_some(plan, "selection", "folds", "seeds", "size", "device", "precision", "threads")}


def _is_candidate(one: object) -> bool:
    return isinstance(one, dict) and "name" in one


def _some(data: Mapping[str, Any], *keys: str) -> dict[str, Any]:
    return {key: data[key] for key in keys if data.get(key) is not None}


def _label(key: str, language: str) -> str:
    name = f"leaderboard.fair.{key}"
    return translate(name, language) if has(name, language) else key.replace("_", " ")


def _value(key: str, value: object, language: str) -> str:
    """A fact as words; what is neither a number nor a name is listed."""
    if value is None or value == "":
        return ""
    word = f"leaderboard.fair.{key}.{value}" if isinstance(value, str) else ""
    if key == "primary" and isinstance(value, str):
        word = f"comparison.metric.{value}"
    if word and has(word, language):
        return translate(word, language)
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (int, float)):
        return duration(value) if key.endswith("seconds") else number(value) if isinstance(value, int) else f"{value:g}"
    if isinstance(value, Mapping):
        if isinstance(value.get("name"), str):
            return str(value["name"])
        return ", ".join(f"{_label(str(k), language)}: {_value(str(k), v, language)}" for k, v in value.items() if v is not None)
    if isinstance(value, Sequence) and not isinstance(value, str):
        return (" × " if key == "size" else ", ").join(_value(key, one, language) for one in value)
    return str(value)


def _missing(one: Mapping[str, Any], language: str) -> str:
    reason = one.get("reason")
    said = reason.get(language, "") if isinstance(reason, Mapping) else ""
    about = ", ".join(f"{_label(key, language)} {one[key]}" for key in ("fold", "seed") if one.get(key) is not None)
    state = _value("state", one.get("state"), language)
    return f"{one.get('candidate', '?')} ({about}): {state}" + (f": {said}" if said else "")
