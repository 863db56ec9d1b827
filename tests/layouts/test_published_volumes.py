"""Published layouts of volumes."""

from __future__ import annotations

from pathlib import Path

from tests.layouts.trees import all_accounted, by_name, codes, make, pairs

from delineate.layouts import scan


def test_acdc(tmp_path: Path) -> None:
    for part, patients in (("training", (1, 2, 3)), ("testing", (101, 102))):
        for p in patients:
            home = f"database/{part}/patient{p:03d}"
            make(tmp_path, f"{home}/Info.cfg", f"{home}/patient{p:03d}_4d.nii.gz", f"{home}/MANDATORY_CITATION.md")
            make(tmp_path, *[f"{home}/patient{p:03d}_frame{f}{m}.nii.gz" for f in ("01", "12") for m in ("", "_gt")])
    found = scan(tmp_path)
    all_accounted(found)
    assert (found.layout, found.unit, len(found.cases)) == ("patient-folders", "patient", 10)
    assert {case.patient for case in found.cases} == {"patient001", "patient002", "patient003", "patient101", "patient102"}
    assert {case.split for case in found.cases} == {"train", "test"}
    assert sorted(found.explained.values()).count("time-series") == 5
    assert all(case.volume is None for case in found.cases)
    assert not found.findings


def test_msd(tmp_path: Path) -> None:
    home = tmp_path / "Task04_Hippocampus"
    make(
        home,
        *[f"{k}/hippocampus_{n:03d}.nii.gz" for k in ("imagesTr", "labelsTr") for n in (1, 3, 4)],
        "imagesTs/hippocampus_002.nii.gz",
        "imagesTr/._hippocampus_001.nii.gz",
    )
    training = ", ".join(
        f'{{"image": "./imagesTr/hippocampus_{n:03d}.nii.gz", "label": "./labelsTr/hippocampus_{n:03d}.nii.gz"}}'
        for n in (1, 3, 4, 9)
    )
    labels = '"labels": {"0": "background", "1": "Anterior", "2": "Posterior"}'
    tests = '"test": ["./imagesTs/hippocampus_002.nii.gz"]'
    text = f'{{"name": "Hippocampus", "modality": {{"0": "MRI"}}, {labels}, "training": [{training}], {tests}}}'
    (home / "dataset.json").write_text(text)
    found = scan(tmp_path)
    all_accounted(found)
    assert (found.layout, found.unit, len(found.cases)) == ("msd", "patient", 3)
    assert found.class_names == {1: "Anterior", 2: "Posterior"}
    assert "listed-file-missing" in codes(found)
    assert set(found.explained.values()) == {"metadata", "unlabelled-test-image", "hidden-or-system-file"}


def test_nnunet_channels(tmp_path: Path) -> None:
    home = tmp_path / "Dataset001_Brain"
    make(
        home,
        *[f"imagesTr/BRATS_{n:03d}_{c:04d}.nii.gz" for n in (1, 2, 3) for c in (0, 1)],
        *[f"labelsTr/BRATS_{n:03d}.nii.gz" for n in (1, 2, 3)],
    )
    make(
        home,
        *[f"imagesTs/BRATS_{n:03d}_{c:04d}.nii.gz" for n in (7, 8) for c in (0, 1)],
        "labelsTs/BRATS_007.nii.gz",
        "imagesTr/BRATS_004_0000.nii.gz",
        "labelsTr/BRATS_004.nii.gz",
    )
    (home / "dataset.json").write_text(
        '{"channel_names": {"0": "FLAIR", "1": "T1"}, "labels": {"background": 0, "whole": [1, 2], "core": 2}, '
        '"numTraining": 3, "file_ending": ".nii.gz"}'
    )
    found = scan(tmp_path)
    all_accounted(found)
    assert (found.layout, len(found.cases)) == ("nnunet", 4)
    assert all([source.path.name[-11:-7] for source in case.images] == ["0000", "0001"] for case in found.cases)
    assert found.class_names == {2: "core"}
    assert "channel-missing" in codes(found)
    assert [case.split for case in found.cases].count("test") == 1


def test_totalsegmentator(tmp_path: Path) -> None:
    for case in ("s0011", "s0058", "s0223"):
        make(
            tmp_path,
            f"{case}/ct.nii.gz",
            *[f"{case}/segmentations/{organ}.nii.gz" for organ in ("liver", "spleen", "kidney_left", "kidney_right")],
        )
    make(tmp_path, "meta.csv")
    found = scan(tmp_path)
    all_accounted(found)
    assert (found.layout, found.unit, len(found.cases)) == ("class-per-file", "patient", 3)
    assert found.class_names == {1: "kidney_left", 2: "kidney_right", 3: "liver", 4: "spleen"}
    assert [source.label for source in found.cases[0].masks] == [1, 2, 3, 4]


def test_brats_channels(tmp_path: Path) -> None:
    for p in (1, 2, 3):
        i = f"BraTS20_Training_{p:03d}"
        make(tmp_path, *[f"MICCAI_BraTS2020_TrainingData/{i}/{i}_{m}.nii" for m in ("flair", "t1", "t1ce", "t2", "seg")])
    found = scan(tmp_path)
    all_accounted(found)
    assert len(found.cases) == 3 and all(len(case.images) == 4 and len(case.masks) == 1 for case in found.cases)
    assert all(len({source.path.parent for source in (*case.images, *case.masks)}) == 1 for case in found.cases)


def test_lits_prefixes(tmp_path: Path) -> None:
    make(tmp_path, *[f"{k}-{n}.nii" for n in range(12) for k in ("volume", "segmentation")])
    found = scan(tmp_path)
    assert by_name(found)["volume-10.nii"].masks[0].path.name == "segmentation-10.nii"


def test_segthor_nameless_mask(tmp_path: Path) -> None:
    make(tmp_path, *[f"train/Patient_{n:02d}/{k}.nii.gz" for n in (1, 2, 3) for k in (f"Patient_{n:02d}", "GT")])
    found = scan(tmp_path)
    assert {case.patient for case in found.cases} == {"patient01", "patient02", "patient03"}
    assert all(Path(image).parent == Path(masks[0]).parent for image, masks in pairs(found).items())


def test_camus_sequences(tmp_path: Path) -> None:
    for p in (1, 2, 3):
        home = f"training/patient{p:04d}"
        make(tmp_path, f"{home}/Info_2CH.cfg", f"{home}/patient{p:04d}_2CH_sequence.nii.gz")
        make(
            tmp_path,
            *[f"{home}/patient{p:04d}_{v}_{t}{m}.nii.gz" for v in ("2CH", "4CH") for t in ("ED", "ES") for m in ("", "_gt")],
        )
    found = scan(tmp_path)
    all_accounted(found)
    assert (found.unit, len(found.cases), len({case.patient for case in found.cases})) == ("patient", 12, 3)
    assert list(found.explained.values()).count("time-series") == 3
