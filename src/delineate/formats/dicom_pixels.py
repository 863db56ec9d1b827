"""The pixels of one DICOM object: decoded, in the units the modality means, and what may be told of them.

Values are rescaled (Hounsfield units for CT), MONOCHROME1 turned so that more is brighter (``meta["inverted"]``), colour as RGB.
Compressed pixels are decoded by what comes with permissive licences: RLE, JPEG and JPEG 2000 by pydicom, lossless JPEG and
JPEG-LS by imagecodecs.
"""

from __future__ import annotations

from collections.abc import MutableSequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from delineate.formats.dicom_codecs import decode_frames, needs_our_codec
from delineate.formats.dicom_file import QUANTITATIVE, frames_of, group, numbers
from delineate.formats.trouble import phrase, unreadable


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
    if (window := window_of(dataset)) is not None:
        meta["window"] = window
    return meta


def window_of(dataset: Any) -> tuple[float, float] | None:
    """(centre, width) of the first window the object recommends, in the modality's units; for viewers, never applied here."""
    source = group(dataset, 0, "FrameVOILUTSequence")
    found = source if source is not None else dataset
    pair = [found.get(name) for name in ("WindowCenter", "WindowWidth")]
    values = numbers([value[0] if isinstance(value, MutableSequence) else value for value in pair], 2)
    return (float(values[0]), float(values[1])) if values is not None and values[1] >= 1 else None
