"""Sizes of what is drawn: the measures of a document's labels (docs/measures.md), as a table, as text, as surfaces."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from delineate.domain import Geometry
from delineate.editing.changes import Labels
from delineate.editing.document import Document
from delineate.errors import DataError
from delineate.measures import CaseMeasures, Measured, MeasuredFile, Options, frame_of, measure_mask
from delineate.measures.tables import csv_text
from delineate.recipe import write_text

#: Triangles of a page of surfaces: as many as a browser turns without stopping.
MOST_FACES = 300_000
_DIAMETERS = ("longest_diameter_mm", "longest_diameter_px", "perpendicular_diameter_mm", "perpendicular_diameter_px")
_COLUMNS = ("volume_ml", "area_mm2", "area_px", *_DIAMETERS, "surface_area_mm2", "hu_mean", "intensity_mean", "voxel_count")


def measure(document: Document, labels: Labels | None = None, surface: bool = True) -> CaseMeasures:
    """Measures of the edited labels (or others). Where slices are unevenly spaced all is in pixels: no mm would be right."""
    image = document.image
    geometry = Geometry(image.geometry.shape) if document.irregular else image.geometry
    options = Options(surface=surface)
    on_it = replace(image, geometry=geometry)
    return measure_mask(_classes(document, labels), geometry, on_it, options, path=image.path)


def columns(measures: CaseMeasures) -> tuple[str, ...]:
    """The columns worth showing of a table: those that some row has, names with their units."""
    return tuple(name for name in _COLUMNS if any(name in row.values for row in measures.rows))


def rows(measures: CaseMeasures) -> list[Measured]:
    """What is shown: each class; its sides where it is both lungs, else its components where there are several (ten at most)."""
    sided = {row.label for row in measures.rows if row.part in ("left", "right")}
    shown = []
    for row in measures.rows:
        several = row.label not in sided and _count(measures, row.label) > 1 and (row.component or 0) <= 10
        if row.part != "component" or several:
            shown.append(row)
    return shown


def tsv(heads: list[str], cells: list[list[str]]) -> str:
    """A table for the clipboard: a spreadsheet takes it as cells."""
    clean = [[cell.replace("\t", " ").replace("\n", " ") for cell in row] for row in (heads, *cells)]
    return "\n".join("\t".join(row) for row in clean) + "\n"


def write_csv(path: Path, document: Document, measures: CaseMeasures) -> None:
    """All columns, as in measures.csv. Raises ResourceError ``cannot-write``."""
    image = document.image.path
    case = "image" if image is None else image.name
    write_text(path, csv_text([MeasuredFile(case, (), image, measures)]))


def write_surfaces_page(document: Document, path: Path, language: str) -> Path:
    """The page that turns the classes' surfaces. Raises DataError ``surface-not-3d``, ``spacing-unknown``, ``surface-empty``, and
    MissingExtra without the extra ``surface``."""
    from delineate.measures.surfaces import simplified, surface_of
    from delineate.measures.viewer import write_viewer

    image = document.image
    name = image.path or Path("image")
    if document.grid.flat:
        raise DataError("surface-not-3d", path=name)
    if document.irregular or image.geometry.spacing is None:
        raise DataError("spacing-unknown", path=name)
    frame = frame_of(image.geometry)
    found = [surface_of(label, text, mask, frame) for label, text, mask in _classes(document, None)]
    there = [surface for surface in found if surface is not None]
    if not there:
        raise DataError("surface-empty", path=name)
    return write_viewer(path, simplified(there, MOST_FACES), title=name.name, language=language)


def _classes(document: Document, labels: Labels | None) -> Iterator[tuple[int, str, NDArray[np.bool_]]]:
    outward = document.outward(labels)
    for label, name in enumerate(document.label_set.names, start=1):
        yield label, name, document.label_set.one_class(outward, label)


def _count(measures: CaseMeasures, label: int) -> int:
    return next((row.values.get("components", 0) for row in measures.rows if row.label == label and row.part == "all"), 0)
