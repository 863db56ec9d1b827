"""Single files that lie, are cut, or are not what they are called."""

from __future__ import annotations

import gzip
import struct
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import tifffile
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, SecondaryCaptureImageStorage, generate_uid


def save(path: Path, pixels: Any) -> Path:
    """A picture as PNG, JPEG, TIFF … by its suffix."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix in (".tif", ".tiff"):
        tifffile.imwrite(path, pixels)
    elif path.suffix == ".npy":
        np.save(path, pixels)
    else:
        PIL.Image.fromarray(np.asarray(pixels)).save(path)
    return path


def half(path: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])


def png_claiming(path: Path, rows: int, columns: int) -> None:
    """A small PNG whose header claims a huge picture."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", columns, rows, 8, 2, 0, 0, 0))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(bytes(999))) + chunk(b"IEND", b""))


def tiff_claiming_2_gb(path: Path) -> None:
    tifffile.imwrite(path, np.zeros((64, 64), np.uint8), compression="zlib", photometric="minisblack", metadata=None)
    data = bytearray(path.read_bytes())
    with tifffile.TiffFile(path) as tif:
        for name in ("ImageWidth", "ImageLength", "RowsPerStrip"):
            tag = tif.pages[0].tags[name]
            data[tag.valueoffset : tag.valueoffset + 4] = struct.pack("<I" if tag.dtype == 4 else "<H", 46000).ljust(4, b"\0")
    path.write_bytes(bytes(data))


def nifti_claiming_2_gb(path: Path) -> None:
    """``.nii`` or ``.nii.gz``: a header of 1024 × 1024 × 1000 with a few bytes behind it."""
    import nibabel

    header = nibabel.Nifti1Header()
    header.set_data_shape((1024, 1024, 1000))
    header.set_data_dtype(np.int16)
    header["magic"], header["vox_offset"] = b"n+1", 352
    data = header.binaryblock + bytes(4) + bytes(1 << 16)
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)


def gzip_bomb(path: Path) -> None:
    """A small, honest NIfTI with 512 MB of zeros packed behind it."""
    import nibabel

    image = nibabel.Nifti1Image(np.zeros((8, 8, 2), np.int16), np.eye(4)).to_bytes()
    pack = zlib.compressobj(9, wbits=31)
    with path.open("wb") as file:
        file.write(pack.compress(image))
        for _ in range(64):
            file.write(pack.compress(bytes(8 << 20)))
        file.write(pack.flush())


def nrrd_claiming_2_gb(path: Path) -> None:
    head = b"NRRD0004\ntype: int16\ndimension: 3\nsizes: 1024 1024 1000\nendian: little\nencoding: gzip\n\n"
    path.write_bytes(head + gzip.compress(bytes(1 << 16)))


def npy_claiming_2_gb(path: Path) -> None:
    with path.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, {"descr": "|u1", "fortran_order": False, "shape": (46000, 46000)})
        file.write(bytes(1000))


def npz_bomb(path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("x.npy", "w", force_zip64=True) as file:
        np.lib.format.write_array_header_1_0(file, {"descr": "<f8", "fortran_order": False, "shape": (60000, 60000)})
        for _ in range(64):
            file.write(bytes(1 << 20))


def pickled_npy(path: Path) -> None:
    """An array of objects: opening it would run whatever it says."""
    np.save(path, np.array([{"a": 1}, None], dtype=object), allow_pickle=True)


def nifti(path: Path, data: Any, affine: Any = None) -> Path:
    import nibabel

    path.parent.mkdir(parents=True, exist_ok=True)
    nibabel.save(nibabel.Nifti1Image(data, np.diag([1.5, 1.5, 3, 1]) if affine is None else affine), path)
    return path


def dicom(path: Path, pixels: Any, patient: str, position: int = 0, series: str | None = None) -> Path:
    """A plain secondary-capture image of 16 bits; ``pixels`` ``None`` gives an object without any."""
    path.parent.mkdir(parents=True, exist_ok=True)
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = SecondaryCaptureImageStorage
    meta.MediaStorageSOPInstanceUID = generate_uid()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    file = FileDataset(path, Dataset(), file_meta=meta, preamble=bytes(128))
    file.SOPClassUID, file.SOPInstanceUID = meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID
    file.Modality, file.PatientID = "OT", patient
    file.StudyInstanceUID, file.SeriesInstanceUID = generate_uid(), series or generate_uid()
    file.InstanceNumber = position + 1
    if pixels is not None:
        file.Rows, file.Columns = pixels.shape
        file.SamplesPerPixel, file.PhotometricInterpretation = 1, "MONOCHROME2"
        file.BitsAllocated = file.BitsStored = 16
        file.HighBit, file.PixelRepresentation = 15, 0
        file.PixelData = np.ascontiguousarray(pixels, np.uint16).tobytes()
    file.save_as(path, enforce_file_format=True)
    return path


def table(path: Path, rows: Sequence[Sequence[str]]) -> Path:
    path.write_text("\n".join(",".join(row) for row in rows) + "\n", encoding="utf-8")
    return path
