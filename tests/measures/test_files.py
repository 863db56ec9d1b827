"""Masks in files: what is read as what, which image belongs to which mask, and what is said of everything else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
from PIL import Image as Picture

from delineate.errors import DataError, DelineateError, UsageError
from delineate.measures import Names, gather, open_mask


def nifti(path: Path, values: Any, step: Any = (1.0, 1.0, 1.0)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    nibabel.save(nibabel.Nifti1Image(np.asarray(values).T, np.diag([*step, 1.0])), path)
    return path


def png(path: Path, values: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Picture.fromarray(np.asarray(values, np.uint8)).save(path)
    return path


def block(value: float = 1, dtype: Any = np.uint8) -> Any:
    made = np.zeros((6, 8, 10), dtype)
    made[2:4, 2:5, 3:8] = value
    return made


def counts(path: Path, names: Names | None = None, threshold: float | None = None) -> dict[str, int]:
    return {name: int(mask.sum()) for _, name, mask in open_mask(path, names or Names({}), threshold).classes()}


def test_values_are_classes(tmp_path: Path) -> None:
    mask = block()
    mask[5, 0, 0] = 7
    path = nifti(tmp_path / "m.nii.gz", mask)
    assert counts(path) == {"label_1": 30, "label_7": 1}
    assert counts(path, Names({7: "tumour"})) == {"label_1": 30, "tumour": 1}
    with pytest.raises(UsageError, match="holds the values 1, 7"):
        counts(path, Names({}, ("a", "b")))


def test_black_and_white_is_one_class(tmp_path: Path) -> None:
    path = png(tmp_path / "m.png", block(255)[2])
    assert counts(path) == {"foreground": 15}
    assert counts(path, Names({}, ("lungs",))) == {"lungs": 15}


def test_grey_edges_are_no_classes(tmp_path: Path) -> None:
    grey = np.zeros((40, 40), np.uint8)
    grey[10:30, 10:30] = 255
    grey[10, 10:30] = np.arange(20, 240, 11)
    path = png(tmp_path / "m.png", grey)
    with pytest.raises(DataError, match="--threshold"):
        counts(path)
    assert counts(path, threshold=128) == {"foreground": 380 + 10}


def test_colours_are_classes(tmp_path: Path) -> None:
    colours = np.zeros((6, 8, 3), np.uint8)
    colours[0, :3] = (255, 0, 0)
    colours[1, :2] = (0, 0, 255)
    assert counts(png(tmp_path / "m.png", colours)) == {"#0000ff": 2, "#ff0000": 3}


def test_whole_numbers_stored_as_floats_are_labels(tmp_path: Path) -> None:
    assert counts(nifti(tmp_path / "m.nii.gz", block(2.0, np.float32))) == {"foreground": 30}


@pytest.mark.parametrize(
    ("values", "code"),
    [
        (block(0.7, np.float32), "mask-not-integer"),
        (block(np.nan, np.float32), "mask-not-integer"),
        (block(-3, np.int16), "mask-negative"),
        (np.arange(6 * 8 * 40, dtype=np.int16).reshape(6, 8, 40), "mask-too-many-values"),
    ],
)
def test_what_is_no_mask_is_refused_with_the_reason(tmp_path: Path, values: Any, code: str) -> None:
    with pytest.raises(DataError) as caught:
        counts(nifti(tmp_path / "m.nii.gz", values))
    assert caught.value.code == code
    assert "m.nii.gz" in str(caught.value)


def test_threshold_reads_probabilities(tmp_path: Path) -> None:
    assert counts(nifti(tmp_path / "m.nii.gz", block(0.7, np.float32)), threshold=0.5) == {"foreground": 30}
    assert counts(nifti(tmp_path / "m.nii.gz", block(0.7, np.float32)), threshold=0.8) == {}


def test_images_are_found_by_name_and_all_files_explained(tmp_path: Path) -> None:
    for name in ("a/scan_1", "b/scan_1", "scan_2"):
        nifti(tmp_path / f"images/{name}.nii.gz", block())
        nifti(tmp_path / f"masks/{name}_mask.nii.gz", block())
    nifti(tmp_path / "images/lonely.nii.gz", block())
    (tmp_path / "masks/notes.txt").write_text("x")
    (tmp_path / "masks/broken.nii.gz").write_bytes(b"\x1f\x8b broken")
    found = gather(tmp_path / "masks", tmp_path / "images")
    pairs = {job.case: job.image and str(job.image.path.relative_to(tmp_path / "images")) for job in found.jobs}
    assert {case: pairs[case] for case in ("a/scan_1_mask", "b/scan_1_mask", "scan_2_mask")} == {
        "a/scan_1_mask": "a/scan_1.nii.gz",
        "b/scan_1_mask": "b/scan_1.nii.gz",
        "scan_2_mask": "scan_2.nii.gz",
    }
    left = {one.path.name: one.key for one in found.left_out}
    assert left["lonely.nii.gz"] == "measure.image-without-mask"
    assert left["notes.txt"] == "measure.not-an-image"
    assert "broken.nii.gz" in left or "broken" in pairs, "a damaged file is told of, here or when it is read"


def test_masks_beside_their_images(tmp_path: Path) -> None:
    png(tmp_path / "x.png", block(9)[2])
    png(tmp_path / "x_mask.png", block(255)[2])
    found = gather(tmp_path)
    assert [(job.masks[0].name, job.image and job.image.path.name) for job in found.jobs] == [("x_mask.png", "x.png")]


def test_one_image_serves_all_masks(tmp_path: Path) -> None:
    image = nifti(tmp_path / "ct.nii.gz", block())
    for name in ("liver", "spleen"):
        nifti(tmp_path / f"organs/{name}.nii.gz", block())
    assert [job.image and job.image.path for job in gather(tmp_path / "organs", image).jobs] == [image, image]


@pytest.mark.parametrize("what", ["missing", "empty"])
def test_nothing_to_measure(tmp_path: Path, what: str) -> None:
    if what == "empty":
        (tmp_path / "empty").mkdir()
    with pytest.raises(DelineateError) as caught:
        gather(tmp_path / what)
    assert caught.value.code == ("measure-path-missing" if what == "missing" else "nothing-to-measure")
