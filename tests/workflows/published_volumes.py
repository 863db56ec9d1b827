"""Small made-up versions of published data sets of volumes, in the layout and file kinds of the originals."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import SimpleITK
from tests.formats.dicom_objects import make_slice
from tests.workflows.made_up import nifti, published, scene, text

RAS_OF = np.diag([-1.0, -1.0, 1.0, 1.0])  # LPS (DICOM, ITK) <-> RAS (NIfTI)


@published(layout="patient-folders", cases=16, persons=8, unit="patient", rule="values", classes=("class 1", "class 2", "class 3"))
def acdc(root: Path) -> Path:
    """ACDC 2017 as re-released: two labelled phases and the whole cycle per patient, 1.5 x 1.5 x 10 mm, no orientation."""
    for number in (1, 2, 3, 4, 5, 6, 101, 102):
        home = root / "database" / ("training" if number < 100 else "testing") / f"patient{number:03d}"
        name, shape = f"patient{number:03d}", (40 + number % 5, 36, 4)
        text(home / "Info.cfg", "ED: 1\nES: 12\nGroup: DCM\nHeight: 184.0\nNbFrame: 30\nWeight: 95.0\n")
        text(home / "MANDATORY_CITATION.md")
        for frame in (1, 12):
            image, labels = scene(10 * number + frame, shape, 3)
            nifti(home / f"{name}_frame{frame:02d}.nii.gz", image.astype(np.int16) * 3, (1.5, 1.5, 10.0))
            nifti(home / f"{name}_frame{frame:02d}_gt.nii.gz", labels, (1.5, 1.5, 10.0))
        nifti(home / f"{name}_4d.nii.gz", np.zeros((*shape, 30), np.int16), (1.5, 1.5, 10.0))
    return root


@published(layout="patient-folders", cases=16, persons=8, unit="patient", rule="values", classes=("class 1", "class 2", "class 3"))
def mnms2(root: Path) -> Path:
    """M&Ms-2: short axis at two phases with the cine beside them, several vendors, affines that are oblique."""
    angle = np.deg2rad(30)
    turn = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
    for number in range(1, 9):
        affine = np.eye(4)
        affine[:3, :3] = turn @ np.diag([1.25, 1.25, 9.6])
        affine[:3, 3] = number, -40, 12
        home = root / "MnM2" / "dataset" / f"{number:03d}"
        for phase in ("ED", "ES"):
            image, labels = scene(20 * number + len(phase) + (phase == "ES"), (44, 40, 3), 3)
            nifti(home / f"{number:03d}_SA_{phase}.nii.gz", image.astype(np.float32), affine=affine)
            nifti(home / f"{number:03d}_SA_{phase}_gt.nii.gz", labels, affine=affine)
        nifti(home / f"{number:03d}_SA_CINE.nii.gz", np.zeros((44, 40, 3, 25), np.float32), affine=affine)
    text(root / "MnM2" / "dataset_information.csv", "SUBJECT_CODE,DISEASE,VENDOR,SCANNER,FIELD\n1,NOR,SIEMENS,SymphonyTim,1.5\n")
    return root / "MnM2"


@published(layout="msd", cases=7, persons=7, unit="patient", rule="values", classes=("PZ", "TZ"))
def msd_prostate(root: Path) -> Path:
    """Medical Segmentation Decathlon, task 5: two channels in a fourth axis."""
    home, affine = root / "Task05_Prostate", np.diag([0.6, 0.6, 3.6, 1.0])
    listed = []
    for number in (0, 1, 2, 4, 6, 7, 10):
        image, labels = scene(number, (40, 40, 3), 2)
        name = f"prostate_{number:02d}.nii.gz"
        nifti(home / "imagesTr" / name, np.stack([image, 255 - image], axis=-1).astype(np.float32), affine=affine)
        nifti(home / "labelsTr" / name, labels.astype(np.float32), affine=affine)
        text(home / "imagesTr" / f"._{name}")
        listed.append({"image": f"./imagesTr/{name}", "label": f"./labelsTr/{name}"})
    nifti(home / "imagesTs" / "prostate_03.nii.gz", np.ones((40, 40, 3, 2), np.float32), affine=affine)
    described = {
        "name": "PROSTATE",
        "description": "Prostate transitional zone and peripheral zone segmentation",
        "tensorImageSize": "4D",
        "modality": {"0": "T2", "1": "ADC"},
        "labels": {"0": "background", "1": "PZ", "2": "TZ"},
        "numTraining": 7,
        "numTest": 1,
        "training": listed,
        "test": ["./imagesTs/prostate_03.nii.gz"],
    }
    text(home / "dataset.json", json.dumps(described))
    return home


@published(layout="nnunet", cases=6, persons=6, unit="patient", rule="values", classes=("edema", "core"))
def nnunet_raw(root: Path) -> Path:
    """nnU-Net v2 raw: a file per channel, names to numbers."""
    home = root / "nnUNet_raw" / "Dataset137_Tumour"
    for number in range(1, 7):
        image, labels = scene(number, (36, 40, 3), 2)
        for channel in (0, 1):
            pixels = image if channel == 0 else 255 - image
            nifti(home / "imagesTr" / f"case_{number:03d}_{channel:04d}.nii.gz", pixels.astype(np.float32), affine=np.eye(4))
        nifti(home / "labelsTr" / f"case_{number:03d}.nii.gz", labels, affine=np.eye(4))
    for channel in (0, 1):
        nifti(home / "imagesTs" / f"case_009_{channel:04d}.nii.gz", np.ones((36, 40, 3), np.float32), affine=np.eye(4))
    described = {
        "channel_names": {"0": "FLAIR", "1": "T1"},
        "labels": {"background": 0, "edema": 1, "core": 2},
        "numTraining": 6,
        "file_ending": ".nii.gz",
    }
    text(home / "dataset.json", json.dumps(described))
    return home


@published(
    layout="class-per-file",
    cases=6,
    persons=6,
    unit="patient",
    rule="files",
    classes=("kidney_left", "kidney_right", "liver"),
)
def totalsegmentator(root: Path) -> Path:
    """A CT and a folder of organs per person, 1.5 mm."""
    affine = np.diag([-1.5, -1.5, 1.5, 1.0])
    home = root / "Totalsegmentator_dataset_v201"
    for number, name in enumerate(("s0000", "s0001", "s0002", "s0004", "s0011", "s0058")):
        image, labels = scene(number, (40, 36, 5), 3)
        nifti(home / name / "ct.nii.gz", image.astype(np.int16) * 4 - 1000, affine=affine)
        for label, organ in enumerate(("liver", "kidney_left", "kidney_right"), 1):
            nifti(home / name / "segmentations" / f"{organ}.nii.gz", (labels == label).astype(np.uint8), affine=affine)
    text(home / "meta.csv", "image_id;age;gender;institute\ns0000;70;m;A\n")
    return home


@published(layout="side-by-side", cases=6, persons=6, unit="patient", rule="threshold")
def promise12(root: Path) -> Path:
    """PROMISE12: MetaImage headers with their pixels in .raw files, spacing that differs."""
    home = root / "TrainingData"
    home.mkdir()
    for number in range(6):
        image, labels = scene(number, (4, 40, 44))
        for pixels, name in ((image.astype(np.int16) * 2, f"Case{number:02d}"), (labels, f"Case{number:02d}_segmentation")):
            volume = SimpleITK.GetImageFromArray(pixels.astype(np.int16 if "_" not in name else np.int8))
            volume.SetSpacing((0.6 + 0.02 * number, 0.6 + 0.02 * number, 3.6))
            SimpleITK.WriteImage(volume, str(home / f"{name}.mhd"))
    return root


@published(layout="side-by-side", cases=6, persons=6, unit="patient", rule="threshold")
def ct_liver(root: Path) -> Path:
    """LiTS: volume-n.nii and segmentation-n.nii, Hounsfield units with air around, the table, and a tumour that few have."""
    for number in range(6):
        image, labels = scene(number, (48, 48, 4))
        hounsfield = image.astype(np.int16) - 60
        rows, columns = np.indices((48, 48))
        outside = (rows - 24) ** 2 + (columns - 24) ** 2 > 23**2
        hounsfield[outside] = -1024
        hounsfield[45:47, 8:40] = 300  # the table
        affine = np.diag([0.8, 0.8 if number % 2 else -0.8, 5.0, 1.0])
        nifti(root / f"volume-{number}.nii", hounsfield, affine=affine)
        nifti(root / f"segmentation-{number}.nii", labels.astype(np.uint8), affine=affine)
    return root


@published(layout="patient-folders", cases=6, persons=6, unit="patient", rule="threshold")
def dicom_with_nifti_mask(root: Path) -> Path:
    """A DICOM series per patient, and its mask as a converter writes it: the same voxels, rows from back to front."""
    for number in range(1, 7):
        home = root / f"LUNG1-{number:03d}"
        image, labels = scene(number, (4, 40, 36))
        (home / "CT").mkdir(parents=True)
        for z in range(4):
            make_slice(
                home / "CT" / f"1-{z + 1:02d}.dcm",
                image[z].astype(np.int16) * 4,
                (-20.0, -30.0, 3.0 * z),
                SeriesInstanceUID=f"1.2.3.{number}",
                RescaleSlope=1,
                RescaleIntercept=-1024,
                SliceThickness=3.0,
                PixelSpacing=[0.8, 0.8],
            )
        lps = np.diag([0.8, 0.8, 3.0, 1.0])  # columns of (i, j, k)
        lps[:3, 3] = -20.0, -30.0, 0.0
        flip = np.diag([1.0, -1.0, 1.0, 1.0])
        flip[1, 3] = 40 - 1
        nifti(home / "mask.nii.gz", np.ascontiguousarray(labels.transpose(2, 1, 0)[:, ::-1]), affine=RAS_OF @ lps @ flip)
    return root


@published(layout="paired-folders", cases=8, persons=8, unit="patient", rule="threshold")
def orientations(root: Path) -> Path:
    """Every patient stored another way round (RAS, LPI, a coronal stack …), mask and image alike."""
    turns = [((0, 1, 2), (1, 1, 1)), ((0, 1, 2), (-1, -1, 1)), ((0, 2, 1), (1, 1, -1)), ((2, 0, 1), (1, -1, 1))]
    for number in range(8):
        order, signs = turns[number % 4]
        image, labels = scene(number, (32, 36, 6))
        affine = np.diag([1.0, 1.0, 4.0, 1.0])
        stored = nibabel_turn(image, labels, affine, order, signs)
        for pixels, folder in zip(stored[:2], ("images", "masks"), strict=True):
            nifti(root / folder / f"brain_{number:02d}.nii.gz", pixels, affine=stored[2])
    return root


def nibabel_turn(
    image: np.ndarray, labels: np.ndarray, affine: np.ndarray, order: tuple[int, ...], signs: tuple[int, ...]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The same volume with its axes in another order and direction."""
    from nibabel.orientations import apply_orientation, inv_ornt_aff

    turn = np.array(list(zip(order, signs, strict=True)), float)
    return apply_orientation(image, turn), apply_orientation(labels, turn), affine @ inv_ornt_aff(turn, image.shape)
