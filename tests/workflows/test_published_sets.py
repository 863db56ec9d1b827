"""Data sets as they really lie on disk: recognised, trained on, predicted in the images' own form, scored and reported."""

from __future__ import annotations

import csv
import math
import shutil
from pathlib import Path

import numpy as np
import pytest
from tests.layouts.trees import all_accounted
from tests.workflows import published_oddities, published_sets, published_volumes
from tests.workflows.made_up import SETS

import delineate as dl
from delineate.dataset import infer_mask_rule, load_image, load_mask
from delineate.domain import Case, Scan
from delineate.events import Event, Note, discard
from delineate.formats import read_image, read_labels
from delineate.inference import ModelFile
from delineate.layouts import scan
from delineate.workflows.examine import examine
from delineate.workflows.options import DataOptions, RunOptions, SplitOptions
from delineate.workflows.running import RunResult, run

_ = (published_oddities, published_sets, published_volumes)  # imported for what they register
SETTINGS = {"network.options.widths": [4, 8, 16], "training.precision": "fp32", "training.threads": 1, "training.device": "cpu"}


#: One of each kind does the whole job every time; the others are recognised every time and do it with the slow tests.
EACH_KIND = ("acdc", "busi", "dicom_with_nifti_mask", "isbi_stacks", "isic2018", "mixed_modes", "nnunet_raw", "pannuke")


@pytest.mark.parametrize("name", SETS)
def test_recognised(name: str, tmp_path: Path) -> None:
    """What a folder is taken for is what it is, every file is accounted for, and no finding speaks of trouble that is not there."""
    made = SETS[name]
    data = made.make(tmp_path)
    seen = examine(data, DataOptions(), SplitOptions(), seed=0, on_event=discard)
    all_accounted(seen.scan)
    assert (seen.scan.layout, seen.scan.unit) == (made.layout, made.unit)
    assert (len(seen.scan.cases), len(seen.usable), seen.persons) == (made.cases, made.cases, made.persons)
    assert (seen.rule.kind, seen.labels.names) == (made.rule, made.classes)
    loud = {finding.code for finding in seen.findings if finding.severity != "info"}
    assert {code for code in loud if not code.startswith("too-few-")} == made.warnings
    assert seen.splits is not None


@pytest.mark.parametrize("name", [pytest.param(name, marks=() if name in EACH_KIND else pytest.mark.slow) for name in SETS])
def test_the_whole_job(name: str, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    data = SETS[name].make(tmp_path / "data")
    notes: list[Event] = []
    options = RunOptions(data=data, epochs=1, size=(32, 32), augmentation="none", settings=dict(SETTINGS))
    result = run(out=tmp_path / "run", options=options, on_event=notes.append)
    assert [note for note in notes if isinstance(note, Note) and note.level == "warning"] == []
    assert result.report is not None and result.report.stat().st_size > 10_000
    found = scan(data)
    predicted_in_their_own_form(result, found, tmp_path / "masks")
    scored_on_the_folder(result, found, data, tmp_path / "again")


def predicted_in_their_own_form(result: RunResult, found: Scan, out: Path) -> None:
    """A mask for every image of every kind of file there is, in its shape, format and geometry."""
    cases = {(case.path.suffix, read_image(case.path, item=case.images[0].item).geometry.shape): case for case in found.cases}
    for number, case in enumerate(list(cases.values())[:4]):
        rows = dl.predict(result.model, [source.path for source in case.images], out=out / str(number)).rows
        rows = [row for row in rows if row.status != "skipped"]
        assert [row.status for row in rows] == ["done"], [row.sentence("en") for row in rows]
        image = read_image(case.path, item=case.images[0].item)
        mask = read_labels(rows[0].outputs[0])
        assert mask.geometry.shape == image.geometry.shape
        assert mask.geometry.same_grid(image.geometry)
        assert suffix_expected(case) == rows[0].outputs[0].name[rows[0].outputs[0].name.index("_mask") + 5 :]
        assert (mask.geometry.affine is None) == (image.geometry.affine is None)


def suffix_expected(case: Case) -> str:
    suffix = ".nii.gz" if case.path.is_dir() or case.path.name.endswith(".nii.gz") else case.path.suffix
    return {".jpg": ".png", ".bmp": ".png", ".mhd": ".mha"}.get(suffix, suffix)


def scored_on_the_folder(result: RunResult, found: Scan, data: Path, out: Path) -> None:
    scored = dl.evaluate(result.model, data, out=out)
    groups = {case.group for case in found.cases}
    persons = {case.person for case in found.cases}
    assert scored.summary["test"]["n"] in (len(groups), len(persons))
    assert math.isfinite(scored.summary["test"]["dice"]["mean"])


@pytest.fixture(scope="module")
def organs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, RunResult]:
    home = tmp_path_factory.mktemp("organs")
    data = SETS["totalsegmentator"].make(home)
    options = RunOptions(data=data, epochs=1, size=(32, 32), augmentation="none", settings=dict(SETTINGS))
    return data, run(out=home / "run", options=options)


def test_classes_are_known_by_name(organs: tuple[Path, RunResult], tmp_path: Path) -> None:
    """Another folder of organs, one of them missing: the others keep their meaning, and what is missing is said."""
    data, result = organs
    other = tmp_path / "other"
    shutil.copytree(data, other)
    for path in other.rglob("kidney_left.nii.gz"):
        path.unlink()
    notes: list[Event] = []
    dl.evaluate(result.model, data, out=tmp_path / "a")
    dl.evaluate(result.model, other, out=tmp_path / "b", on_event=notes.append)
    assert ModelFile.open(result.model).record.labels.names == ("kidney_left", "kidney_right", "liver")
    whole, part = (rows(tmp_path / folder / "cases.csv") for folder in ("a", "b"))
    assert all(whole[key] == part[key] for key in whole if key[1] != "kidney_left")
    assert all(part[key] == 0 for key in part if key[1] == "kidney_left")
    assert any(isinstance(note, Note) and note.code == "classes-not-in-data" for note in notes)


def rows(path: Path) -> dict[tuple[str, str], int]:
    with path.open(encoding="utf-8", newline="") as file:
        return {(row["group"].split("/")[-2], row["class"]): int(row["truth_px"]) for row in csv.DictReader(file)}


def test_the_turned_mask_is_the_truth_that_was_drawn(tmp_path: Path) -> None:
    """The DICOM series and the converter's NIfTI store rows in opposite directions; the truth lies where the image is bright."""
    data = SETS["dicom_with_nifti_mask"].make(tmp_path)
    found = scan(data)
    rule, labels, _ = infer_mask_rule(found)
    for case in found.cases:
        image = load_image(case)
        inside = load_mask(case, rule, labels, image_geometry=image.geometry).labels == 1
        assert np.mean(image.pixels[0][inside]) > np.mean(image.pixels[0][~inside]) + 200
