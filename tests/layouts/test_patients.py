"""Persons are found where names say so, and nobody is claimed where they do not."""

from __future__ import annotations

import pytest

from delineate.layouts.patients import Name, find_people, folder_is_id, slice_number, without_date
from delineate.layouts.tree import natural, split_name
from delineate.layouts.words import folder_words, stem_words, tokens


def people(*names: str, volumetric: bool = False) -> list[str | None]:
    found = find_people([Name(tuple(name.split("/")[:-1]), name.split("/")[-1], volumetric) for name in names])
    return [None if person is None or person.picture else person.key for person in found]


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("TCGA_CS_4941_19960909_1", "TCGA-CS-4941"),
        ("TCGA-A7-A13E-01Z-00-DX1", "TCGA-A7-A13E"),
        ("sub-01/ses-02/anat/sub-01_ses-02_T1w", "sub-01"),
        ("patient001/patient001_frame01", "patient001"),
        ("Patient_07/scan", "patient07"),
        ("CHNCXR_0015_0", "CHNCXR_0015"),
        ("MCUCXR_0001_1", "MCUCXR_0001"),
        ("BraTS-GLI-00005-001", "BraTS-GLI-00005"),
    ],
)
def test_published_ids(name: str, key: str) -> None:
    assert people(name) == [key]


@pytest.mark.parametrize(
    "names",
    [
        [f"ISIC_{n:07d}" for n in range(9)],
        [f"benign/benign ({n})" for n in range(9)] + [f"malignant/malignant ({n})" for n in range(9)],
        [f"{n}" for n in range(9)],
        [f"ID_{n:04d}_Z_0142" for n in range(9)],
        [f"{c}/{n}" for c in (1, 2, 3) for n in range(9)],
        [f"fold{f}/a{n}" for f in (1, 2, 3) for n in range(9)],
        [f"{h}/{h}" for h in ("0a7d30b25235", "1a11552569", "3bef101b5c")],
        [f"img{p}_{r}" for p in range(3) for r in range(4)],
        [f"cju0qkwl{n}piu" for n in range(9)],
        [f"2019_{m:02d}_{d:02d}" for m in range(1, 4) for d in range(1, 5)],
    ],
)
def test_nobody_is_claimed(names: list[str]) -> None:
    assert people(*names) == [None] * len(names)


def test_shared_ids() -> None:
    assert people(*[f"P001_{n}" for n in range(3)], *[f"P002_{n}" for n in range(3)]) == ["P001"] * 3 + ["P002"] * 3
    assert (
        people(*[f"ID_{p:04d}_Z_{z:04d}_AGE_0060_CONTRAST_1_CT" for p in (0, 1) for z in (1, 2)])
        == ["ID_0000"] * 2 + ["ID_0001"] * 2
    )


def test_eyes_need_both_sides() -> None:
    assert people("Image_01L", "Image_01R", "Image_02L", "Image_02R") == ["Image_01", "Image_01", "Image_02", "Image_02"]
    assert people("Image_01L", "Image_02L", "Image_03L") == [None] * 3


def test_volumes_are_patients_unless_names_say_more() -> None:
    assert people("hippocampus_001", "hippocampus_003", volumetric=True) == ["hippocampus_001", "hippocampus_003"]
    assert people("A01/pre", "A01/post", "B02/pre", "B02/post", volumetric=True) == ["A01", "A01", "B02", "B02"]


@pytest.mark.parametrize(
    ("text", "kept"),
    [("TCGA_HT_7856_19950831", "TCGA_HT_7856"), ("p1-2020-01-31", "p1"), ("A_20201399", "A_20201399"), ("12345678", "12345678")],
)
def test_dates(text: str, kept: str) -> None:
    assert without_date(text) == kept


def test_names_taken_apart() -> None:
    assert tokens("ManualMask") == ("manual", "mask") and tokens("Ground Truth") == ("groundtruth",)
    assert stem_words("benign (1)_mask_1").mask_keys[0] == "benign_1" and stem_words("benign (1)_mask_1").rest == "1"
    assert stem_words("Image_01L_2ndHO").rater == 2 and stem_words("21_manual1").rater == 1
    assert not stem_words("patient001_frame01").mask_keys
    assert folder_words("2. All Segmentation Groundtruths").role == "mask" and folder_words("Dataset_BUSI_with_GT").role == ""
    assert (
        folder_words("imagesTs").split == "test"
        and folder_words("valid").split == "validation"
        and folder_words("Fold 2").split == "fold2"
    )
    assert (
        folder_is_id("TCGA_CS_4941_19960909")
        and not folder_is_id("benign")
        and not folder_is_id("512x512")
        and not folder_is_id("fold1")
    )
    assert slice_number("a_12") == ("a", 12) and slice_number("abc") is None
    assert (
        split_name("a.b.nii.gz") == ("a.b", ".nii.gz")
        and split_name("x.ome.tif") == ("x", ".tif")
        and split_name("1.2.840.1") == ("1.2.840.1", "")
    )
    assert sorted(["s10", "s2", "S1"], key=natural) == ["S1", "s2", "s10"]
