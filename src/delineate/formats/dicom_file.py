"""Opening one DICOM object safely, and what its attributes say about its grid. Pixels are decoded in ``dicom_pixels``."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from delineate.formats.bounds import check_grid
from delineate.formats.trouble import unreadable
from delineate.formats.types import LIMITS, Limits

_DEFLATED = "1.2.840.10008.1.2.1.99"
SEGMENTATIONS = ("1.2.840.10008.5.1.4.1.1.66.4", "1.2.840.10008.5.1.4.1.1.66.7")

#: Pictures of a projection, a camera or a probe: each is an image by itself, also where several share a series.
PLANAR = ("CR", "DX", "MG", "RG", "XA", "RF", "US", "IO", "PX", "OP", "XC", "ES", "GM", "SM", "OT", "DG")

#: Stored values are measured quantities there; MONOCHROME1 says how to show them, not to change them.
QUANTITATIVE = ("CT", "PT", "NM")


def open_dicom(path: Path, limits: Limits = LIMITS, *, pixels: bool = False, tags: list[str] | None = None) -> Any:
    """The dataset, without its pixels unless asked. Objects without an image are refused as ``not-an-image``."""
    import pydicom

    check_deflated(path, limits)
    dataset = pydicom.dcmread(path, stop_before_pixels=not pixels, specific_tags=tags, force=True)
    if pixels and "TransferSyntaxUID" not in dataset.file_meta:  # no preamble: pydicom found the coding by looking
        from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian

        dataset.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian if dataset.original_encoding[0] else ExplicitVRLittleEndian
    if "Rows" not in dataset or "Columns" not in dataset:
        if len(dataset) == 0:
            raise unreadable("truncated", path, "no attributes")
        raise unreadable("not-an-image", path, f"a DICOM object without an image ({_kind(dataset)})")
    return dataset


def _kind(dataset: Any) -> str:
    uid = dataset.get("SOPClassUID")
    return str(getattr(uid, "name", uid or "unknown kind"))


def check_deflated(path: Path, limits: Limits) -> None:
    """A deflated object is inflated whole by pydicom: count first, in constant memory, how much that would be."""
    with path.open("rb") as file:
        head = file.read(1024)
        if head[128:132] != b"DICM" or _DEFLATED.encode() not in head:
            return
        length = struct.unpack("<I", head[140:144])[0]
        file.seek(144 + length)
        inflater, total = zlib.decompressobj(-zlib.MAX_WBITS), 0
        while chunk := file.read(1 << 16):
            while chunk:
                total += len(inflater.decompress(chunk, 1 << 20))
                chunk = inflater.unconsumed_tail
                if total > limits.max_bytes:
                    raise unreadable("too-large", path, f"more than {limits.max_bytes:,} bytes inflated")


def frames_of(dataset: Any) -> int:
    return max(int(dataset.get("NumberOfFrames") or 1), 1)


def check_dicom(path: Path, dataset: Any, limits: Limits, planes: int | None = None) -> None:
    """Bounds of the pixels the dataset claims (``planes``: of the series it belongs to)."""
    shape = (frames_of(dataset) if planes is None else planes, int(dataset.Rows), int(dataset.Columns))
    check_grid(path, shape, int(dataset.get("SamplesPerPixel") or 1), max(int(dataset.get("BitsAllocated") or 8) / 8, 1), limits)


def group(dataset: Any, frame: int, name: str) -> Any | None:
    """The item of functional group ``name`` of a frame, or the one shared by all, or None."""
    for sequence, place in (("PerFrameFunctionalGroupsSequence", frame), ("SharedFunctionalGroupsSequence", 0)):
        items = dataset.get(sequence) or []
        if place < len(items) and (found := items[place].get(name)):
            return found[0]
    return None


def numbers(value: Any, count: int) -> NDArray[np.float64] | None:
    """A multi-valued attribute as ``count`` finite floats; None where it is absent or malformed."""
    try:
        found = np.array([float(part) for part in value], np.float64)
    except (TypeError, ValueError):
        return None
    return found if found.shape == (count,) and bool(np.isfinite(found).all()) else None


def position_of(dataset: Any, frame: int = 0) -> NDArray[np.float64] | None:
    """Centre of the first pixel, LPS mm."""
    item = group(dataset, frame, "PlanePositionSequence")
    return numbers((item if item is not None else dataset).get("ImagePositionPatient"), 3)


def orientation_of(dataset: Any, frame: int = 0) -> NDArray[np.float64] | None:
    """Unit vectors (LPS): the first row of the answer points along growing columns, the second along growing rows."""
    item = group(dataset, frame, "PlaneOrientationSequence")
    found = numbers((item if item is not None else dataset).get("ImageOrientationPatient"), 6)
    if found is None:
        return None
    pair = found.reshape(2, 3)
    lengths = np.linalg.norm(pair, axis=1, keepdims=True)
    if (lengths < 0.5).any() or abs(float(pair[0] @ pair[1])) > 0.05:
        return None
    return np.asarray(pair / lengths)


def pixel_spacing(dataset: Any, frame: int = 0) -> tuple[tuple[float, float] | None, str | None]:
    """(row, column) spacing in mm and the attribute it is from.

    ImagerPixelSpacing is measured at the detector: anatomy is smaller by the magnification, which the file does not tell. It is
    given because nothing better is there, and its name with it.
    """
    item = group(dataset, frame, "PixelMeasuresSequence")
    for source, name in ((item, "PixelSpacing"), (dataset, "PixelSpacing"), (dataset, "ImagerPixelSpacing")):
        found = numbers(source.get(name), 2) if source is not None else None
        if found is not None and (found > 0).all():
            return (float(found[0]), float(found[1])), name
    regions = dataset.get("SequenceOfUltrasoundRegions") or []
    if len(regions) == 1 and all(int(regions[0].get(f"PhysicalUnits{axis}Direction") or 0) == 3 for axis in "XY"):
        steps = numbers([regions[0].get("PhysicalDeltaY"), regions[0].get("PhysicalDeltaX")], 2)
        if steps is not None and (np.abs(steps) > 0).all():
            return (abs(float(steps[0])) * 10, abs(float(steps[1])) * 10), "PhysicalDelta"  # centimetres
    return None, None
