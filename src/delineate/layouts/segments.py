"""DICOM segmentations as masks: a source for each segment, so that overlapping ones can be read, and classes by their labels."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from delineate.domain import Case, Source
from delineate.errors import DelineateError
from delineate.formats import read_header
from delineate.layouts.tree import DICOM_SUFFIXES


def with_segments(cases: Iterable[Case], names: dict[int, str]) -> list[Case]:
    """The cases with every DICOM segmentation among their masks as one source per segment.

    ``Source.item`` is the segment's number in its file, ``Source.label`` the class: segments of one label are one class in all
    files, whatever their numbers. ``names`` gets the classes found. A file that cannot be read stays as it is; reading it will say
    why.
    """
    classes: dict[str, int] = {}

    def split(source: Source) -> tuple[Source, ...]:
        if source.item is not None or source.label is not None or source.path.suffix.lower() not in (*DICOM_SUFFIXES, ""):
            return (source,)
        try:
            meta = read_header(source.path).meta if source.path.is_file() else {}
        except (DelineateError, OSError):
            return (source,)
        segments = meta.get("segments")
        if not segments:
            return (source,)
        found = []
        for number, label in segments.items():
            name = label.strip() or f"segment {number}"
            found.append(replace(source, item=str(number), label=classes.setdefault(name, len(classes) + 1)))
        return tuple(found)

    def all_of(sources: tuple[Source, ...]) -> tuple[Source, ...]:
        return tuple(part for source in sources for part in split(source))

    made = [
        replace(case, masks=all_of(case.masks), raters={name: all_of(sources) for name, sources in case.raters.items()})
        for case in cases
    ]
    if classes:
        names.clear()
        names.update({number: name for name, number in classes.items()})
    return made
