"""measures.csv and measures.json. docs/measures.md says what every column is."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from delineate.measures.case import CaseMeasures
from delineate.measures.intensities import STATISTICS
from delineate.recipe import save_json, write_text

CSV_NAME, JSON_NAME = "measures.csv", "measures.json"
_ABOUT = ("case", "mask", "image", "label", "class", "part", "component", "components", "split_by")
_SIDES = "ras"
_AXES = ("slice", "row", "column")
#: Every column there can be, in order, but those of further channels (``intensity_mean_c2``), which follow at the end.
COLUMNS = (
    *_ABOUT,
    "voxel_count",
    *(
        f"{what}{bound}_{unit}"
        for what, unit in (("volume", "ml"), ("area", "mm2"), ("area", "px"))
        for bound in ("", "_low", "_high")
    ),
    *(f"{which}_diameter_{unit}" for unit in ("mm", "px") for which in ("longest", "perpendicular")),
    "diameter_plane",
    "diameter_slice_axis",
    "diameter_slice",
    "maximum_feret_mm",
    "surface_area_mm2",
    "sphericity",
    *(f"centroid_mm_{side}" for side in _SIDES),
    *(f"bbox_{end}_mm_{side}" for end in ("min", "max") for side in _SIDES),
    *(f"centroid_px_{axis}" for axis in _AXES),
    *(f"bbox_px_{axis}_{end}" for end in ("first", "last") for axis in _AXES),
    "touches_border",
    *(f"{unit}_{name}" for unit in ("hu", "intensity") for name in STATISTICS),
)


@dataclass(frozen=True)
class MeasuredFile:
    """One mask's measures with where it came from. ``masks`` are several files where each holds one class."""

    case: str
    masks: tuple[Path, ...]
    image: Path | None
    measures: CaseMeasures


@dataclass(frozen=True)
class LeftOut:
    """A file that was not measured; ``key`` is its sentence in the catalogue (``measure.<code>`` or ``error.<code>``)."""

    path: Path
    key: str
    params: dict[str, Any]

    @property
    def failed(self) -> bool:
        return self.key.startswith("error.")


def flat_rows(files: Sequence[MeasuredFile]) -> list[dict[str, Any]]:
    """The rows of measures.csv as dictionaries; ends of diameters are in the JSON only."""
    rows = []
    for file in files:
        for row in file.measures.rows:
            about = {
                "case": file.case,
                "mask": ";".join(str(path) for path in file.masks),
                "image": file.image,
                "label": row.label,
                "class": row.name,
                "part": row.part,
                "component": row.component,
            }
            rows.append({**about, **{name: value for name, value in row.values.items() if not isinstance(value, list)}})
    return rows


def write_measures(folder: Path, files: Sequence[MeasuredFile], left_out: Sequence[LeftOut]) -> tuple[Path, Path]:
    """Write both files to ``folder``, atomically; returns their paths."""
    table, record = folder / CSV_NAME, folder / JSON_NAME
    write_text(table, csv_text(files))
    save_json(record, plain(files, left_out))
    return table, record


def csv_text(files: Sequence[MeasuredFile]) -> str:
    """The content of measures.csv."""
    rows = flat_rows(files)
    extra = sorted({name for row in rows for name in row} - set(COLUMNS))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*COLUMNS, *extra])
    for row in rows:
        writer.writerow([_cell(row.get(name)) for name in (*COLUMNS, *extra)])
    return text.getvalue()


def plain(files: Sequence[MeasuredFile], left_out: Sequence[LeftOut]) -> dict[str, Any]:
    """The content of measures.json."""
    cases = []
    for file in files:
        regions = [
            {
                "label": row.label,
                "class": row.name,
                "part": row.part,
                **({"component": row.component} if row.component is not None else {}),
                **{name: _rounded(value) for name, value in row.values.items()},
            }
            for row in file.measures.rows
        ]
        cases.append(
            {
                "case": text_of(file.case),
                "masks": [text_of(path) for path in file.masks],
                "image": None if file.image is None else text_of(file.image),
                **file.measures.facts,
                "regions": regions,
                "notes": [{"code": code, **params} for code, params in file.measures.notes],
            }
        )
    explained = [{"path": text_of(one.path), "reason": one.key} for one in left_out]
    coordinates = "RAS+ millimetres: r to the patient's right, a to the front, s to the head; LPS is (-r, -a, s)"
    return {"version": 1, "coordinates": coordinates, "cases": cases, "left_out": explained}


def text_of(value: object) -> str:
    """``value`` as text that fits UTF-8: file names may hold stray bytes."""
    return str(value).encode("utf-8", "replace").decode("utf-8")


def _rounded(value: Any) -> Any:
    """Seven figures: a mask of a million voxels is not known better."""
    return float(f"{value:.7g}") if isinstance(value, float) else value


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        return str(_rounded(value))
    text = text_of(value)
    return "'" + text if text[:1] in ("=", "+", "-", "@") else text  # or a spreadsheet takes it for a formula
