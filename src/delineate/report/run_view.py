"""What a run was made of, in the shape the page shows it: data, split, decisions, choices, provenance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from delineate.i18n import has
from delineate.recipe import Recipe
from delineate.report.page import brief, say
from delineate.report.run_files import RunFiles

_LONGEST = 160


def shown(value: Any) -> str:
    """Any JSON value as short text: numbers to three digits, lists joined, long things cut."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return brief(value)
    if isinstance(value, Mapping):
        text = ", ".join(f"{key}: {shown(item)}" for key, item in value.items())
    elif isinstance(value, Sequence) and not isinstance(value, str):
        text = (" × " if len(value) in (2, 3) and all(isinstance(v, int) for v in value) else ", ").join(shown(v) for v in value)
    else:
        text = str(value)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


def setting(recipe: Recipe, path: str) -> Any:
    """The value at a dotted path of the recipe, ``None`` where there is none."""
    value: Any = recipe.model_dump(mode="json")
    for part in path.split("."):
        if isinstance(value, list) and part.isdecimal() and int(part) < len(value):
            value = value[int(part)]
        elif isinstance(value, dict) and part in value:
            value = value[part]
        else:
            return None
    return value


def decisions(files: RunFiles, language: str) -> list[dict[str, str]]:
    """Every decision that has a reason: path, its name in words (or ""), value, who decided, sentence."""
    if files.recipe is None:
        return []
    rows = []
    for path, reason in files.recipe.reasons.items():
        key = f"reason.{reason.code}"
        name = f"report.setting.{path}"
        params = {k: shown(v) if not isinstance(v, (str, int, float)) else v for k, v in reason.params.items()}
        rows.append(
            {
                "path": path,
                "name": say(name, language) if has(name, language) else "",
                "value": shown(setting(files.recipe, path)),
                "by": reason.by,
                "sentence": say(key, language, **params) if has(key, "en") else reason.code,
            }
        )
    return rows


def data_facts(files: RunFiles, language: str) -> list[tuple[str, str]]:
    """(name, value) rows: the data set as a whole, what was measured on it, the classes and the mask rule."""
    whole, measured = files.dataset, files.fingerprint
    unit = whole.get("unit") or measured.get("unit")
    rows: list[tuple[str, Any]] = [("layout", whole.get("layout"))]
    if unit in ("patient", "image", "block"):
        rows.append(("unit", say(f"report.unit.{unit}", language)))
    rows += [(name, whole.get(name, measured.get(name))) for name in ("persons", "groups", "cases", "labelled")]
    rows += [
        ("unreadable", measured.get("unreadable") or None),
        ("shape", _spread(measured.get("shape"), " × ")),
        ("spacing", _spacing(measured, language)),
        ("channels", _counted(measured.get("channel_counts") or measured.get("channels"))),
        ("formats", _counted(measured.get("formats"))),
        ("dtypes", _counted(measured.get("dtypes"))),
        ("foreground", _part(measured.get("planes_with_foreground"), measured.get("planes"))),
    ]
    if files.recipe is not None:
        rows.append(("classes", ", ".join(files.recipe.labels.names)))
    rows.append(("share", _shares(measured.get("classes"))))
    if files.recipe is not None:
        rows.append(("masks", mask_sentence(files.recipe, language)))
    return [(say(f"report.data.{name}", language), shown(value)) for name, value in rows if value not in (None, "", [], {})]


def _counted(value: Any) -> str | None:
    """``{"tiff": 40, "png": 2}`` → ``tiff (40), png (2)``; a single key alone."""
    if isinstance(value, Mapping):
        if len(value) == 1:
            return str(next(iter(value)))
        return ", ".join(f"{key} ({shown(count)})" for key, count in list(value.items())[:8]) + (" …" if len(value) > 8 else "")
    return None if value is None else shown(value)


