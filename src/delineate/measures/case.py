"""One mask → its measures: per class, per connected component, and per lung."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from delineate.domain import Geometry, Image, between
from delineate.errors import DataError
from delineate.measures.diameters import maximum_feret, planar_diameters
from delineate.measures.frame import Binary, Floats, Frame, diameter_axis, frame_of
from delineate.measures.intensities import intensity_statistics
from delineate.measures.lungs import LUNGS, split_lungs
from delineate.measures.mesh import surface_area
from delineate.measures.regions import (
    CONNECTIVITY,
    Region,
    box_mm,
    centroid,
    components_of,
    region_of,
    shell_counts,
    touches_border,
)

Part = Literal["all", "component", "left", "right"]
_SIDES = "ras"
_INDEX = {2: ("row", "column"), 3: ("slice", "row", "column")}


@dataclass(frozen=True)
class Options:
    """``plane``: where diameters are measured (``auto``, ``axial``, ``coronal``, ``sagittal``). ``components``: at most so many of
    a class are listed, the largest. ``lungs``: the class that is both lungs (default: known by its name). ``radiological``: the
    image's left is the patient's right. ``spacing_mm``: used where the file says nothing, array order. ``modality``: ``"CT"`` makes
    intensities Hounsfield units where the file does not say so itself. ``surface``: whether to mesh (the slow part)."""

    plane: str = "auto"
    components: int = 100
    lungs: str | None = None
    radiological: bool = False
    spacing_mm: tuple[float, ...] | None = None
    modality: str | None = None
    surface: bool = True


@dataclass(frozen=True)
class Measured:
    """One row: ``values`` are named as in measures.csv, units in the names; what does not apply is not there."""

    label: int
    name: str
    part: Part
    component: int | None
    values: dict[str, Any]


@dataclass(frozen=True)
class CaseMeasures:
    """All rows of one mask and what they stand on."""

    rows: tuple[Measured, ...]
    facts: dict[str, Any] = field(default_factory=dict)
    notes: tuple[tuple[str, dict[str, Any]], ...] = ()


def measure_mask(
    classes: Iterable[tuple[int, str, Binary]],
    geometry: Geometry,
    image: Image | None = None,
    options: Options | None = None,
    *,
    path: Path | None = None,
) -> CaseMeasures:
    """Measure every class of a mask.

    Parameters
    ----------
    classes
        (label, name, boolean array of the geometry's shape) one after the other, so that they need not be in memory together.
    geometry
        The mask's grid. Without spacing everything is in pixels and named so; nothing is then called mm.
    image
        For intensities; on the mask's grid, or stored another way round.
    path
        The mask's file, to be named in errors.

    Raises
    ------
    DataError
        ``mask-not-on-image``: image and mask do not share a grid.
    """
    options = options or Options()
    frame = frame_of(geometry, options.spacing_mm)
    axis, plane = diameter_axis(frame, options.plane)
    pixels = None if image is None else frame.turn.apply(_aligned(image, geometry, path), leading=1)
    unit = _intensity_unit(image, options)
    rows: list[Measured] = []
    notes: list[tuple[str, dict[str, Any]]] = []
    for label, name, mask in classes:
        whole = region_of(frame.turn.apply(mask))
        if whole is None:
            rows.append(Measured(label, name, "all", None, {"voxel_count": 0, "components": 0, **_size(0, (0, 0), frame)}))
            continue
        work = _Work(frame, axis, plane, pixels, unit, options.surface)
        parts = components_of(whole)
        listed = parts[: options.components]
        measured = [work.values(part, connected=True) for part in listed]
        every = measured[0] if len(parts) == 1 else work.values(whole, connected=False)
        if len(parts) > 1 and work.meshed:
            every["surface_area_mm2"] = sum(values["surface_area_mm2"] for values in measured) + work.area(parts[len(listed) :])
        rows.append(Measured(label, name, "all", None, {"components": len(parts), **every}))
        rows += [Measured(label, name, "component", number, values) for number, values in enumerate(measured, start=1)]
        if len(parts) > len(listed):
            notes.append(("components-left-out", {"name": name, "listed": len(listed), "total": len(parts)}))
        if _is_lungs(label, name, options):
            lungs = split_lungs(whole, frame, radiological=options.radiological)
            if lungs is None:
                known = frame.origin is not None or options.radiological
                notes.append(("lungs-not-split" if known else "lungs-side-unknown", {"name": name}))
                continue
            sides: tuple[tuple[Part, Region], ...] = (("left", lungs.left), ("right", lungs.right))
            for side, region in sides:
                pieces = components_of(region)
                values = work.values(region, connected=len(pieces) == 1)
                if len(pieces) > 1 and work.meshed:
                    values["surface_area_mm2"] = work.area(pieces)
                about = {"components": len(pieces), "split_by": lungs.by}
                rows.append(Measured(label, name, side, None, {**about, **values}))
    return CaseMeasures(tuple(rows), _facts(frame, geometry, plane, unit, image), tuple(notes))


def _is_lungs(label: int, name: str, options: Options) -> bool:
    if options.lungs is not None:
        return options.lungs.lower() in (name.lower(), str(label))
    return name.strip().lower() in LUNGS


def _aligned(image: Image, geometry: Geometry, path: Path | None) -> NDArray[Any]:
    """The image's pixels (C, *shape) on the mask's grid."""
    if image.geometry.same_grid(geometry, tolerance_mm=0.01):
        return image.pixels
    turn = between(image.geometry, geometry)
    if turn is None:
        shapes = ["×".join(map(str, grid.shape)) for grid in (geometry, image.geometry)]
        raise DataError("mask-not-on-image", path=path, image=image.path, mask_shape=shapes[0], image_shape=shapes[1])
    return turn.apply(image.pixels, leading=1)


def _intensity_unit(image: Image | None, options: Options) -> str:
    modality = options.modality or ("" if image is None else str(image.meta.get("modality", "")))
    return "hu" if modality.upper() == "CT" and image is not None and image.channels == 1 else "intensity"


def _facts(frame: Frame, geometry: Geometry, plane: str, unit: str, image: Image | None) -> dict[str, Any]:
    spacing = None if frame.unit == "px" else frame.lengths[list(np.argsort(frame.turn.permutation))]
    return {
        "shape": list(geometry.shape),
        "spacing_mm": None if spacing is None else [float(f"{value:.7g}") for value in spacing],
        "unit": frame.unit,
        "position_known": frame.origin is not None,
        "diameter_plane": plane if frame.axes == 3 else None,
        "connectivity": CONNECTIVITY[frame.axes],
        "intensity_unit": None if image is None else unit,
    }


@dataclass(frozen=True, eq=False)
class _Work:
    """What is the same for all regions of a mask."""

    frame: Frame
    axis: int
    plane: str
    pixels: NDArray[Any] | None
    unit: str
    surface: bool

    def values(self, region: Region, connected: bool) -> dict[str, Any]:
        frame = self.frame
        count = region.count
        found: dict[str, Any] = {"voxel_count": count, **_size(count, shell_counts(region), frame)}
        found |= _place(region, frame)
        if connected:  # diameters and shape are of one thing; of several they would measure the gaps between them
            found |= self._diameters(region)
            if self.meshed:
                found["surface_area_mm2"], found["sphericity"] = surface_area(region, frame)
        if self.pixels is not None:
            found |= self._intensities(region, self.pixels)
        return found

    @property
    def meshed(self) -> bool:
        return self.surface and self.frame.axes == 3 and self.frame.unit == "mm"

    def area(self, parts: Sequence[Region]) -> float:
        return sum(surface_area(part, self.frame)[0] for part in parts)

    def _diameters(self, region: Region) -> dict[str, Any]:
        unit = self.frame.unit
        on_plane = planar_diameters(region, self.frame, self.axis)
        found: dict[str, Any] = {
            f"longest_diameter_{unit}": on_plane.longest,
            f"perpendicular_diameter_{unit}": on_plane.perpendicular,
        }
        if on_plane.plane is not None:
            stored_axis = self.frame.turn.permutation[self.axis] if self.frame.origin is not None else self.axis
            middle = self.frame.stored(np.asarray(on_plane.longest_ends[0]))
            found |= {
                "diameter_plane": self.plane,
                "diameter_slice_axis": _INDEX[3][stored_axis],
                "diameter_slice": round(float(middle[stored_axis])),
            }
            if unit == "mm":
                found["maximum_feret_mm"] = maximum_feret(region, self.frame)
        for name, ends in (("longest", on_plane.longest_ends), ("perpendicular", on_plane.perpendicular_ends)):
            found[f"{name}_diameter_ends_px"] = [[round(float(x), 3) for x in self.frame.stored(end)] for end in ends]
            placed = self.frame.place(ends)
            if placed is not None:
                found[f"{name}_diameter_ends_mm_ras"] = [[round(float(x), 3) for x in end] for end in placed]
        return found

    def _intensities(self, region: Region, pixels: NDArray[Any]) -> dict[str, float]:
        found = {}
        for number, channel in enumerate(pixels, start=1):
            mark = f"_c{number}" if len(pixels) > 1 else ""
            for name, value in intensity_statistics(channel[region.window][region.mask]).items():
                found[f"{self.unit}_{name}{mark}"] = value
        return found


def _size(count: int, shell: Sequence[int], frame: Frame) -> dict[str, float]:
    """Area or volume, and the bounds that half of the border voxels make."""
    bounds = {"": float(count), "_low": count - shell[0] / 2, "_high": count + shell[1] / 2}
    if frame.unit == "px":
        return {f"area{mark}_px": value for mark, value in bounds.items()} if frame.axes == 2 else {}
    if frame.axes == 2:
        return {f"area{mark}_mm2": value * frame.cell for mark, value in bounds.items()}
    return {f"volume{mark}_ml": value * frame.cell / 1000 for mark, value in bounds.items()}


def _place(region: Region, frame: Frame) -> dict[str, Any]:
    middle = centroid(region)
    found: dict[str, Any] = {}
    placed: Floats | None = frame.place(middle)
    box = box_mm(region, frame)
    if placed is not None and box is not None:
        found |= {f"centroid_mm_{side}": float(value) for side, value in zip(_SIDES, placed, strict=True)}
        for end, values in zip(("min", "max"), box, strict=True):
            found |= {f"bbox_{end}_mm_{side}": float(value) for side, value in zip(_SIDES, values, strict=True)}
    names = _INDEX[frame.axes]
    found |= {f"centroid_px_{name}": float(value) for name, value in zip(names, frame.stored(middle), strict=True)}
    first = np.array(region.corner, dtype=np.float64)
    ends = np.stack([frame.stored(first), frame.stored(first + np.array(region.mask.shape) - 1)])
    for word, values in (("first", ends.min(axis=0)), ("last", ends.max(axis=0))):
        found |= {f"bbox_px_{name}_{word}": round(float(value)) for name, value in zip(names, values, strict=True)}
    found["touches_border"] = touches_border(region, frame)
    return found
