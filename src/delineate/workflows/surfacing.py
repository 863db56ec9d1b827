"""``surface``: masks of volumes → surfaces to print, plan with or look at. Loads no torch."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from delineate.errors import DataError, UsageError
from delineate.events import EventSink, Note, Progress, discard

if TYPE_CHECKING:
    from delineate.measures import Reading
    from delineate.measures.reading import OpenMask
    from delineate.measures.sources import Gathered
    from delineate.measures.surfaces import Surface

#: Triangles in all of a file: smooth on a screen, and a page of some 1.5 MB.
FACES = 100_000
FORMATS = (".stl", ".ply", ".glb", ".html")


@dataclass(frozen=True)
class Surfaces:
    """``surfaces`` with their meshes and volumes, and the ``files`` they were written to."""

    surfaces: Sequence[Surface]
    files: Sequence[Path]
    seconds: float


def surface(
    mask: str | Path,
    *,
    out: str | Path,
    classes: str | None = None,
    only: Sequence[str] = (),
    smooth: int = 20,
    faces: int = FACES,
    lps: bool = False,
    spacing_mm: Sequence[float] | None = None,
    threshold: float | None = None,
    language: str = "en",
    on_event: EventSink = discard,
) -> Surfaces:
    """Write the surface of the volume mask ``mask`` to ``out`` (``.stl``, ``.ply``, ``.glb`` or ``.html``).

    ``only``: names or numbers of classes (default: all); ``smooth``: passes of smoothing; ``faces``: at most about so many
    triangles in all; ``lps``: LPS+ instead of RAS+ coordinates. The rest as for :func:`measure`.
    """
    from delineate.measures import frame_of, open_mask
    from delineate.measures.surfaces import simplified, surface_of
    from delineate.workflows.measuring import checked_spacing, class_names
    from delineate.workflows.stages import stage

    began = time.monotonic()
    path, target = Path(mask), Path(out)
    if target.suffix.lower() not in FORMATS:
        raise UsageError("surface-format", path=target)
    for name, value, low, high in (("smooth", smooth, 0, 1000), ("faces", faces, 100, 50_000_000)):
        if not low <= value <= high:
            raise UsageError("bad-surface-option", name=name, value=value, low=low, high=high)
    if not path.exists():
        raise DataError("measure-path-missing", path=path)
    with stage("surface", on_event):
        opened = open_mask(path, class_names(classes), threshold)
        if opened.geometry.ndim != 3:
            raise DataError("surface-not-3d", path=path)
        spacing = checked_spacing(spacing_mm)
        frame = frame_of(opened.geometry, spacing * 3 if spacing is not None and len(spacing) == 1 else spacing)
        if frame.unit == "px":
            raise DataError("spacing-unknown", path=path)
        wanted = _wanted(opened, only, path)
        found = []
        for number, (label, name, binary) in enumerate(opened.classes()):
            on_event(Progress("surface", number, len(opened.labels)))
            made = surface_of(label, name, binary, frame, passes=smooth) if label in wanted else None
            if made is not None:
                found.append(made)
        if not found:
            raise DataError("surface-empty", path=path)
        found = simplified(found, faces)
        files = _write(target, found, path.name, lps, language)
    return Surfaces(found, files, time.monotonic() - began)


def _wanted(opened: OpenMask, only: Sequence[str], path: Path) -> set[int]:
    if not opened.labels:
        raise DataError("surface-empty", path=path)
    chosen = set()
    for name in only:
        matches = [label for label, own in opened.labels.items() if name in (own, str(label))]
        if not matches:
            choices = ", ".join(f"{own} ({label})" for label, own in opened.labels.items())
            raise UsageError("surface-no-class", path=path, name=name, choices=choices)
        chosen.update(matches)
    return chosen or set(opened.labels)


def _write(target: Path, found: Sequence[Surface], title: str, lps: bool, language: str) -> list[Path]:
    if target.suffix.lower() == ".html":
        from delineate.measures.viewer import write_viewer

        return [write_viewer(target, found, title=title, language=language)]
    from delineate.measures.surface_files import write_surfaces

    return write_surfaces(target, found, "LPS" if lps else "RAS")


def surfaces_of(
    gathered: Gathered,
    folder: Path,
    kind: str,
    *,
    reading: Reading,
    spacing_mm: tuple[float, ...] | None,
    language: str,
    on_event: EventSink,
) -> list[Path]:
    """The surfaces of every volume that was measured, each in a file of its case's name below ``folder``."""
    from delineate.measures.files import open_job
    from delineate.measures.surfaces import simplified, surface_of
    from delineate.workflows.stages import stage

    if f".{kind}" not in FORMATS:
        raise UsageError("unknown-choice", kind="surface format", name=kind, choices=", ".join(name[1:] for name in FORMATS))
    written: list[Path] = []
    with stage("surface", on_event):
        for number, job in enumerate(gathered.jobs):
            on_event(Progress("surface", number, len(gathered.jobs)))
            try:
                frame, classes = open_job(job, reading, spacing_mm)
            except DataError:
                continue  # its row in measures.json says why
            if frame.axes != 3 or frame.unit == "px":
                on_event(Note("surface-not-3d" if frame.axes != 3 else "surface-no-mm", {"case": job.case}))
                continue
            made = [surface_of(label, name, binary, frame) for label, name, binary in classes]
            found = [one for one in made if one is not None]
            if not found:
                on_event(Note("surface-empty", {"case": job.case}))
                continue
            written += _write(folder / f"{job.case}.{kind}", simplified(found, FACES), job.case, lps=False, language=language)
    return written
