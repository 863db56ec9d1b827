"""What a person has to hear of an image's geometry before its mask is used: gaps, tilt, frames without a place."""

from __future__ import annotations

from delineate.domain import Image
from delineate.events import EventSink, Note
from delineate.formats.series_facts import series_numbers


def tell_geometry(image: Image, on_event: EventSink) -> None:
    """Report each problem of ``image`` (its ``meta["problems"]``) as a :class:`~delineate.events.Note` with its numbers."""
    for problem in image.meta.get("problems", ()):
        values = {"path": image.path or "image", **series_numbers(image.meta)}
        on_event(Note(f"series-{problem}", values, "info" if problem in _HARMLESS else "warning"))


_HARMLESS = frozenset({"gantry-tilt", "mixed-orientation", "mixed-size", "several-volumes"})
"""Nothing is lost with these: the affine is right, or the series has been split into volumes that are each right."""
