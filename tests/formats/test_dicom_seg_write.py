"""DICOM segmentations written, judged by dciodvfy and highdicom, and read back."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import highdicom
import numpy as np
import pydicom
import pytest

from delineate.domain import Image
from delineate.errors import DataError, UnreadableFile, UsageError
from delineate.formats import read_image, read_labels
from delineate.formats.dicom_seg_place import read_segments
from delineate.formats.dicom_seg_write import Author, write_segmentation
from delineate.formats.segment_codes import Concept, SegmentCode
from formats.dciodvfy import errors_of, needs_dciodvfy
from formats.dicom_objects import make, make_slice
from formats.test_dicom_traps import frame_group, multi_frame

CR, DX, MR = (f"1.2.840.10008.5.1.4.1.1.{tail}" for tail in ("1", "1.1", "4"))
ORIENTATIONS = {"axial": [1, 0, 0, 0, 1, 0], "oblique": [0.8, 0.6, 0, 0, 0, -1], "sagittal": [0, 1, 0, 0, 0, -1]}
NAMES = ("left_lung", "brain tumour", "细胞核", "nothing known")


def series(folder: Path, orientation: list[float], places: list[float], tilt: float = 0.0, **attributes: Any) -> Image:
    """A series along its normal, its files named and numbered in another order."""
    folder.mkdir(parents=True, exist_ok=True)
    ways = np.array(orientation, float).reshape(2, 3)
    normal = np.cross(ways[0], ways[1])
    order = list(range(len(places)))
    random.Random(3).shuffle(order)
    for number, i in enumerate(order):
        position = normal * places[i] + ways[1] * tilt * places[i] + (11.0, -7.5, 30.25)
        pixels = np.full((9, 13), i, np.int16)
        make_slice(
            folder / f"{number}.dcm",
            pixels,
            tuple(float(f"{value:.8g}") for value in position),
            ImageOrientationPatient=orientation,
            InstanceNumber=number,
            **attributes,
        )
    return read_image(folder)


def some_masks(image: Image, count: int = len(NAMES)) -> np.ndarray:
    """Overlapping, with empty planes first, last and in the middle, and an empty class."""
    masks = (np.random.default_rng(5).random((count, *image.geometry.shape)) < 0.4).astype(np.uint8)
    if image.geometry.ndim == 3:
        masks[:, [0, -1]] = 0
        masks[-2:-1, image.geometry.shape[0] // 2] = 0
    if count > 1:
        masks[-1] = 0
    return masks


CASES = {
    "axial": ("axial", [0, 2.5, 5, 7.5, 10, 12.5], 0.0),
    "oblique": ("oblique", [0, 2.5, 5, 7.5, 10, 12.5], 0.0),
    "sagittal": ("sagittal", [0, 1, 2, 3, 4], 0.0),
    "missing slices": ("axial", [0, 2, 4, 10, 12, 16], 0.0),
    "uneven": ("oblique", [0, 2, 4.3, 6, 8], 0.0),
    "tilted": ("axial", [0, 2, 4, 6, 8], 0.35),
    "one slice": ("axial", [0], 0.0),
}


@needs_dciodvfy
@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("modality", [("CT", "1.2.840.10008.5.1.4.1.1.2"), ("MR", MR)], ids=["CT", "MR"])
def test_series_come_back_and_the_judge_agrees(tmp_path: Path, case: str, modality: tuple[str, str]) -> None:
    way, places, tilt = CASES[case]
    image = series(
        tmp_path / "in", ORIENTATIONS[way], list(places), tilt, Modality=modality[0], SOPClassUID=modality[1], SliceThickness=2.0
    )
    masks = some_masks(image)
    path = write_segmentation(tmp_path / "out.dcm", NAMES, masks, image, author=Author("lungs", "abc123"))
    assert errors_of(path) == []
    read = read_segments(path, image)
    assert read.names == NAMES
    assert read.numbers == (1, 2, 3, 4)
    assert np.array_equal(read.masks, masks)
    dataset = pydicom.dcmread(path)
    assert (
        dataset.NumberOfFrames == sum(bool(plane.any()) for mask in masks.reshape(4, -1, 9, 13) for plane in mask)
        or case == "one slice"
    )
    sources = {str(pydicom.dcmread(file, stop_before_pixels=True).SOPInstanceUID) for file in image.meta["files"]}
    named = {
        str(item.ReferencedSOPInstanceUID)
        for frame in dataset.PerFrameFunctionalGroupsSequence
        for item in frame.DerivationImageSequence[0].SourceImageSequence
    }
    assert named <= sources
    assert named


def test_highdicom_sees_each_voxel_where_the_image_has_it(tmp_path: Path) -> None:
    """An independent reader: LPS position of every voxel of the segment."""
    image = series(tmp_path / "in", ORIENTATIONS["oblique"], [0, 2.5, 5, 7.5, 10, 12.5], SliceThickness=2.0)
    masks = some_masks(image, 1)
    masks[0, 1:5] = np.random.default_rng(0).random((4, 9, 13)) < 0.3
    masks[0, 3] = 0
    path = write_segmentation(tmp_path / "out.dcm", ["lung"], masks, image)
    volume = highdicom.seg.segread(path).get_volume(allow_missing_positions=True, combine_segments=True, relabel=True)
    theirs = {tuple(np.round(volume.affine @ (*place, 1), 4)[:3]) for place in np.argwhere(volume.array == 1)}
    assert image.geometry.affine is not None
    lps = np.diag([-1.0, -1.0, 1.0, 1.0]) @ image.geometry.affine
    ours = {tuple(np.round(lps @ (*place, 1), 4)[:3]) for place in np.argwhere(masks[0] == 1)}
    assert len(ours) > 50
    assert theirs == ours


@needs_dciodvfy
def test_multi_frame_images(tmp_path: Path) -> None:
    groups = [frame_group([0.0, 0.0, 2.0 * place]) for place in (2, 0, 3, 1)]
    image = read_image(multi_frame(tmp_path / "a.dcm", groups, [1, 0, 0, 0, 1, 0], FrameOfReferenceUID="1.2.9"))
    masks = (np.random.default_rng(2).random((2, 4, 3, 4)) < 0.5).astype(np.uint8)
    masks[:, 1] = 0
    path = write_segmentation(tmp_path / "s.dcm", ["liver", "spleen"], masks, image)
    assert errors_of(path) == []
    assert np.array_equal(read_segments(path, image).masks, masks)


@needs_dciodvfy
@pytest.mark.parametrize(("kind", "modality"), [(CR, "CR"), (DX, "DX")])
@pytest.mark.parametrize("empty", [False, True])
def test_radiographs(tmp_path: Path, kind: str, modality: str, empty: bool) -> None:
    image = read_image(make(tmp_path / "x.dcm", np.ones((9, 13), np.uint16), SOPClassUID=kind, Modality=modality))
    masks = some_masks(image, 3) * np.uint8(not empty)
    path = write_segmentation(tmp_path / "s.dcm", ["left lung", "right lung", "heart"], masks, image)
    assert errors_of(path) == []
    assert np.array_equal(read_segments(path, image).masks, masks)


@needs_dciodvfy
def test_probabilities_in_steps_of_a_255th(tmp_path: Path) -> None:
    image = series(tmp_path / "in", ORIENTATIONS["axial"], [0, 1, 2], SliceThickness=1.0)
    shares = np.random.default_rng(0).random((2, *image.geometry.shape)).astype(np.float32)
    path = write_segmentation(tmp_path / "s.dcm", ["lung", "heart"], shares, image)
    assert errors_of(path) == []
    assert np.abs(read_segments(path, image).masks - shares).max() <= 0.5 / 255 + 1e-6


def test_codes_author_and_tracking(tmp_path: Path) -> None:
    image = series(tmp_path / "in", ORIENTATIONS["axial"], [0, 1, 2], SliceThickness=1.0)
    given = {"nothing known": SegmentCode(type=Concept(value="M-1", scheme="99LOCAL", meaning="Our thing"))}
    path = write_segmentation(tmp_path / "s.dcm", NAMES, some_masks(image), image, author=Author("net", "f00d"), codes=given)
    dataset = pydicom.dcmread(path)
    types = [item.SegmentedPropertyTypeCodeSequence[0] for item in dataset.SegmentSequence]
    assert [(t.CodeValue, t.CodingSchemeDesignator) for t in types] == [
        ("39607008", "SCT"), ("108369006", "SCT"), ("84640000", "SCT"), ("M-1", "99LOCAL"),
    ]  # fmt: skip
    assert types[0].SegmentedPropertyTypeModifierCodeSequence[0].CodeMeaning == "Left"
    assert dataset.SegmentSequence[1].AnatomicRegionSequence[0].CodeMeaning == "Brain"
    assert [item.SegmentLabel for item in dataset.SegmentSequence] == list(NAMES)
    identification = dataset.SegmentSequence[0].SegmentationAlgorithmIdentificationSequence[0]
    assert (identification.AlgorithmName, identification.AlgorithmVersion) == ("net", "f00d")
    assert len({item.TrackingUID for item in dataset.SegmentSequence}) == len(NAMES)
    assert dataset.SegmentSequence[0].SegmentAlgorithmType == "AUTOMATIC"
    plain = pydicom.dcmread(write_segmentation(tmp_path / "g.dcm", ["nothing known"], some_masks(image, 1), image))
    assert plain.SegmentSequence[0].SegmentedPropertyTypeCodeSequence[0].CodeMeaning == "Tissue"
    assert "No code is known" in plain.SegmentSequence[0].SegmentDescription


@needs_dciodvfy
def test_the_patient_is_copied_or_left_out(tmp_path: Path) -> None:
    more = {
        "SpecificCharacterSet": "GB18030",
        "PatientName": "王^小东",
        "PatientID": "SECRET-ID",
        "PatientBirthDate": "19600102",
        "PatientSex": "M",
    }
    image = series(tmp_path / "in", ORIENTATIONS["axial"], [0, 1, 2], SliceThickness=1.0, **more)
    path = write_segmentation(tmp_path / "s.dcm", ["肺"], some_masks(image, 2)[:1], image)
    dataset = pydicom.dcmread(path)
    assert (str(dataset.PatientName), dataset.PatientID, dataset.PatientBirthDate) == ("王^小东", "SECRET-ID", "19600102")
    assert dataset.StudyInstanceUID == "1.2.3"
    assert dataset.SegmentSequence[0].SegmentLabel == "肺"
    assert errors_of(path) == []
    bare = write_segmentation(tmp_path / "n.dcm", ["肺"], some_masks(image, 2)[:1], image, identity=False)
    data = bare.read_bytes()
    for secret in ("王", "小东"):
        assert secret.encode() not in data
        assert secret.encode("gb18030") not in data
    assert b"SECRET-ID" not in data
    assert b"19600102" not in data
    assert errors_of(bare) == []
    assert np.array_equal(read_segments(bare, image).masks, some_masks(image, 2)[:1])


def test_what_cannot_be_referred_to(tmp_path: Path) -> None:
    image = series(tmp_path / "in", ORIENTATIONS["axial"], [0, 1, 2], SliceThickness=1.0)
    masks = some_masks(image, 1)
    with pytest.raises(DataError) as caught:
        write_segmentation(tmp_path / "s.dcm", ["a"], masks, Image(image.pixels, image.geometry, tmp_path / "x.nii", "nifti"))
    assert caught.value.code == "seg-needs-dicom"
    with pytest.raises(UsageError) as over:
        write_segmentation(image.meta["files"][0], ["a"], masks, image)
    assert over.value.code == "would-overwrite-input"
    cine = read_image(make(tmp_path / "us.dcm", np.ones((3, 4, 5), np.uint8), Modality="US"))
    with pytest.raises(DataError) as refused:
        write_segmentation(tmp_path / "s.dcm", ["a"], np.ones((1, 3, 4, 5), np.uint8), cine)
    assert refused.value.code == "seg-not-possible"
    lost = read_image(make(tmp_path / "lost.dcm", np.ones((4, 5), np.uint8), Modality="CR", StudyInstanceUID=""))
    with pytest.raises(DataError) as incomplete:
        write_segmentation(tmp_path / "s.dcm", ["a"], np.ones((1, 4, 5), np.uint8), lost)
    assert incomplete.value.code == "seg-source-incomplete"
    with pytest.raises(ValueError, match="masks"):
        write_segmentation(tmp_path / "s.dcm", ["a", "b"], masks, image)
    assert not (tmp_path / "s.dcm").exists()


def test_reading_onto_another_image_is_refused(tmp_path: Path) -> None:
    image = series(tmp_path / "in", ORIENTATIONS["axial"], [0, 1, 2, 3], SliceThickness=1.0)
    path = write_segmentation(tmp_path / "s.dcm", ["lung"], np.ones((1, *image.geometry.shape), np.uint8), image)
    for name, way, places in (("moved", "axial", [0.5, 1.5, 2.5, 3.5]), ("turned", "sagittal", [0, 1, 2, 3])):
        other = series(tmp_path / name, ORIENTATIONS[way], places)
        with pytest.raises(UnreadableFile):
            read_segments(path, other)
    longer = series(tmp_path / "longer", ORIENTATIONS["axial"], [0, 1, 2, 3, 4, 5])
    assert read_segments(path, longer).masks.sum(axis=(0, 2, 3)).tolist() == [117] * 4 + [0, 0]
    assert read_labels(path).values is not None


@needs_dciodvfy
def test_the_judge_does_find_faults(tmp_path: Path) -> None:
    image = series(tmp_path / "in", ORIENTATIONS["axial"], [0, 1, 2], SliceThickness=1.0)
    path = write_segmentation(tmp_path / "s.dcm", ["lung"], np.ones((1, *image.geometry.shape), np.uint8), image)
    dataset = pydicom.dcmread(path)
    del dataset.SegmentSequence[0].SegmentedPropertyTypeCodeSequence
    dataset.save_as(path)
    assert errors_of(path) != []
