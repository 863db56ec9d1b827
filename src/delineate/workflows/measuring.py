"""``measure``: numbers of masks, and with ``surface`` their surfaces. Loads no torch."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from delineate.errors import UsageError
from delineate.events import EventSink, Note, discard

if TYPE_CHECKING:
    from delineate.measures import LeftOut, MeasuredFile, Names

_MODALITIES = ("CT",)


@dataclass(frozen=True)
class Measures:
    """``files``: what was measured; ``left_out``: what was not, with the reason; ``table`` and ``record`` are measures.csv and
    measures.json, ``None`` where nothing was to be written."""

    files: Sequence[MeasuredFile]
    left_out: Sequence[LeftOut]
    table: Path | None
    record: Path | None
    seconds: float

    @property
    def rows(self) -> list[dict[str, Any]]:
        """The rows of measures.csv as dictionaries; what does not apply is not in them."""
        from delineate.measures import flat_rows

        return flat_rows(self.files)


def measure(
    masks: str | Path,
    images: str | Path | None = None,
    *,
    out: str | Path | None = None,
    classes: str | None = None,
    plane: str = "auto",
    spacing_mm: Sequence[float] | None = None,
    need_mm: bool = False,
    threshold: float | None = None,
    modality: str | None = None,
    lungs: str | None = None,
    radiological: bool = False,
    components: int = 100,
    surface: str | None = None,
    language: str = "en",
    on_event: EventSink = discard,
) -> Measures:
    """Measure a mask file, a folder of masks, or the folder ``predict`` wrote.

    Parameters
    ----------
    images
        Image file or folder, matched by name, for intensities.
    out
        Folder for measures.csv and measures.json; ``None`` writes nothing.
    classes
        Names, as ``"lung"`` or ``"liver=1,tumour=2"``.
    plane
        Where diameters are measured: ``auto``, ``axial``, ``coronal``, ``sagittal``.
    spacing_mm
        Spacing where a file has none, in array order (slice, row, column), or one number for all axes.
    need_mm
        Refuse masks without spacing instead of measuring them in pixels.
    threshold
        Values from there on are foreground (for probabilities).
    modality
        ``"CT"``: intensities are Hounsfield units although the file does not say so.
    lungs
        The class that is both lungs, to be split (default: one named so); ``radiological``: in images without a position in the
        patient the image's left is the patient's right.
    components
        At most so many components of a class are listed, the largest.
    surface
        ``"stl"``, ``"ply"``, ``"glb"`` or ``"html"``: also write each volume's surface to ``out``/surfaces.
    """
    from delineate.measures import PLANES, Options, Reading, gather, measure_files, write_measures
    from delineate.workflows.stages import stage

    began = time.monotonic()
    if plane not in ("auto", *PLANES):
        raise UsageError("unknown-choice", kind="plane", name=plane, choices=", ".join(("auto", *PLANES)))
    if modality is not None and modality.upper() not in _MODALITIES:
        raise UsageError("unknown-choice", kind="modality", name=modality, choices=", ".join(_MODALITIES))
    if components < 0:
        raise UsageError("bad-components", value=components)
    options = Options(plane, components, lungs, radiological, checked_spacing(spacing_mm), modality)
    reading = Reading(class_names(classes), threshold, need_mm)
    with stage("measures", on_event):
        gathered = gather(Path(masks), None if images is None else Path(images))
        files, left_out = measure_files(gathered, reading, options, on_event=on_event)
        for file in files:
            for code, params in file.measures.notes:
                on_event(Note(code, {"case": file.case, **params}, "warning"))
        if any(file.measures.facts["unit"] == "px" for file in files):
            count = sum(file.measures.facts["unit"] == "px" for file in files)
            on_event(Note("measured-in-pixels", {"count": count, "total": len(files)}, "warning"))
        table, record = (None, None) if out is None else write_measures(Path(out), files, left_out)
    if surface is not None and out is not None:
        from delineate.workflows.surfacing import surfaces_of

        surfaces_of(
            gathered,
            Path(out) / "surfaces",
            surface,
            reading=reading,
            spacing_mm=options.spacing_mm,
            language=language,
            on_event=on_event,
        )
    return Measures(files, left_out, table, record, time.monotonic() - began)


def class_names(text: str | None) -> Names:
    """``--classes`` as names of a mask's values."""
    from delineate.dataset.class_names import is_background, parse_classes
    from delineate.measures import Names

    if not text:
        return Names({})
    wanted = parse_classes(text)
    if any(isinstance(item.value, str) for item in wanted):
        raise UsageError("classes-need-numbers", text=text)
    given = {item.value: item.name for item in wanted if isinstance(item.value, int) and item.value != 0}
    return Names(given, () if given else tuple(item.name for item in wanted if not is_background(item.name)))


def checked_spacing(spacing_mm: Sequence[float] | None) -> tuple[float, ...] | None:
    if spacing_mm is None:
        return None
    values = tuple(float(value) for value in spacing_mm)
    if len(values) not in (1, 2, 3) or not all(0 < value < 1e4 for value in values):
        raise UsageError("bad-spacing", value=",".join(f"{value:g}" for value in values))
    return values


def parse_spacing(text: str) -> tuple[float, ...]:
    """``0.7`` or ``5,0.7,0.7`` (slice, row, column) in mm."""
    try:
        values = tuple(float(piece) for piece in text.replace("x", ",").split(","))
    except ValueError:
        raise UsageError("bad-spacing", value=text) from None
    return checked_spacing(values) or ()
