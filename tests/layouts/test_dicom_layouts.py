"""DICOM series and single DICOM pictures, with masks of other kinds."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.layouts.trees import all_accounted, make, pairs

from delineate.layouts import scan


def dicom(path: Path, uid: str, position: int) -> None:
    import pydicom
    from pydicom.dataset import FileMetaDataset
    from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian

    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.TransferSyntaxUID = CTImageStorage, ExplicitVRLittleEndian
    meta.MediaStorageSOPInstanceUID = f"{uid}.{position + 1}"
    data = pydicom.Dataset()
    data.file_meta = meta
    data.SOPClassUID, data.SOPInstanceUID, data.SeriesInstanceUID, data.Modality = (
        CTImageStorage,
        f"{uid}.{position + 1}",
        uid,
        "CT",
    )
    data.Rows = data.Columns = 4
    data.BitsAllocated, data.BitsStored, data.HighBit, data.PixelRepresentation, data.SamplesPerPixel = 16, 16, 15, 0, 1
    data.PhotometricInterpretation, data.InstanceNumber = "MONOCHROME2", position + 1
    data.ImagePositionPatient, data.ImageOrientationPatient, data.PixelSpacing = [0, 0, position], [1, 0, 0, 0, 1, 0], [1, 1]
    data.PixelData = bytes(32)
    path.parent.mkdir(parents=True, exist_ok=True)
    data.save_as(path, enforce_file_format=True)


@pytest.mark.parametrize("suffix", [".dcm", ""])
def test_dicom_series_with_volume_masks(tmp_path: Path, suffix: str) -> None:
    for p in (1, 2, 3):
        for z in range(4):
            dicom(tmp_path / f"images/case{p}/IM{z:06d}{suffix}", f"1.2.3.{p}", z)
        make(tmp_path, f"masks/case{p}.nii.gz")
    found = scan(tmp_path)
    all_accounted(found)
    assert len(found.cases) == 3 and found.unit == "patient"
    assert [(case.path.name, case.images[0].item, case.masks[0].path.name) for case in found.cases] == [
        (f"case{p}", f"1.2.3.{p}", f"case{p}.nii.gz") for p in (1, 2, 3)
    ]


def test_dicom_slices_with_mask_pictures(tmp_path: Path) -> None:
    for p in (1, 2):
        for z in range(4):
            dicom(tmp_path / f"images/patient{p}/{z}.dcm", f"1.2.3.{p}", z)
            make(tmp_path, f"masks/patient{p}/{z}.png")
    found = scan(tmp_path)
    all_accounted(found)
    assert len(found.cases) == 8 and all(case.path.suffix == ".dcm" for case in found.cases)
    assert {case.patient for case in found.cases} == {"patient1", "patient2"}


def test_single_dicom_pictures_with_mask_pictures(tmp_path: Path) -> None:
    """A folder of DICOM pictures is no volume when flat masks of the same names lie beside it."""
    for n in range(4):
        dicom(tmp_path / f"images/p{n}.dcm", f"1.2.3.{n}", n)
        make(tmp_path, f"masks/p{n}.png")
    found = scan(tmp_path)
    assert pairs(found) == {f"images/p{n}.dcm": [f"masks/p{n}.png"] for n in range(4)}


def test_detached_pixel_data_belong_to_their_header(tmp_path: Path) -> None:
    header = "ObjectType = Image\nNDims = 3\nDimSize = 2 2 2\nElementType = MET_UCHAR\nElementDataFile = {}\n"
    for n in range(3):
        for name in (f"Case{n:02d}", f"Case{n:02d}_segmentation"):
            (tmp_path / f"{name}.mhd").write_text(header.format(f"{name}.raw"))
            (tmp_path / f"{name}.raw").write_bytes(bytes(8))
    found = scan(tmp_path)
    all_accounted(found)
    assert len(found.cases) == 3 and set(found.explained.values()) == {"companion-file"}
