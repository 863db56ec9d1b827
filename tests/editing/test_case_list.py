"""The list of cases: what is in it, worst first, what was reviewed."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from delineate.editing.case_list import ListedCase, list_cases, matching, neighbours, sort_cases, with_reviewed
from delineate.editing.document import open_document
from delineate.editing.reviewed import save_reviewed
from delineate.editing.thumbnails import thumbnail
from delineate.errors import UsageError
from delineate.recipe import save_json
from delineate.synthetic import make_dataset


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_dataset(tmp_path_factory.mktemp("cases") / "data", patients=3, slices=2, size=64, seed=3)


def write_csv(path: Path, rows: list[dict[str, object]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def test_a_data_set_without_its_masks(data: Path) -> None:
    cases = list_cases(data)
    assert [case.name for case in cases][:3] == [
        "patient_001/patient_001_1",
        "patient_001/patient_001_2",
        "patient_002/patient_002_1",
    ]
    assert len(cases) == 6 and {case.patient for case in cases} == {"patient001", "patient002", "patient003"}
    assert cases[0].masks == (data / "patient_001" / "patient_001_1_mask.tif",) and cases[0].dice is None


def test_a_run_gives_dice_and_the_test_part_goes_before(data: Path, tmp_path: Path) -> None:
    save_json(tmp_path / "options.json", {"data": str(data), "reading": {"layout": None}})
    rows = [
        {"part": part, "group": group, "class": name, "dice": dice}
        for part, group, name, dice in (
            ("test", "patient_001/patient_001_1", "a", 0.9),
            ("test", "patient_001/patient_001_1", "b", 0.7),
            ("test", "patient_001/patient_001_2", "a", 0.2),
            ("validation", "patient_001/patient_001_2", "a", 0.99),
            ("validation", "patient_002/patient_002_1", "a", ""),
        )
    ]
    write_csv(tmp_path / "cases.csv", rows)
    found = {case.name.rpartition("/")[2]: (case.dice, case.part) for case in list_cases(tmp_path)}
    assert found["patient_001_1"] == (pytest.approx(0.8), "test")
    assert found["patient_001_2"] == (0.2, "test")
    assert found["patient_002_1"] == (None, "validation") and found["patient_003_1"] == (None, "")


def test_what_predict_wrote(tmp_path: Path) -> None:
    row: dict[str, object] = {"status": "done", "code": "", "output": "m.png", "needs_review": "no", "review_reason": ""}
    rows = [
        {"input": "/x/s10.png", **row, "predicted_dice": "0.91"},
        {"input": "/x/s2.png", **row, "needs_review": "yes", "review_reason": "Low.", "predicted_dice": "0.5"},
        {"input": "/x/bad.png", **row, "status": "failed", "predicted_dice": ""},
        {"input": "/x/mask.png", **row, "status": "skipped", "code": "looks-like-mask", "predicted_dice": ""},
    ]
    write_csv(tmp_path / "predictions.csv", rows)
    cases = list_cases(tmp_path)
    assert [(case.name, case.needs_review, case.predicted_dice) for case in cases] == [
        ("s2.png", True, 0.5),
        ("s10.png", False, 0.91),
    ]
    assert cases[0].review == "Low." and cases[0].masks == (Path("m.png"),)


def test_a_folder_of_images_and_an_empty_one(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no image"):
        list_cases(tmp_path)
    for name in ("b.png", "a10.png", "a9.png", ".hidden.png"):
        Image.fromarray(np.zeros((4, 4), np.uint8)).save(tmp_path / name)
    assert [case.name for case in list_cases(tmp_path)] == ["a9.png", "a10.png", "b.png"]


def test_orders_and_filter() -> None:
    good, bad, unknown, seen = (
        ListedCase(Path("g"), "case 10", "Ann", dice=0.9),
        ListedCase(Path("b"), "case 9", "Bob", dice=0.1),
        ListedCase(Path("u"), "case 1", "Ann", needs_review=True),
        ListedCase(Path("s"), "case 2", "Cid", needs_review=True, reviewed=True),
    )
    cases = [good, bad, unknown, seen]
    assert sort_cases(cases, "worst") == [bad, good, unknown, seen]
    assert sort_cases(cases, "name") == [unknown, seen, bad, good]
    assert sort_cases(cases, "review")[0] == unknown and sort_cases(cases, "review")[-1] == seen
    assert sort_cases(cases, "patient")[:2] == [unknown, good]
    assert matching(cases, "ANN 10") == [good] and matching(cases, "") == cases and matching(cases, "nobody") == []
    assert neighbours(cases, Path("b"), 1) == unknown and neighbours(cases, Path("g"), -1) is None
    assert neighbours(cases, Path("elsewhere"), 1) == good


def test_a_review_is_seen(data: Path, tmp_path: Path) -> None:
    cases = list_cases(data)
    assert not any(case.reviewed for case in cases)
    save_reviewed(open_document(cases[1].path), cases[1].path.parent / "reviewed", "R")
    assert [case.reviewed for case in with_reviewed(cases)] == [False, True, False, False, False, False]
    elsewhere = replace(cases[1], path=tmp_path / cases[1].path.name)
    assert [case.reviewed for case in with_reviewed([elsewhere])] == [False]


def test_thumbnails(data: Path, tmp_path: Path) -> None:
    picture = thumbnail(list_cases(data)[0].path, 32)
    assert picture is not None and picture.shape == (32, 32, 3) and picture.dtype == np.uint8
    assert picture.min() == 0 and picture.max() == 255
    colours = np.zeros((20, 40, 3), np.uint8)
    colours[..., 0] = 200
    Image.fromarray(colours).save(tmp_path / "wide.png")
    wide = thumbnail(tmp_path / "wide.png", 32)
    assert wide is not None and wide.shape == (16, 32, 3) and wide[8, 16].tolist() == [200, 0, 0]
    (tmp_path / "bad.png").write_bytes(b"no picture")
    assert thumbnail(tmp_path / "bad.png") is None
