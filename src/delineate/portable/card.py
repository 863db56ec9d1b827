"""What a person and a program must know of a model that goes without us: ``card.json``."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Sequence
from typing import Any

from delineate.i18n import LANGUAGES, has, translate
from delineate.inference import ModelFile
from delineate.portable.graph import largest_side, raw_channels
from delineate.recipe import Clean, ModelRecord
from delineate.version import __version__

_FEW, _SOME = 10, 30
PARTS = ("test", "out_of_fold", "validation")
#: Deviations below these are noise of the file (``preprocessing.statistics``).
NOISE_FLOOR = {"uint8": 4.0, "uint16": 1.0, "float32": 0.0}


def card_of(model: ModelFile, content: bytes, file: str = "model.onnx", differs: Sequence[str] = ()) -> dict[str, Any]:
    """card.json of the raw-pixel graph ``content`` made of ``model``. ``differs``: further codes ``portable.differs.<code>``."""
    record = model.record
    regions = record.labels.kind == "regions"
    return {
        "format": "delineate-card",
        "version": 1,
        "name": record.name,
        "delineate": __version__,
        "model": {
            "file": file,
            "bytes": len(content),
            "sha256": hashlib.sha256(content).hexdigest(),
            "made_from_sha256": model.sha256,
        },
        "labels": _labels(record),
        "overlapping": regions,
        "input": {
            "pixels": "float32 (rows, columns, channels), values as they stand in the file",
            "channels": raw_channels(record),
            "noise_floor": NOISE_FLOOR,
            "largest_side": largest_side(record),
        },
        "output": {"mask": "uint8 (classes, rows, columns), 0 or 1" if regions else "uint8 (rows, columns), 0 is background"},
        "temperatures": list(record.temperatures),
        "scores": record.scores,
        "quantised": record.provenance.get("quantised"),
        "intended_use": _in_all(lambda language: intended_use(record, language)),
        "limits": _in_all(lambda language: limits(record, language)),
        "notes": _in_all(lambda language: notes(record, language)),
        "differs": _in_all(lambda language: differences(record, language, differs)),
    }


def _labels(record: ModelRecord) -> list[dict[str, Any]]:
    return [
        {
            "value": value,
            "name": name,
            "colour": record.labels.colour(value),
            "threshold": record.thresholds[value - 1],
            "clean": record.clean[value - 1].model_dump(),
        }
        for value, name in enumerate(record.labels.names, start=1)
    ]


def as_text(card: dict[str, Any]) -> str:
    return json.dumps(_finite(card), ensure_ascii=False, indent=1, allow_nan=False) + "\n"


def _finite(value: Any) -> Any:
    """Without NaN and infinities, which are no JSON outside Python."""
    if isinstance(value, dict):
        return {key: _finite(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(part) for part in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def intended_use(record: ModelRecord, language: str) -> str:
    intended = record.provenance.get("intended_use")
    return intended if isinstance(intended, str) else translate("server.intended-use", language)


def notes(record: ModelRecord, language: str) -> list[str]:
    return [translate(f"server.note.{note}", language) if has(f"server.note.{note}") else note for note in record.notes]


def scored_part(record: ModelRecord) -> str | None:
    """The part whose scores count most, of those that are there."""
    return next((name for name in PARTS if isinstance(record.scores.get(name), dict)), None)


def limits(record: ModelRecord, language: str) -> list[str]:
    """Sentences of the report that the model file's own record supports, the gravest first."""
    found: list[tuple[str, dict[str, Any]]] = []
    if record.provenance.get("synthetic") is True:
        found.append(("synthetic", {}))
    part = scored_part(record)
    if part is None:
        found.append(("unscored", {}))
    else:
        numbers = record.scores[part]
        n, unit = numbers.get("n"), numbers.get("unit", "patient")
        if part == "validation":
            found.append(("validation-only", {}))
        if isinstance(n, int) and n < _SOME:
            who = translate(f"report.who.{part}.{unit}", language)
            found.append(("few" if n < _FEW else "some", {"n": n, "who": who}))
        if unit in ("image", "block"):
            found.append((f"unit-{unit}", {}))
    found += [("source", {}), ("reader", {}), ("purpose", {})]
    return [translate(f"report.limit.{code}", language, **params) for code, params in found]


def differences(record: ModelRecord, language: str, more: Sequence[str] = ()) -> list[str]:
    """Sentences: what the graph does not do, or does otherwise than ``delineate predict``."""
    recipe = record.preprocessing
    said = [translate("portable.differs.planes", language)]
    if recipe.normalisation.scheme == "volume":
        said.append(translate("portable.differs.volume", language))
    if recipe.neighbours:
        said.append(translate("portable.differs.neighbours", language))
    if recipe.fit == "spacing" and recipe.pixel_mm is not None:
        said.append(translate("portable.differs.spacing", language, pixel_mm=f"{recipe.pixel_mm:g}", scale=f"{recipe.scale:g}"))
    if (side := largest_side(record)) is not None:
        said.append(translate("portable.differs.tiles", language, side=side))
    for name, clean in zip(record.labels.names, record.clean, strict=True):
        if clean != Clean():
            said.append(translate("portable.differs.clean", language, name=name, what=_cleaning(clean, language)))
    if record.review is not None or record.familiar is not None:
        said.append(translate("portable.differs.doubt", language))
    said += [translate(f"portable.differs.{code}", language) for code in (*more, "rounding")]
    return said


def _cleaning(clean: Clean, language: str) -> str:
    steps = []
    if clean.largest:
        steps.append(translate("portable.clean.largest", language))
    if clean.min_pixels:
        steps.append(translate("portable.clean.min-pixels", language, n=clean.min_pixels))
    if clean.fill_holes:
        steps.append(translate("portable.clean.fill-holes", language))
    return translate("portable.clean.and", language).join(steps)


def _in_all(say: Callable[[str], Any]) -> dict[str, Any]:
    return {language: say(language) for language in LANGUAGES}
