"""Each layout in the form in which well-known data sets are published."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
from tests.layouts.trees import all_accounted, codes, make, pairs

from delineate.domain import Source
from delineate.errors import DataError
from delineate.layouts import scan


def test_lgg_patient_folders(tmp_path: Path) -> None:
    names = [
        f"kaggle_3m/{p}/{p}_{n}{m}.tif"
        for p in ("TCGA_CS_4941_19960909", "TCGA_CS_4941_19970101", "TCGA_HT_7856_19950831")
        for n in range(1, 12)
        for m in ("", "_mask")
    ]
    make(tmp_path, *names, "kaggle_3m/data.csv", "kaggle_3m/README.md")
    found = scan(tmp_path)
    all_accounted(found)
    assert (found.layout, found.unit, len(found.cases)) == ("patient-folders", "patient", 33)
    assert {case.patient for case in found.cases} == {"TCGA-CS-4941", "TCGA-HT-7856"}
    assert len({case.volume for case in found.cases}) == 3
    assert [case.position for case in found.cases[:11]] == list(range(1, 12))
    assert found.cases[1].path.stem.endswith("_2")
    assert not found.findings


def test_patients_with_dates_are_one_patient(tmp_path: Path) -> None:
    make(
        tmp_path,
        *[
            f"{p}/{n}{m}.png"
            for p in ("AB12_20190101", "AB12_20200315", "CD34_2019-05-06")
            for n in (1, 2, 3)
            for m in ("", "_mask")
        ],
    )
    found = scan(tmp_path)
    assert {case.patient for case in found.cases} == {"AB12", "CD34"}
    assert len({case.volume for case in found.cases}) == 3


def test_busi_merges_masks_and_claims_no_patients(tmp_path: Path) -> None:
    home = "Dataset_BUSI_with_GT"
    make(
        tmp_path,
        *[f"{home}/{k}/{k} ({n}){m}.png" for k in ("benign", "malignant", "normal") for n in range(1, 6) for m in ("", "_mask")],
    )
    make(tmp_path, f"{home}/benign/benign (4)_mask_1.png", f"{home}/benign/benign (4)_mask_2.png")
    found = scan(tmp_path)
    all_accounted(found)
    assert (found.layout, found.unit, len(found.cases)) == ("side-by-side", "image", 15)
    assert [len(case.masks) for case in found.cases if case.path.name == "benign (4).png"] == [3]
    assert all(source.label is None for case in found.cases for source in case.masks)
    assert "patient-unknown" in codes(found) and not any(case.patient or case.volume for case in found.cases)


def test_isic_folders_with_different_rest(tmp_path: Path) -> None:
    make(tmp_path, *[f"ISIC2018_Task1-2_Training_Input/ISIC_{n:07d}.jpg" for n in range(6)])
    make(tmp_path, *[f"ISIC2018_Task1_Training_GroundTruth/ISIC_{n:07d}_segmentation.png" for n in range(6)])
    make(tmp_path, *[f"ISIC2018_Task1-2_Validation_Input/ISIC_{n:07d}.jpg" for n in range(6, 9)])
    make(tmp_path, *[f"ISIC2018_Task1_Validation_GroundTruth/ISIC_{n:07d}_segmentation.png" for n in range(6, 9)])
    make(
        tmp_path,
        *[f"ISIC2018_Task1-2_Test_Input/ISIC_{n:07d}.jpg" for n in range(9, 12)],
        "ISIC2018_Task1-2_Training_Input/LICENSE.txt",
    )
    found = scan(tmp_path)
    all_accounted(found)
    assert (found.layout, found.unit, len(found.cases)) == ("paired-folders", "image", 9)
    assert [case.split for case in found.cases].count("validation") == 3
    assert list(found.explained.values()).count("unlabelled-test-image") == 3
    assert all(f"{Path(image).stem}_segmentation" == Path(masks[0]).stem for image, masks in pairs(found).items())


def test_isic_2017_superpixels(tmp_path: Path) -> None:
    make(tmp_path, *[f"ISIC-2017_Training_Data/ISIC_{n:07d}{m}" for n in range(4) for m in (".jpg", "_superpixels.png")])
    make(tmp_path, *[f"ISIC-2017_Training_Part1_GroundTruth/ISIC_{n:07d}_segmentation.png" for n in range(4)])
    make(tmp_path, "ISIC-2017_Training_Data/ISIC-2017_Training_Data_metadata.csv")
    found = scan(tmp_path)
    all_accounted(found)
    assert len(found.cases) == 4 and all(case.path.suffix == ".jpg" for case in found.cases)
    assert list(found.explained.values()).count("other-annotation") == 4


def test_isic_side_by_side(tmp_path: Path) -> None:
    make(tmp_path, *[f"ISIC_{n:07d}{m}" for n in range(4) for m in (".jpg", "_segmentation.png")])
    found = scan(tmp_path)
    assert (found.layout, found.unit, len(found.cases)) == ("side-by-side", "image", 4)


def test_ph2(tmp_path: Path) -> None:
    for n in (2, 3, 4, 10):
        i = f"IMD{n:03d}"
        make(
            tmp_path,
            *[
                f"PH2Dataset/PH2 Dataset images/{i}/{i}_{k}"
                for k in (f"Dermoscopic_Image/{i}.bmp", f"lesion/{i}_lesion.bmp", f"roi/{i}_R1_Label3.bmp")
            ],
        )
    make(tmp_path, "PH2Dataset/PH2_dataset.xlsx", "PH2Dataset/PH2_dataset.txt")
    found = scan(tmp_path)
    all_accounted(found)
    assert (found.layout, found.unit, len(found.cases)) == ("paired-folders", "image", 4)
    assert all(Path(masks[0]).stem == f"{Path(image).stem}_lesion" for image, masks in pairs(found).items())
    assert list(found.explained.values()).count("other-annotation") == 4
    assert [case.path.stem for case in found.cases][-1] == "IMD010"


def test_kvasir_jpeg_masks_are_an_error_finding(tmp_path: Path) -> None:
    make(
        tmp_path,
        *[f"Kvasir-SEG/{k}/cju0qkwl{n}piu.jpg" for k in ("images", "masks") for n in range(4)],
        "Kvasir-SEG/kavsir_bboxes.json",
    )
    found = scan(tmp_path)
    all_accounted(found)
    assert len(found.cases) == 4
    assert [finding.params["n"] for finding in found.findings if finding.code == "jpeg-mask" and finding.severity == "error"] == [4]


def test_drive_field_of_view_is_not_the_truth(tmp_path: Path) -> None:
    for part, numbers in (("training", range(21, 25)), ("test", range(1, 5))):
        for n in numbers:
            make(
                tmp_path,
                f"DRIVE/{part}/images/{n:02d}_{part}.tif",
                f"DRIVE/{part}/1st_manual/{n:02d}_manual1.gif",
                f"DRIVE/{part}/mask/{n:02d}_{part}_mask.gif",
            )
            if part == "test":
                make(tmp_path, f"DRIVE/{part}/2nd_manual/{n:02d}_manual2.gif")
    found = scan(tmp_path)
    all_accounted(found)
    assert len(found.cases) == 8
    assert {source.path.parent.name for case in found.cases for source in case.masks} == {"1st_manual"}
    assert all(image.split("/")[-1][:2] == masks[0].split("/")[-1][:2] for image, masks in pairs(found).items())
    assert sum(bool(case.raters) for case in found.cases) == 4
    assert set(found.explained.values()) == {"field-of-view-mask"}
    assert {case.split for case in found.cases} == {"train", "test"}


def test_hrf(tmp_path: Path) -> None:
    make(
        tmp_path,
        *[f"{k}" for n in range(1, 5) for k in (f"images/{n:02d}_dr.jpg", f"manual1/{n:02d}_dr.tif", f"mask/{n:02d}_dr_mask.tif")],
    )
    found = scan(tmp_path)
    all_accounted(found)
    assert {source.path.parent.name for case in found.cases for source in case.masks} == {"manual1"}


def test_chase_observers_and_eyes(tmp_path: Path) -> None:
    make(tmp_path, *[f"Image_{n:02d}{e}{m}" for n in range(1, 5) for e in "LR" for m in (".jpg", "_1stHO.png", "_2ndHO.png")])
    found = scan(tmp_path)
    all_accounted(found)
    assert (found.layout, found.unit, len(found.cases)) == ("side-by-side", "patient", 8)
    assert len({case.patient for case in found.cases}) == 4
    assert all(
        case.masks[0].path.stem.endswith("1stHO") and case.raters["observer2"][0].path.stem.endswith("2ndHO")
        for case in found.cases
    )
    assert "other-rater" in codes(found)


def test_dsb2018(tmp_path: Path) -> None:
    hashes = [f"{n:02d}a7d30b252359a10fd298b638b90cb9ada3acced4e0c0e5a3692013f432ee4e9" for n in range(5)]
    make(tmp_path, *[f"stage1_train/{h}/images/{h}.png" for h in hashes])
    make(tmp_path, *[f"stage1_train/{h}/masks/{h[::-1]}{k}f.png" for i, h in enumerate(hashes) for k in range(i + 1)])
    found = scan(tmp_path)
    all_accounted(found)
    assert (found.layout, found.unit) == ("instance-masks", "image")
    assert sorted(len(case.masks) for case in found.cases) == [1, 2, 3, 4, 5]
    assert not found.class_names


def test_montgomery_sides_are_merged(tmp_path: Path) -> None:
    names = [f"MCUCXR_{n:04d}_{n % 2}" for n in range(1, 6)]
    make(
        tmp_path, *[f"MontgomerySet/{k}/{n}.png" for k in ("CXR_png", "ManualMask/leftMask", "ManualMask/rightMask") for n in names]
    )
    make(
        tmp_path,
        *[f"MontgomerySet/ClinicalReadings/{n}.txt" for n in names],
        "MontgomerySet/NLM-MontgomeryCXRSet-ReadMe.pdf",
        "MontgomerySet/Thumbs.db",
    )
    found = scan(tmp_path)
    all_accounted(found)
    assert (found.unit, len(found.cases)) == ("patient", 5)
    assert all(len(case.masks) == 2 and {source.label for source in case.masks} == {None} for case in found.cases)
    assert not found.class_names


def test_shenzhen_montgomery_mixed_rule(tmp_path: Path) -> None:
    home = "Lung Segmentation"
    make(
        tmp_path,
        *[f"{home}/CXR_png/CHNCXR_{n:04d}_0.png" for n in range(1, 6)],
        *[f"{home}/masks/CHNCXR_{n:04d}_0_mask.png" for n in range(1, 5)],
    )
    make(tmp_path, *[f"{home}/{k}/MCUCXR_{n:04d}_1.png" for n in range(1, 5) for k in ("CXR_png", "masks")])
    make(tmp_path, *[f"{home}/test/CHNCXR_{n:04d}_1.png" for n in range(600, 604)])
    found = scan(tmp_path)
    all_accounted(found)
    assert (found.layout, found.unit, len(found.cases)) == ("paired-folders", "patient", 8)
    assert [finding.path.name for finding in found.findings if finding.code == "image-without-mask" and finding.path] == [
        "CHNCXR_0005_0.png"
    ]
    assert list(found.explained.values()).count("unlabelled-test-image") == 4


def test_isbi_stack_pages(tmp_path: Path) -> None:
    for name in ("train-volume", "train-labels", "test-volume"):
        tifffile.imwrite(tmp_path / f"{name}.tif", np.zeros((5, 8, 8), np.uint8), photometric="minisblack")
    found = scan(tmp_path)
    all_accounted(found)
    assert (found.layout, found.unit, len(found.cases)) == ("stacks", "block", 5)
    assert [case.images[0].index for case in found.cases] == [case.position for case in found.cases] == list(range(5))
    assert found.cases[3].masks == (Source(tmp_path / "train-labels.tif", index=3),)
    assert len({case.volume for case in found.cases}) == 1
    assert found.explained == {tmp_path / "test-volume.tif": "unlabelled-test-image"}


def test_stacks_with_different_page_counts(tmp_path: Path) -> None:
    for name, pages in (("a", 5), ("a_mask", 4), ("b", 3), ("b_mask", 3)):
        tifffile.imwrite(tmp_path / f"{name}.tif", np.zeros((pages, 8, 8), np.uint8), photometric="minisblack")
    found = scan(tmp_path)
    all_accounted(found)
    assert len(found.cases) == 3 and "pages-differ" in codes(found)


def test_numbered_slices_are_one_block(tmp_path: Path) -> None:
    make(tmp_path, *[f"membrane/train/{k}/{n}.png" for k in ("image", "label") for n in range(12)])
    found = scan(tmp_path)
    all_accounted(found)
    assert (found.layout, found.unit) == ("paired-folders", "block")
    assert [case.position for case in found.cases] == list(range(12))
    assert "stack-without-patients" in codes(found)
    assert all(case.patient is None and case.split is None for case in found.cases)


def test_pannuke(tmp_path: Path) -> None:
    for fold, size in ((1, 3), (2, 2)):
        for kind, array in (("images", np.zeros((size, 8, 8, 3), np.float64)), ("masks", np.zeros((size, 8, 8, 6), np.float64))):
            folder = tmp_path / f"Fold {fold}" / kind / f"fold{fold}"
            folder.mkdir(parents=True)
            np.save(folder / f"{kind}.npy", array)
        np.save(tmp_path / f"Fold {fold}/images/fold{fold}/types.npy", np.array(["Breast"] * size))
        make(tmp_path, f"Fold {fold}/README.md")
    found = scan(tmp_path)
    all_accounted(found)
    assert (found.layout, found.unit, len(found.cases)) == ("pannuke", "image", 5)
    assert [case.split for case in found.cases] == ["fold1"] * 3 + ["fold2"] * 2
    assert found.class_names[1] == "Neoplastic" and len(found.class_names) == 5
    assert [(s.index, s.item, s.label) for s in found.cases[1].masks] == [(1, str(c), c + 1) for c in range(5)]
    assert found.evidence["tissues"] == {"Breast": 5}


def test_idrid_classes_by_folder(tmp_path: Path) -> None:
    home = "A. Segmentation"
    for part, numbers in (("a. Training Set", (1, 2, 3)), ("b. Testing Set", (55, 56))):
        make(tmp_path, *[f"{home}/1. Original Images/{part}/IDRiD_{n:02d}.jpg" for n in numbers])
        for folder, short in (("1. Microaneurysms", "MA"), ("2. Haemorrhages", "HE")):
            make(tmp_path, *[f"{home}/2. All Segmentation Groundtruths/{part}/{folder}/IDRiD_{n:02d}_{short}.tif" for n in numbers])
    found = scan(tmp_path)
    all_accounted(found)
    assert len(found.cases) == 5 and set(found.class_names.values()) == {"microaneurysms", "haemorrhages"}
    for case in found.cases:
        assert {found.class_names[source.label][:2].upper() for source in case.masks if source.label} == {"MI", "HA"}
    assert {case.split for case in found.cases} == {"train", "test"}


def test_fixed_names_in_case_folders(tmp_path: Path) -> None:
    make(tmp_path, *[f"case_{n:05d}/{k}.nii.gz" for n in range(4) for k in ("imaging", "segmentation")])
    found = scan(tmp_path)
    all_accounted(found)
    assert (found.unit, len(found.cases)) == ("patient", 4)
    assert all(Path(image).parent == Path(masks[0]).parent for image, masks in pairs(found).items())


def test_nested_patients_in_paired_folders(tmp_path: Path) -> None:
    make(tmp_path, *[f"{k}/P{p:02d}/{n}.png" for k in ("images", "masks") for p in (1, 2, 3) for n in range(1, 12)])
    (tmp_path / "masks/P02/3.png").unlink()
    found = scan(tmp_path)
    all_accounted(found)
    assert (found.unit, len(found.cases)) == ("patient", 32)
    assert all(image.replace("images/", "masks/") == masks[0] for image, masks in pairs(found).items())
    assert {(case.patient, case.volume) for case in found.cases} == {(p, p) for p in ("P01", "P02", "P03")}
    assert [f.path for f in found.findings if f.code == "image-without-mask"] == [tmp_path / "images/P02/3.png"]


def test_unlabelled_only(tmp_path: Path) -> None:
    make(tmp_path, "photos/a.jpg", "photos/b.jpg", "notes.txt")
    with pytest.raises(DataError) as error:
        scan(tmp_path)
    assert error.value.code == "no-mask-files"
    text = str(error.value)
    assert "2 × .jpg" in text and "photos/" in text and "masks/x.png" in text and "--image-pattern" in text and "{case}" in text


def test_numbered_objects_are_not_classes(tmp_path: Path) -> None:
    """Instance numbers that return in every case name no class."""
    make(
        tmp_path,
        *[f"c{i}a/images/im.png" for i in range(4)],
        *[f"c{i}a/masks/{k}" for i in range(4) for k in ("00001f.png", "mask_2.png", "3.png")],
    )
    found = scan(tmp_path)
    all_accounted(found)
    assert found.layout == "instance-masks" and not found.class_names and all(len(case.masks) == 3 for case in found.cases)
