"""An image and a model → what there is to say: the mask, its sizes, its measures, whether a person should look."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from delineate.domain import Geometry, Image, LabelSet, Mask
from delineate.doubt import Verdict
from delineate.errors import DataError
from delineate.formats import is_irregular
from delineate.i18n import translate
from delineate.inference import slices_form_volumes
from delineate.inference.second_look import has_doubts, second_look, wants_probabilities
from delineate.measures import measure_mask
from delineate.server.gate import Ticket
from delineate.server.shelf import Served

_ODD = ("unfamiliar-", "inverted", "channel-order", "empty-image")


@dataclass(frozen=True, eq=False)
class Segmented:
    """``facts`` is the answer's JSON without the mask and without sentences, which depend on who reads them."""

    image: Image
    mask: Mask
    labels: LabelSet
    facts: dict[str, Any]
    by_hand: bool = False


def segment(
    served: Served, image: Image, ticket: Ticket, *, sha256: str, clean: bool, measures: bool, refuse_unfamiliar: bool = False
) -> Segmented:
    """Compute as ``delineate predict`` does: the same mask, bit for bit.

    Raises
    ------
    DataError
        The image does not fit the model; ``image-unfamiliar`` where such are refused.
    ResourceError
        ``work-too-long``, ``image-exceeds-memory``, ``engine-failed``.
    """
    record = served.predictor.record
    begun = time.perf_counter()
    with served.predictor.during(ticket):
        found = served.predictor.predict(image, probabilities=wants_probabilities(record, image), clean=clean)
    shares = None if found.probabilities is None else [found.probabilities]
    verdict = second_look(record, [image], None, shares, [found.mask.labels], volumes=slices_form_volumes(record))
    if refuse_unfamiliar and verdict is not None:
        odd = [code for code, _ in verdict.reasons if code.startswith(_ODD)]
        if odd:
            raise DataError("image-unfamiliar", reasons=", ".join(odd))
    ticket.check()
    facts: dict[str, Any] = {
        **_known(served, image, found.mask, sha256),
        "measures": _measures(found.mask, image, record.labels, ticket) if measures else None,
        "quality": _quality(verdict, has_doubts(record)),
        "warnings": [{"code": note.code, "params": _plain(note.params)} for note in ticket.notes if note.level == "warning"],
        "engine": served.predictor.engine,
        "seconds": round(time.perf_counter() - begun, 4),
    }
    return Segmented(image, found.mask, record.labels, facts)


def corrected(served: Served, image: Image, mask: Mask, ticket: Ticket, *, sha256: str, measures: bool) -> Segmented:
    """What there is to say of a mask that a person corrected: no model doubts it, and nothing is computed but its measures."""
    begun = time.perf_counter()
    ticket.check()
    labels = served.predictor.record.labels
    facts: dict[str, Any] = {
        **_known(served, image, mask, sha256),
        "measures": _measures(mask, image, labels, ticket) if measures else None,
        "quality": _quality(None, False),
        "warnings": [],
        "engine": "hand",
        "seconds": round(time.perf_counter() - begun, 4),
    }
    return Segmented(image, mask, labels, facts, by_hand=True)


def _known(served: Served, image: Image, mask: Mask, sha256: str) -> dict[str, Any]:
    """What was given, and how much of each class was found."""
    record, geometry = served.predictor.record, image.geometry
    return {
        "model": {"id": served.id, "name": record.name, "sha256": served.sha256},
        "input": {
            "sha256": sha256,
            "format": image.format,
            "shape": list(geometry.shape),
            "channels": image.channels,
            "spacing_mm": None if geometry.spacing is None or is_irregular(image.meta) else list(geometry.spacing),
        },
        "classes": [
            {"value": value, "name": name, "voxels": int(np.count_nonzero(inside))}
            for value, name, inside in classes_of(record.labels, mask.labels)
        ],
    }


def classes_of(labels: LabelSet, mask: NDArray[Any]) -> Iterator[tuple[int, str, NDArray[np.bool_]]]:
    """(value, name, boolean array) of each class, one after the other."""
    for value, name in enumerate(labels.names, start=1):
        yield value, name, np.asarray(labels.one_class(mask, value), dtype=bool)


def _measures(mask: Mask, image: Image, labels: LabelSet, ticket: Ticket) -> dict[str, Any]:
    # Unevenly spaced slices have no spacing (docs/formats.md): millimetres would be wrong.
    geometry = Geometry(image.geometry.shape) if is_irregular(image.meta) else image.geometry
    same = Image(image.pixels, geometry, None, image.format, image.colour, image.meta)

    def classes() -> Iterator[tuple[int, str, NDArray[np.bool_]]]:
        for one in classes_of(labels, mask.labels):
            ticket.check()
            yield one

    found = measure_mask(classes(), geometry, same)
    return {
        "facts": _plain(found.facts),
        "rows": [
            {"label": row.label, "name": row.name, "part": row.part, "component": row.component, **_plain(row.values)}
            for row in found.rows
        ],
        "notes": [{"code": code, "params": _plain(params)} for code, params in found.notes],
    }


def _quality(verdict: Verdict | None, known: bool) -> dict[str, Any]:
    if verdict is None:
        return {
            "known": known,
            "needs_review": None,
            "predicted_dice": None,
            "predicted_dice_low": None,
            "predicted_dice_high": None,
            "reasons": [],
        }
    return {
        "known": True,
        "needs_review": bool(verdict.needs_review),
        "predicted_dice": _number(verdict.predicted),
        "predicted_dice_low": _number(verdict.low),
        "predicted_dice_high": _number(verdict.high),
        "reasons": [{"code": code, "params": _plain(params)} for code, params in verdict.reasons],
    }


def _number(value: float | None) -> float | None:
    return None if value is None or not np.isfinite(value) else round(float(value), 6)


def _plain(values: Any) -> Any:
    """JSON's own kinds; numbers in seven figures as in measures.json, no NaN, no path."""
    if isinstance(values, dict) or hasattr(values, "items"):
        return {str(name): _plain(value) for name, value in values.items()}
    if isinstance(values, list | tuple):
        return [_plain(value) for value in values]
    if isinstance(values, bool | np.bool_):
        return bool(values)
    if isinstance(values, int | np.integer):
        return int(values)
    if isinstance(values, float | np.floating):
        return float(f"{float(values):.7g}") if np.isfinite(values) else None
    if values is None or isinstance(values, str):
        return values
    return "image"


def with_sentences(facts: dict[str, Any], language: str) -> dict[str, Any]:
    """``facts`` with the sentence of every code, in the reader's language."""
    said = dict(facts)
    said["quality"] = {**facts["quality"], "reasons": [_said(one, "review", language) for one in facts["quality"]["reasons"]]}
    said["warnings"] = [_said(one, "note", language) for one in facts["warnings"]]
    if facts["measures"] is not None:
        notes = [_said(one, "note", language) for one in facts["measures"]["notes"]]
        said["measures"] = {**facts["measures"], "notes": notes}
    return said


def _said(one: dict[str, Any], topic: str, language: str) -> dict[str, Any]:
    params = {"case": "image", "path": "image", **one["params"]}
    return {**one, "text": translate(f"{topic}.{one['code']}", language, **params)}
