"""More than one folder of images or of masks."""

from __future__ import annotations

from pathlib import Path

from tests.layouts.trees import all_accounted, codes, make

from delineate.layouts import scan


def test_one_mask_folder_for_several_image_folders(tmp_path: Path) -> None:
    """HAM10000: images in two parts, all masks together."""
    make(tmp_path, *[f"HAM10000_images_part_{1 + n % 2}/ISIC_{n:07d}.jpg" for n in range(10)])
    make(tmp_path, *[f"HAM10000_segmentations_lesion_tschandl/ISIC_{n:07d}_segmentation.png" for n in range(11)])
    make(tmp_path, "HAM10000_metadata.csv")
    found = scan(tmp_path)
    all_accounted(found)
    assert (found.layout, found.unit, len(found.cases)) == ("paired-folders", "image", 10)
    assert [finding.path.name for finding in found.findings if finding.code == "mask-without-image" and finding.path] == [
        "ISIC_0000010_segmentation.png"
    ]


def test_sides_beside_other_organs_are_classes(tmp_path: Path) -> None:
    """JSRT's outlines: a folder per organ."""
    organs = ("left lung", "right lung", "heart")
    make(tmp_path, *[f"images/JPCLN{n:03d}.png" for n in range(1, 5)])
    make(tmp_path, *[f"masks/{organ}/JPCLN{n:03d}.gif" for n in range(1, 5) for organ in organs])
    found = scan(tmp_path)
    all_accounted(found)
    assert found.class_names == {1: "heart", 2: "left_lung", 3: "right_lung"}
    assert all([source.label for source in sorted(case.masks, key=lambda s: s.label or 0)] == [1, 2, 3] for case in found.cases)
    for path in (tmp_path / "masks/heart").iterdir():
        path.unlink()
    both = scan(tmp_path)
    assert not both.class_names and all(len(case.masks) == 2 for case in both.cases)
    assert "ambiguous-pair" not in codes(both)
