"""How large a pixel of a microscope's TIFF is, in mm; ``None`` unless the file says it in a unit of length."""

from __future__ import annotations

import math
from typing import Any

#: Millimetres in one of these, as OME and ImageJ spell them.
_MILLIMETRES = {
    "nm": 1e-6,
    "nanometer": 1e-6,
    "µm": 1e-3,
    "μm": 1e-3,
    "um": 1e-3,
    "\\u00b5m": 1e-3,
    "micron": 1e-3,
    "microns": 1e-3,
    "micrometer": 1e-3,
    "mm": 1.0,
    "millimeter": 1.0,
    "cm": 10.0,
    "centimeter": 10.0,
}


def spacing_mm(tif: Any, volume: bool) -> tuple[float, ...] | None:
    """(row, column) spacing, with the slices' before it for a ``volume``; None where any of them is not stated.

    OME: ``PhysicalSizeX`` … of the first image, µm unless another unit is named (OME schema 2016-06). ImageJ: X/YResolution are
    pixels per ``unit``, ``spacing`` the distance of slices in it.
    """
    found = _ome(tif.ome_metadata) if tif.is_ome else _imagej(tif) if tif.is_imagej else None
    if found is None:
        return None
    slices, rows, columns = found
    wanted = (slices, rows, columns) if volume else (rows, columns)
    if any(value is None or not math.isfinite(value) or value <= 0 for value in wanted):
        return None
    return tuple(float(value) for value in wanted if value is not None)


_Sizes = tuple[float | None, float | None, float | None]


def _ome(xml: str | None) -> _Sizes | None:
    import tifffile

    if not xml or "<!ENTITY" in xml:
        return None
    image = tifffile.xml2dict(xml).get("OME", {}).get("Image", {})
    first = image[0] if isinstance(image, list) else image
    pixels = first.get("Pixels", {}) if isinstance(first, dict) else {}

    def size(axis: str) -> float | None:
        value, unit = pixels.get(f"PhysicalSize{axis}"), pixels.get(f"PhysicalSize{axis}Unit", "µm")
        factor = _MILLIMETRES.get(str(unit).strip().lower())
        return None if factor is None or not isinstance(value, int | float) else float(value) * factor

    return size("Z"), size("Y"), size("X")


def _imagej(tif: Any) -> _Sizes | None:
    metadata = tif.imagej_metadata or {}
    factor = _MILLIMETRES.get(str(metadata.get("unit", "")).strip().lower())
    if factor is None:
        return None

    def pixel(tag: int) -> float | None:
        entry = tif.pages[0].tags.get(tag)
        if entry is None or not isinstance(entry.value, tuple) or not all(entry.value):
            return None
        pixels, length = entry.value[:2]
        return float(length / pixels * factor)

    between = metadata.get("spacing")
    slices = float(between) * factor if isinstance(between, int | float) else None
    return slices, pixel(283), pixel(282)
