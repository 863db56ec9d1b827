"""An image as browsers can show it: what the server read, on the grid the mask will have, without anybody's name."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from delineate.domain import Geometry, Image
from delineate.formats import is_irregular
from delineate.formats.encoders import nifti

PNG, NIFTI = "image/png", "application/x-nifti"
_KEPT = (np.uint8, np.int16, np.uint16)


def encode(image: Image, folder: Path) -> tuple[bytes, str]:
    """(bytes, media type): PNG for a picture in colour, else ``.nii.gz`` with the image's own numbers (its first channel; the mean
    of three colours in a volume). ``folder`` takes a file for a moment."""
    if image.colour == "rgb" and image.channels == 3:
        if image.geometry.ndim == 2:
            return _picture(_eight_bits(image.pixels)), PNG
        values = np.asarray(image.pixels, np.float32).mean(axis=0)
    else:
        values = image.pixels[0]
    if values.dtype == bool:
        values = values.astype(np.uint8)
    if values.dtype not in _KEPT:
        values = np.nan_to_num(np.asarray(values, np.float32))
    # As masks are written (delineate.formats.write_labels): uneven slices have neither spacing nor position in NIfTI.
    geometry = Geometry(image.geometry.shape) if is_irregular(image.meta) else image.geometry
    path = folder / "display.nii.gz"
    nifti(path, values, geometry, image if geometry is image.geometry else None, None)
    return path.read_bytes(), NIFTI


def _eight_bits(pixels: NDArray[Any]) -> NDArray[np.uint8]:
    if pixels.dtype == np.uint8:
        return np.asarray(pixels)
    if pixels.dtype == np.uint16:
        return np.asarray(pixels >> 8, np.uint8)
    values = np.nan_to_num(np.asarray(pixels, np.float32))
    top = float(values.max(initial=0)) or 1.0
    return np.asarray(np.clip(values / top * 255, 0, 255), np.uint8)


def _picture(pixels: NDArray[np.uint8]) -> bytes:
    from PIL import Image as Pillow

    out = io.BytesIO()
    Pillow.fromarray(np.ascontiguousarray(pixels.transpose(1, 2, 0)), "RGB").save(out, "PNG", compress_level=1)
    return out.getvalue()
