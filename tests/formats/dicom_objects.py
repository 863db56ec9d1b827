"""DICOM objects for tests, as small as the standard allows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

CT = "1.2.840.10008.5.1.4.1.1.2"


def item(**attributes: Any) -> Dataset:
    dataset = Dataset()
    for name, value in attributes.items():
        setattr(dataset, name, value)
    return dataset


def make(path: Path, pixels: np.ndarray, *, preamble: bool = True, syntax: str = ExplicitVRLittleEndian, **attributes: Any) -> Path:
    """Write ``pixels`` ((frames,) rows, columns (, 3)) as one object; ``attributes`` override what is set here."""
    dataset = Dataset()
    colour = pixels.shape[-1] == 3 and pixels.ndim > 2
    plane = pixels.shape[:-1] if colour else pixels.shape
    dataset.SOPClassUID, dataset.SOPInstanceUID = CT, generate_uid()
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = "1.2.3", "1.2.3.4"
    dataset.PatientName, dataset.PatientID, dataset.Modality = "Secret^Name", "SECRET-ID", "CT"
    dataset.Rows, dataset.Columns = plane[-2:]
    if len(plane) == 3:
        dataset.NumberOfFrames = plane[0]
    dataset.SamplesPerPixel = 3 if colour else 1
    dataset.PhotometricInterpretation = "RGB" if colour else "MONOCHROME2"
    if colour:
        dataset.PlanarConfiguration = 0
    dataset.BitsAllocated = dataset.BitsStored = pixels.dtype.itemsize * 8
    dataset.HighBit = dataset.BitsStored - 1
    dataset.PixelRepresentation = int(pixels.dtype.kind == "i")
    dataset.PixelData = pixels.tobytes() + b"\0" * (pixels.nbytes % 2)
    for name, value in attributes.items():
        setattr(dataset, name, value)
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = syntax
    if preamble:
        dataset.save_as(path, enforce_file_format=True)
    else:
        del dataset.file_meta
        dataset.save_as(path, implicit_vr=True, little_endian=True)
    return path


def make_slice(path: Path, pixels: np.ndarray, position: tuple[float, float, float], **attributes: Any) -> Path:
    defaults = {"ImagePositionPatient": list(position), "ImageOrientationPatient": [1, 0, 0, 0, 1, 0], "PixelSpacing": [0.5, 0.75]}
    return make(path, pixels, **{**defaults, **attributes})


def make_seg(
    path: Path, frames: list[tuple[int, float, np.ndarray]], kind: str = "BINARY", step: float = 2.0, **attributes: Any
) -> Path:
    """A segmentation of frames (segment, z, plane)."""
    planes = np.stack([plane for _, _, plane in frames])
    groups = [
        item(
            PlanePositionSequence=Sequence([item(ImagePositionPatient=[10.0, 20.0, z])]),
            SegmentIdentificationSequence=Sequence([item(ReferencedSegmentNumber=number)]),
        )
        for number, z, _ in frames
    ]
    shared = item(
        PlaneOrientationSequence=Sequence([item(ImageOrientationPatient=[1, 0, 0, 0, 1, 0])]),
        PixelMeasuresSequence=Sequence([item(PixelSpacing=[0.5, 0.75], SliceThickness=step, SpacingBetweenSlices=step)]),
    )
    numbers = sorted({number for number, _, _ in frames})
    return make(
        path,
        planes.astype(np.uint8),
        SOPClassUID="1.2.840.10008.5.1.4.1.1.66.4",
        Modality="SEG",
        SegmentationType=kind,
        SegmentSequence=Sequence([item(SegmentNumber=number, SegmentLabel=f"part {number}") for number in numbers]),
        PerFrameFunctionalGroupsSequence=Sequence(groups),
        SharedFunctionalGroupsSequence=Sequence([shared]),
        **attributes,
    )