def _spread(value: Any, between: str) -> str | None:
    """Per axis the median, with smallest and largest where they differ: ``512 × 389 (200–517)``."""
    if not isinstance(value, list) or not all(isinstance(axis, Mapping) and "median" in axis for axis in value):
        return None
    texts = []
    for axis in value:
        low, high = axis.get("minimum"), axis.get("maximum")
        texts.append(brief(axis["median"]) + (f" ({brief(low)}–{brief(high)})" if low != high else ""))
    return between.join(texts)


def _spacing(measured: Mapping[str, Any], language: str) -> str | None:
    if "spacing" not in measured:
        return None
    text = _spread(measured["spacing"], " × ")
    if text is None:
        return say("report.unknown", language)
    known = measured.get("spacing_known")
    return text if not isinstance(known, (int, float)) or known >= 1 else f"{text}; {known:.0%}"


def _part(some: Any, every: Any) -> str | None:
    if not isinstance(some, int) or not isinstance(every, int) or every == 0:
        return None
    return f"{brief(some)} / {brief(every)} ({100 * some / every:.0f} %)"


def _shares(classes: Any) -> str | None:
    if not isinstance(classes, list):
        return None
    known = [c for c in classes if isinstance(c, Mapping) and isinstance(c.get("pixel_share"), (int, float))]
    return ", ".join(f"{c.get('name')} {100 * c['pixel_share']:.2g} %" for c in known) or None


def mask_sentence(recipe: Recipe, language: str) -> str:
    """The mask rule in words."""
    rule = recipe.masks
    if rule.kind == "threshold":
        return say("report.mask.inverted" if rule.inverted else "report.mask.threshold", language, cutoff=f"{rule.cutoff:g}")
    if rule.kind == "files":
        return say("report.mask.files", language, cutoff=f"{rule.cutoff:g}")
    names = ("–", *recipe.labels.names)
    raw = rule.values if rule.kind == "values" else rule.colours
    pairs = ", ".join(f"{key} → {names[label] if 0 <= label < len(names) else label}" for key, label in list(raw.items())[:12])
    return say("report.mask.values", language, pairs=pairs)


def split_rows(files: RunFiles) -> list[dict[str, Any]]:
    """One row per fold and part: the persons in it, from splits.json."""
    if files.splits is None:
        return []
    return [
        {"fold": number, "part": part, "persons": fold[part]}
        for number, fold in enumerate(files.splits.folds)
        for part in ("train", "validation", "test")
        if part in fold
    ]


def provenance_rows(files: RunFiles, language: str) -> list[tuple[str, str]]:
    """provenance.json flattened one level deep; known names in words."""
    rows: list[tuple[str, str]] = []
    for key, value in files.provenance.items():
        if key == "data" and isinstance(value, Mapping):  # the rest of it is said with the data
            key, value = "data_sha256", value.get("sha256")
        if key == "name" or value in (None, False, "", [], {}):
            continue
        name = f"report.provenance.{key}"
        label = say(name, language) if has(name, language) else key.replace("_", " ")
        if isinstance(value, Mapping):
            rows.append((label, ", ".join(f"{k} {v if isinstance(v, str) else shown(v)}" for k, v in value.items())))
        elif isinstance(value, str):
            rows.append((label, value))
        elif isinstance(value, int) and not isinstance(value, bool):
            rows.append((label, str(value)))  # a seed is a name, not an amount
        else:
            rows.append((label, shown(value)))
    return rows


def timing(files: RunFiles, language: str) -> list[tuple[str, float]]:
    """(stage in words, seconds) of summary.json's timing; the total last."""
    found = files.summary.get("timing")
    if not isinstance(found, dict):
        return []
    rows = []
    for stage, seconds in sorted(found.items(), key=lambda item: item[0] == "total"):
        if isinstance(seconds, (int, float)) and not isinstance(seconds, bool):
            keys = [key for key in (f"report.timing.{stage}", f"stage.{stage}") if has(key, language)]
            rows.append((say(keys[0], language) if keys else stage, float(seconds)))
    return rows
