"""A data set written anew means the same: overlapping classes, channels in files of their own, pages, volumes, series."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import nibabel as nib
import numpy as np
import pydicom
import pytest
import tifffile
from PIL import Image
from tests.formats.dicom_objects import make_slice

from delineate.dataset import load_image, load_mask
from delineate.domain import IGNORE, Case, LabelSet, Source
from delineate.editing.document import Document
from delineate.editing.reviewed import save_reviewed
from delineate.errors import DelineateError, ResourceError
from delineate.recipe import MaskMeaning, MaskRule, Recipe, load
from delineate.workflows.corrected_data import Entry, Written, write_corrected_data
from delineate.workflows.corrected_masks import class_order, find_corrections
from delineate.workflows.examine import scan_folder
from delineate.workflows.options import DataOptions


def nothing(event: object) -> None:
    """Nobody listens."""


def png(path: Path, pixels: np.ndarray) -> Source:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels.astype(np.uint8)).save(path)
    return Source(path)


def read_back(made: Written) -> dict[str, tuple[Case, np.ndarray]]:
    meaning = load(MaskMeaning, made.meaning)
    found = scan_folder(made.folder, DataOptions(table=made.table), nothing)
    masks = {}
    for case in found.cases:
        geometry = load_image(case).geometry
        masks[case.id] = (case, load_mask(case, meaning.rule, meaning.labels, image_geometry=geometry).labels)
    return masks


def test_overlapping_classes_and_channels_in_files_of_their_own(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    images = tuple(png(tmp_path / "old" / f"a_{k}.png", rng.integers(0, 255, (12, 16))) for k in range(2))
    organ, lesion = np.zeros((12, 16)), np.zeros((12, 16))
    organ[2:10, 2:10], lesion[4:6, 4:12] = 255, 255
    masks = tuple(replace(png(tmp_path / "old" / f"m_{k}.png", one), label=k) for k, one in enumerate((organ, lesion), start=1))
    labels = LabelSet(kind="regions", names=("organ", "lesion of it"))
    case = Case("set/a.v2", images, masks, patient="P 1", volume="v", position=3)
    recipe = Recipe(labels=labels, masks=MaskRule(kind="files", cutoff=127))
    made = write_corrected_data(tmp_path / "new", [Entry(case)], recipe, tmp_path / "old", nothing)
    ((name, (read, mask)),) = read_back(made).items()
    assert (name, read.patient, read.volume, read.position) == ("set/a.v2", "P 1", "v", 3)
    assert np.array_equal(load_image(read).pixels, load_image(case).pixels) and len(read.images) == 2
    assert np.array_equal(mask, np.stack([organ, lesion]) > 0)
    assert read.images[0].path.stat().st_ino == images[0].path.stat().st_ino  # a link, not a copy


def test_pages_volumes_and_what_is_to_be_ignored(tmp_path: Path) -> None:
    stack = np.random.default_rng(1).integers(0, 4000, (3, 10, 10)).astype(np.uint16)
    tifffile.imwrite(tmp_path / "stack.tif", stack, photometric="minisblack")
    colours = np.zeros((10, 10), np.uint8)
    colours[0, 0], colours[5:, 5:], colours[1] = 9, 40, 80
    page = Case("stack/2", (Source(tmp_path / "stack.tif", index=2),), (png(tmp_path / "page.png", colours),), patient="A")
    voxels = np.zeros((6, 5, 4), np.uint8)
    voxels[2:4, 1:3, 1:3] = 80
    for file, values in (("ct.nii.gz", np.arange(120).reshape(6, 5, 4).astype(np.int16)), ("seg.nii.gz", voxels)):
        nib.save(nib.Nifti1Image(values, np.diag([-2.0, -2.0, 3.0, 1.0])), tmp_path / file)
    volume = Case("b", (Source(tmp_path / "ct.nii.gz"),), (Source(tmp_path / "seg.nii.gz"),), patient="B")
    recipe = Recipe(
        labels=LabelSet(kind="exclusive", names=("one", "two")),
        masks=MaskRule(kind="values", values={0: 0, 40: 1, 80: 2, 9: IGNORE}),
    )
    made = write_corrected_data(tmp_path / "new", [Entry(page), Entry(volume)], recipe, tmp_path, nothing)
    found = read_back(made)
    read, mask = found["stack/2"]
    assert read.images[0].index == 2 and np.array_equal(load_image(read).pixels[0], stack[2])
    assert (mask[0, 0], mask[7, 7], mask[1, 3], mask[3, 3]) == (IGNORE, 1, 2, 0)
    for case in (volume, page):
        before = load_mask(case, recipe.masks, recipe.labels, image_geometry=load_image(case).geometry).labels
        assert np.array_equal(found[case.id][1], before)


def test_a_series_with_a_corrected_mask(tmp_path: Path) -> None:
    folder = tmp_path / "scans" / "p1"
    folder.mkdir(parents=True)
    for number in range(4):
        make_slice(folder / f"{number}.dcm", np.full((6, 8), number, np.int16), (1, 2, 2.0 * number), InstanceNumber=number)
    uid = str(pydicom.dcmread(next(folder.iterdir())).SeriesInstanceUID)
    case = Case("p1", (Source(folder, item=uid),), patient="p1")
    document = Document(load_image(case), LabelSet())
    document.edited[0, 1, 2:5, 2:6] = 1
    save_reviewed(document, tmp_path / "reviewed", "R")
    (correction,), left = find_corrections([tmp_path / "reviewed"])
    assert not left
    made = write_corrected_data(tmp_path / "new", [Entry(case, correction)], Recipe(), tmp_path, nothing)
    read, mask = read_back(made)["p1"]
    assert read.images[0].path == tmp_path / "new" / "p1" and int(mask.sum()) == 12
    assert np.array_equal(mask, document.outward())


def test_what_cannot_be_written_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    image = png(tmp_path / "a.png", np.zeros((8, 8)))
    case = Case("a", (image,), (png(tmp_path / "m.png", np.zeros((8, 8))),))

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("delineate.workflows.corrected_data._link_file", full)
    with pytest.raises(ResourceError, match="No space left"):
        write_corrected_data(tmp_path / "new", [Entry(case)], Recipe(), tmp_path, nothing)
    assert not (tmp_path / "new").exists()


def test_a_case_that_became_unreadable_is_told(tmp_path: Path) -> None:
    good = Case("a", (png(tmp_path / "a.png", np.zeros((8, 8))),), (png(tmp_path / "m.png", np.eye(8) * 255),))
    gone = Case("b", (Source(tmp_path / "gone.png"),), good.masks)
    made = write_corrected_data(tmp_path / "new", [Entry(good), Entry(gone)], Recipe(), tmp_path, nothing)
    assert [(one.name, one.code) for one in made.failed] == [("b", "unreadable")] and list(read_back(made)) == ["a"]


def test_classes_go_by_their_names() -> None:
    ours = LabelSet(kind="exclusive", names=("liver", "tumour"))
    assert class_order(LabelSet(kind="exclusive", names=("tumour", "liver")), ours) == [2, 1]
    assert class_order(LabelSet(names=("anything",)), LabelSet(names=("lung",))) == [1]
    with pytest.raises(ValueError, match="classes"):
        class_order(LabelSet(names=("liver",)), ours)
    assert issubclass(ResourceError, DelineateError)
