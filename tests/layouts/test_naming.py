"""The ways in which people name folders, images and masks that belong together."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.layouts.trees import all_accounted, make, pairs

from delineate.layouts import scan


@pytest.mark.parametrize(
    ("images", "masks"),
    [
        ("images", "masks"),
        ("image", "label"),
        ("imgs", "masks"),
        ("img", "gt"),
        ("scans", "annotations"),
        ("2d_images", "2d_masks"),
        ("JPEGImages", "SegmentationClass"),
        ("Original", "Ground Truth"),
        ("images", "ground_truth"),
        ("input", "labels"),
        ("CXR", "segmentations"),
        ("train", "train_labels"),
        ("x_ray", "lung mask"),
    ],
)
def test_paired_folder_words(tmp_path: Path, images: str, masks: str) -> None:
    make(tmp_path, *[f"{folder}/ID_{n:04d}_Z_0142_AGE_0060_CONTRAST_1_CT.tif" for folder in (images, masks) for n in range(5)])
    found = scan(tmp_path)
    all_accounted(found)
    assert (found.layout, len(found.cases)) == ("paired-folders", 5)
    assert all(
        image == f"{images}/{Path(masks_[0]).name}" and masks_[0].startswith(f"{masks}/") for image, masks_ in pairs(found).items()
    )
    assert found.unit == "image"  # every id once: nothing says that ids are patients


@pytest.mark.parametrize(
    ("image", "mask"),
    [
        ("IMG_{}", "MASK_{}"),
        ("x{}", "x{}_mask"),
        ("{}", "mask_{}"),
        ("case{}_ct", "case{}_seg"),
        ("scan-{}", "scan-{}-lungs"),
        ("{}_training", "{}_manual"),
        ("a{}", "a{}_segmentation"),
    ],
)
@pytest.mark.parametrize("together", [False, True])
def test_name_rules(tmp_path: Path, image: str, mask: str, together: bool) -> None:
    """Order never decides: numbers are not padded, and every mask shares its image's number."""
    if together and mask.endswith("_manual"):
        pytest.skip("side by side only with a word or an ending that the image's name is a part of")
    numbers = ("1", "2", "10", "21", "100")
    homes = ("", "") if together else ("images/", "masks/")
    make(tmp_path, *[homes[0] + image.format(n) + ".jpg" for n in numbers], *[homes[1] + mask.format(n) + ".png" for n in numbers])
    found = scan(tmp_path)
    all_accounted(found)
    assert pairs(found) == {homes[0] + image.format(n) + ".jpg": [homes[1] + mask.format(n) + ".png"] for n in numbers}
