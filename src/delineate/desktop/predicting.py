"""Segmenting the open image away from the window: the same predictor, and so the same mask, as ``delineate predict``."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from delineate.desktop.jobs import Job
from delineate.editing.document import Document
from delineate.editing.drawing import Renderer
from delineate.editing.view import Colour, hex_colour
from delineate.events import Event, Note
from delineate.inference import ModelFile, Predictor

Said = tuple[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Segmented:
    """The image with what the model said: a new document that shares the pixels of the old one. ``notes`` are warnings, as
    catalogue keys with their values."""

    document: Document
    renderer: Renderer
    colours: tuple[Colour, ...]
    seconds: float
    engine: str
    notes: tuple[Said, ...]


def segment(document: Document, renderer: Renderer, model: ModelFile, job: Job) -> Segmented:
    """Predict; ``job`` hears how far it is and can stop it between two batches."""
    notes: list[Said] = []

    def heard(event: Event) -> None:
        if isinstance(event, Note) and event.level == "warning":
            notes.append((f"note.{event.code}", event.params))

    predictor = Predictor(model, on_event=heard, watch=job.report)
    job.report(0)
    found = predictor.predict(document.image, probabilities=True)
    job.check()
    fresh = copy.copy(document)  # the window goes on drawing the old one until it is told
    fresh.set_prediction(found.mask.labels, found.probabilities, model.record, provenance(model))
    if fresh.truth is not None and fresh.truth.shape != fresh.edited.shape:
        fresh.truth = None
    labels = fresh.label_set
    colours = tuple(hex_colour(labels.colour(k)) for k in range(1, labels.classes + 1))
    return Segmented(fresh, renderer.with_labels_of(fresh), colours, found.seconds, predictor.engine, tuple(notes))


def provenance(model: ModelFile) -> dict[str, Any]:
    """What a reviewed mask tells of the model it came from."""
    return {**model.record.provenance, "model_sha256": model.sha256, "model_file": model.path.name}
