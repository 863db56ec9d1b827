"""Reading what a person opens, away from the window: a file, a folder with a DICOM series, a folder of images."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import delineate.formats as formats
from delineate.desktop.jobs import Job
from delineate.editing.document import Document
from delineate.editing.drawing import Renderer
from delineate.editing.view import ViewState
from delineate.errors import UsageError
from delineate.formats import Series, find_series, read_image, suffix_of

_FIRST_DRAWN = (700, 700)  # about a canvas: what this size needs is made before the window asks


@dataclass(frozen=True)
class Opened:
    """An image ready to be shown; ``siblings`` are the images it was opened with, itself among them."""

    document: Document
    renderer: Renderer
    view: ViewState
    path: Path
    siblings: tuple[Path, ...] = ()


@dataclass(frozen=True)
class ManySeries:
    """A folder with several DICOM series: the person has to say which."""

    folder: Path
    series: tuple[Series, ...]


def read(paths: Sequence[Path], job: Job, series: str | None = None) -> Opened | ManySeries:
    """Open the first of ``paths``, or of the folder it is; the others are its siblings.

    Raises UnreadableFile, and UsageError ``desktop-folder-empty``.
    """
    first = paths[0]
    siblings = tuple(paths) if len(paths) > 1 else ()
    if first.is_dir():
        found = tuple(find_series(first))
        job.check()
        if all(len(one.files) == 1 for one in found):  # radiographs, or no DICOM at all: images beside each other
            siblings = tuple(one.files[0] for one in found) or images_in(first)
            if not siblings:
                raise UsageError("desktop-folder-empty", path=first)
            first, series = siblings[0], None
        elif len(found) > 1 and series is None:
            return ManySeries(first, found)
    job.check()
    document = Document(read_image(first, item=series))
    job.check()
    renderer, view = Renderer(document), ViewState.of(document)
    for plane in document.grid.planes:
        renderer.draw(view.fitted(document.frame(plane), _FIRST_DRAWN), plane, _FIRST_DRAWN)
    job.check()
    return Opened(document, renderer, view, first, siblings if len(siblings) > 1 else ())


def images_in(folder: Path) -> tuple[Path, ...]:
    """The files directly in ``folder`` that should be images, in natural order (2 before 10)."""
    suffixes = formats.IMAGE_SUFFIXES
    found = [path for path in folder.iterdir() if not path.name.startswith(".") and path.is_file() and suffix_of(path) in suffixes]
    return tuple(sorted(found, key=_natural))


def _natural(path: Path) -> list[tuple[int, int, str]]:
    return [(0, int(part), "") if part.isdigit() else (1, 0, part) for part in re.split(r"(\d+)", path.name.lower()) if part]
