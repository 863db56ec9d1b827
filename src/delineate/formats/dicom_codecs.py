"""Lossless JPEG and JPEG-LS frames by imagecodecs: much of every archive is stored so, and pydicom has no decoder for them
that comes with a permissive licence."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

_LOSSLESS_JPEG = ("1.2.840.10008.1.2.4.57", "1.2.840.10008.1.2.4.70")
_JPEG_LS = ("1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.4.81")


def needs_our_codec(dataset: Any) -> bool:
    """Frames in one of these codings; others are left to pydicom."""
    syntax = getattr(getattr(dataset, "file_meta", None), "TransferSyntaxUID", None)
    known = str(dataset.get("PhotometricInterpretation", "")) in ("MONOCHROME1", "MONOCHROME2", "RGB", "PALETTE COLOR", "YBR_FULL")
    return known and syntax in (*_LOSSLESS_JPEG, *_JPEG_LS)


def decode_frames(dataset: Any) -> NDArray[Any]:
    """Stored values, (frame, row, column[, sample]), YBR as RGB. Raises NotImplementedError for streams the codecs do not know."""
    import imagecodecs
    from pydicom.encaps import generate_frames

    decoder = imagecodecs.jpegls_decode if dataset.file_meta.TransferSyntaxUID in _JPEG_LS else imagecodecs.ljpeg_decode
    count = max(int(dataset.get("NumberOfFrames") or 1), 1)
    planes = []
    for frame in generate_frames(dataset.PixelData, number_of_frames=count):
        _check_size(frame, int(dataset.Rows), int(dataset.Columns))
        try:
            planes.append(np.asarray(decoder(frame)))
        except (imagecodecs.JpeglsError, imagecodecs.LjpegError) as error:
            raise NotImplementedError(str(error)) from error
    values = np.stack(planes)
    if int(dataset.get("PixelRepresentation") or 0) == 1:
        values = _signed(values, int(dataset.get("BitsStored") or 16))
    if str(dataset.get("PhotometricInterpretation", "")) == "YBR_FULL" and values.shape[-1] == 3:
        from pydicom.pixels import convert_color_space

        values = np.asarray(convert_color_space(values, "YBR_FULL", "RGB"))
    return values


def _check_size(frame: bytes, rows: int, columns: int) -> None:
    """The frame header (SOF3, or SOF55 of JPEG-LS) must agree with the dataset, whose size was checked."""
    for marker in (b"\xff\xc3", b"\xff\xf7"):
        place = frame.find(marker, 0, 4096)
        if place >= 0:
            height, width = int.from_bytes(frame[place + 5 : place + 7], "big"), int.from_bytes(frame[place + 7 : place + 9], "big")
            if (height, width) == (rows, columns):
                return
    raise ValueError("the frame's size is not the dataset's")


def _signed(values: NDArray[Any], bits: int) -> NDArray[Any]:
    """Two's complement of ``bits`` bits, as DICOM stores signed pixels."""
    dtype = np.dtype(f"i{values.dtype.itemsize}")
    shift = dtype.itemsize * 8 - bits
    return np.asarray(np.right_shift(np.left_shift(values.view(dtype), shift), shift))
