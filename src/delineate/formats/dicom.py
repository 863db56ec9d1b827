"""Single DICOM files by pydicom: one image, or many frames.

Values are what the modality means: rescaled (Hounsfield units for CT), MONOCHROME1 turned so that more is brighter
(``meta["inverted"]``), colour as RGB. Frames that say where they lie are a volume with an affine; frames that do not (cine) are
``items``. Compressed pixels are decoded by what comes with permissive licences: RLE, JPEG and JPEG 2000 by
pydicom, lossless JPEG and JPEG-LS by imagecodecs.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from delineate.domain import Geometry, Image
from delineate.formats.base import Format, registry
from delineate.formats.dicom_codecs import decode_frames, needs_our_codec
from delineate.formats.dicom_file import (
    QUANTITATIVE,
    SEGMENTATIONS,
    check_dicom,
    frames_of,
    group,
    open_dicom,
    orientation_of,
    pixel_spacing,
    position_of,
)
from delineate.formats.dicom_planes import Planes, arrange
from delineate.formats.samples import Samples, colour_of, native, to_labels
from delineate.formats.trouble import phrase, unreadable
from delineate.formats.types import Header, Limits, RawLabels


def decode(path: Path, dataset: Any) -> NDArray[Any]:
    """Stored values as (frame, row, column, sample); YBR becomes RGB, palettes stay indices."""
    from pydicom.pixels import pixel_array

    if not any(name in dataset for name in ("PixelData", "FloatPixelData", "DoubleFloatPixelData")):
        raise unreadable("not-an-image", path, "a DICOM object without pixels")
    try:
        array = decode_frames(dataset) if needs_our_codec(dataset) else np.asarray(pixel_array(dataset))
    except (RuntimeError, NotImplementedError) as error:
        syntax = getattr(getattr(dataset, "file_meta", None), "TransferSyntaxUID", None)
        if "Unable to decompress" in str(error) or "decode" in str(error).lower() or isinstance(error, NotImplementedError):
            raise unreadable("unsupported", path, f"pixels coded as {getattr(syntax, 'name', 'unknown')}") from error
        raise unreadable("damaged", path, phrase(error)) from error
    return array.reshape(frames_of(dataset), int(dataset.Rows), int(dataset.Columns), -1)


def modality_values(path: Path, dataset: Any, stored: NDArray[Any]) -> tuple[NDArray[Any], dict[str, Any]]:
    """(frame, row, column, sample) in the modality's units, and facts for ``meta``."""
    meta = facts(dataset)
    photometric = str(dataset.get("PhotometricInterpretation", ""))
    if photometric == "PALETTE COLOR":
        from pydicom.pixels import apply_color_lut

        coloured = np.asarray(apply_color_lut(stored[..., 0], dataset))[..., :3]
        if coloured.dtype == np.uint16 and int(dataset.RedPaletteColorLookupTableDescriptor[2]) == 8:
            coloured = coloured.astype(np.uint8)
        return coloured, meta
    if photometric == "MONOCHROME1" and stored.dtype.kind in "ui":
        if str(dataset.get("Modality", "")) in QUANTITATIVE:
            meta["monochrome1"] = True
        else:
            bits = int(dataset.get("BitsStored") or stored.dtype.itemsize * 8)
            ends = -1 if stored.dtype.kind == "i" else (1 << bits) - 1  # lowest + highest stored value
            stored = (ends - stored.astype(np.int64)).astype(stored.dtype)
            meta["inverted"] = True
    if dataset.get("ModalityLUTSequence"):
        from pydicom.pixels import apply_modality_lut

        return np.asarray(apply_modality_lut(stored, dataset)), meta
    return _rescaled(dataset, stored), meta


def _rescaled(dataset: Any, stored: NDArray[Any]) -> NDArray[Any]:
    """Slope and intercept, per frame where they are. Whole numbers stay whole, in the smallest signed type that holds them."""
    pairs = [_rescale(dataset, frame) for frame in range(len(stored))]
    if all(pair == (1.0, 0.0) for pair in pairs):
        return stored
    slopes, intercepts = (np.array(values).reshape(-1, 1, 1, 1) for values in zip(*pairs, strict=True))
    if stored.dtype.kind in "ui" and bool((slopes % 1 == 0).all() and (intercepts % 1 == 0).all()):
        whole = stored.astype(np.int64) * slopes.astype(np.int64) + intercepts.astype(np.int64)
        low, high = int(whole.min()), int(whole.max())
        smallest = next(t for t in (np.int16, np.int32, np.int64) if np.iinfo(t).min <= low and high <= np.iinfo(t).max)
        return np.asarray(whole.astype(smallest))
    return np.asarray((stored.astype(np.float64) * slopes + intercepts).astype(np.float32))


def _rescale(dataset: Any, frame: int) -> tuple[float, float]:
    item = group(dataset, frame, "PixelValueTransformationSequence")
    source = item if item is not None else dataset
    slope, intercept = source.get("RescaleSlope"), source.get("RescaleIntercept")
    slope = 1.0 if slope is None else float(slope)
    intercept = 0.0 if intercept is None else float(intercept)
    return (slope, intercept) if np.isfinite([slope, intercept]).all() and slope != 0 else (1.0, 0.0)


