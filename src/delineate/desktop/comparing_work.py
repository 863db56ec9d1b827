"""The work behind the Compare page: what takes time, for jobs."""

from __future__ import annotations

import copy

import numpy as np

from delineate.desktop import predicting
from delineate.desktop.comparing_choice import Chosen
from delineate.desktop.jobs import Job
from delineate.editing.difference import Comparison, compare_documents
from delineate.editing.document import Document
from delineate.editing.drawing import Renderer
from delineate.inference import ModelFile

#: Of a class: its name; Dice between, of A and of B with the reference; voxels only in A, only in B, in both.
Rows = tuple[tuple[str, tuple[float | None, ...], tuple[int, int, int]], ...]
Compared = tuple[Comparison, Rows]


def get(chosen: Chosen, document: Document, renderer: Renderer, job: Job) -> Document:
    """The image with the chosen labels as its edited ones, in a job's thread."""
    if chosen.what == "model":
        return predicting.segment(document, renderer, ModelFile.open(chosen.name), job).document
    found = copy.copy(document)
    labels = document.predicted if chosen.name == "predicted" else document.edited
    found.edited = (document.edited if labels is None else labels).copy()
    return found


def compared(one: Document, other: Document, document: Document) -> Compared:
    """Everything that takes time with large volumes, for a job."""
    found = compare_documents(one, other, document)
    rows = tuple(
        (name, (found.between(label), *found.against_truth(label)), found.counts(label))
        for label, name in enumerate(found.labels.names, start=1)
    )
    return found, rows


def without_labels(document: Document) -> Document:
    """The image alone, until there is something to compare."""
    plain = copy.copy(document)
    plain.edited = np.zeros_like(document.edited)
    plain.predicted = plain.truth = plain.probabilities = None
    plain.mark_saved()
    return plain