def facts(dataset: Any) -> dict[str, Any]:
    """What may be told of the object: never who or when."""
    meta: dict[str, Any] = {
        "modality": str(dataset.get("Modality", "")),
        "photometric": str(dataset.get("PhotometricInterpretation", "")),
    }
    if (_rescale(dataset, 0)) != (1.0, 0.0):
        meta["rescaled"] = True
    return meta


def _arrangement(dataset: Any) -> Planes | None:
    """How the frames lie in the patient; None for one frame or frames without (or with one and the same) position."""
    count = frames_of(dataset)
    if count == 1:
        return None
    positions = [position_of(dataset, frame) for frame in range(count)]
    orientation = orientation_of(dataset)
    if orientation is None or any(position is None for position in positions):
        return None
    planes = arrange([position for position in positions if position is not None], orientation)
    return None if "duplicate-position" in planes.problems else planes


def _grid(dataset: Any) -> tuple[Planes | None, tuple[int, ...], Geometry, dict[str, Any]]:
    plane = (int(dataset.Rows), int(dataset.Columns))
    spacing, source = pixel_spacing(dataset)
    meta: dict[str, Any] = {} if source in (None, "PixelSpacing") else {"spacing_from": source}
    planes = _arrangement(dataset)
    if planes is None:
        return None, plane, Geometry(plane, spacing), meta
    if planes.problems:
        meta["problems"] = planes.problems
    return planes, (frames_of(dataset), *plane), planes.geometry(plane, spacing), meta


def _header(path: Path, limits: Limits) -> Header:
    dataset = open_dicom(path, limits)
    check_dicom(path, dataset, limits)
    if dataset.get("SOPClassUID") in SEGMENTATIONS:
        from delineate.formats.dicom_seg import seg_header

        return seg_header(path, dataset, limits)
    planes, shape, geometry, meta = _grid(dataset)
    coloured = str(dataset.get("PhotometricInterpretation", "")) == "PALETTE COLOR"
    channels = 3 if coloured else int(dataset.get("SamplesPerPixel") or 1)
    bits, signed = int(dataset.get("BitsAllocated") or 8), int(dataset.get("PixelRepresentation") or 0)
    dtype = "uint8" if bits <= 8 and not signed else f"{'int' if signed else 'uint'}{max(bits, 8)}"
    if "FloatPixelData" in dataset or "DoubleFloatPixelData" in dataset:
        dtype = f"float{bits}"
    items = 1 if planes is not None else frames_of(dataset)
    return Header(
        "dicom", shape, channels, dtype, colour_of(channels), items, spacing=geometry.spacing, meta={**facts(dataset), **meta}
    )


def _read(path: Path, index: int | None, limits: Limits, labels: bool) -> tuple[NDArray[Any], Geometry, dict[str, Any], Any]:
    dataset = open_dicom(path, limits, pixels=True)
    check_dicom(path, dataset, limits)
    if dataset.get("SOPClassUID") in SEGMENTATIONS and not labels:
        raise unreadable("unsupported", path, "a DICOM segmentation is a mask, not an image")
    planes, _, geometry, meta = _grid(dataset)
    stored = decode(path, dataset)
    values, more = (stored, facts(dataset)) if labels else modality_values(path, dataset, stored)
    if planes is not None:
        values = values[list(planes.order)]
    if index is not None and not 0 <= index < len(values):
        raise unreadable("unsupported", path, f"frame {index} of {len(values)}")
    if index is not None or len(values) == 1:
        values = values[index or 0]
        spacing = geometry.spacing[-2:] if geometry.spacing is not None else pixel_spacing(dataset)[0]
        geometry = Geometry(values.shape[:-1], spacing)
    elif planes is None:
        geometry = Geometry(values.shape[:-1])
    return values, geometry, {**more, **meta}, dataset


def _image(path: Path, index: int | None, item: str | None, limits: Limits) -> Image:
    values, geometry, meta, _ = _read(path, index, limits, labels=False)
    pixels = native(np.ascontiguousarray(np.moveaxis(values, -1, 0)))
    return Image(pixels, geometry, path, "dicom", colour_of(len(pixels)), meta)


def _labels(path: Path, index: int | None, item: str | None, limits: Limits) -> RawLabels:
    dataset = open_dicom(path, limits)
    if dataset.get("SOPClassUID") in SEGMENTATIONS:
        from delineate.formats.dicom_seg import seg_labels

        return seg_labels(path, item, limits)
    if "LossyImageCompression" in dataset and str(dataset.LossyImageCompression) == "01":
        raise unreadable("lossy-mask", path)
    values, geometry, meta, dataset = _read(path, index, limits, labels=True)
    return to_labels(Samples(values, meta=meta), geometry, path)


def _matches(head: bytes, suffix: str) -> bool:
    """The preamble, or where it is missing a first element that only DICOM begins with, in a file named like one (or like none)."""
    if head[128:132] == b"DICM":
        return True
    if suffix not in (*_SUFFIXES, "") and not suffix[1:].isdigit():
        return False
    return head[:2] in (b"\x02\0", b"\x08\0") and head[3:4] == b"\0" and len(head) >= 16


_SUFFIXES = (".dcm", ".dicom", ".ima", ".dic")
registry.add("dicom", Format("dicom", _SUFFIXES, _matches, _header, _image, _labels))
