"""``measure`` and ``surface`` as a person uses them: command, Python, files that come out."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import nibabel
import numpy as np
import pytest
from PIL import Image as Picture

import delineate
from delineate.cli.main import main
from delineate.errors import DataError
from delineate.measures import COLUMNS


@pytest.fixture
def case(tmp_path: Path) -> Path:
    """A mask of two blobs and its image of one value, 2 x 1 x 1 mm."""
    mask = np.zeros((10, 12, 14), np.uint8)
    mask[2:5, 2:6, 2:7] = 1
    mask[7:9, 8:10, 9:12] = 1
    affine = np.diag([-1.0, -1.0, 2.0, 1.0])
    nibabel.save(nibabel.Nifti1Image(mask.T, affine), tmp_path / "m.nii.gz")
    nibabel.save(nibabel.Nifti1Image(np.where(mask, 55, 0).astype(np.int16).T, affine), tmp_path / "ct.nii.gz")
    return tmp_path


def rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "measures.csv").open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_command(case: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = [str(case / "m.nii.gz"), "--images", str(case / "ct.nii.gz"), "--out", str(case / "out")]
    assert main(["measure", *files, "--modality", "CT", "--classes", "liver", "-q"]) == 0
    assert "liver" in capsys.readouterr().out
    every, large, small = rows(case / "out")
    assert list(every) == list(COLUMNS)
    assert [row["part"] for row in (every, large, small)] == ["all", "component", "component"]
    assert float(every["volume_ml"]) == pytest.approx((60 + 12) * 2 / 1000)
    assert float(large["volume_ml"]) == pytest.approx(0.12)
    assert every["components"] == "2"
    assert every["longest_diameter_mm"] == "", "a diameter is of one thing"
    areas = [float(row["surface_area_mm2"]) for row in (every, large, small)]
    assert areas[0] == pytest.approx(areas[1] + areas[2], rel=1e-5)
    assert every["hu_mean"] == "55.0"
    assert every["intensity_mean"] == ""
    record = json.loads((case / "out/measures.json").read_text(encoding="utf-8"))
    assert record["cases"][0]["connectivity"] == 26
    assert record["cases"][0]["spacing_mm"] == [2, 1, 1]
    assert np.shape(record["cases"][0]["regions"][1]["longest_diameter_ends_mm_ras"]) == (2, 3)


def test_python_writes_nothing_unless_asked(case: Path) -> None:
    before = sorted(case.iterdir())
    found = delineate.measure(case / "m.nii.gz")
    assert found.rows[0]["voxel_count"] == 72
    assert found.table is None
    assert sorted(case.iterdir()) == before


@pytest.mark.parametrize("language", ["en", "zh"])
def test_another_grid_is_refused(case: Path, capsys: pytest.CaptureFixture[str], language: str) -> None:
    nibabel.save(nibabel.Nifti1Image(np.zeros((5, 5, 5), np.int16), np.eye(4)), case / "other.nii.gz")
    arguments = [
        "measure",
        str(case / "m.nii.gz"),
        "--images",
        str(case / "other.nii.gz"),
        "--out",
        str(case / "o"),
        "--lang",
        language,
    ]
    assert main(arguments) == DataError.exit_code
    told = capsys.readouterr().err
    assert "10×12×14" in told
    assert "5×5×5" in told


def test_millimetres_asked_and_not_known(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Picture.fromarray(np.full((9, 9), 255, np.uint8)).save(tmp_path / "m.png")
    assert main(["measure", str(tmp_path / "m.png"), "--mm", "--out", str(tmp_path / "o")]) == DataError.exit_code
    assert "--spacing" in capsys.readouterr().err
    assert main(["measure", str(tmp_path / "m.png"), "--spacing", "0.5", "--mm", "--out", str(tmp_path / "o"), "-q"]) == 0
    assert float(rows(tmp_path / "o")[0]["area_mm2"]) == pytest.approx(81 / 4)
    assert main(["measure", str(tmp_path / "m.png"), "--spacing", "wide", "--out", str(tmp_path / "o")]) == 2


def test_one_bad_mask_does_not_end_the_rest(case: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = case / "masks"
    folder.mkdir()
    (case / "m.nii.gz").rename(folder / "good.nii.gz")
    nibabel.save(nibabel.Nifti1Image(np.full((4, 4, 4), 0.3, np.float32), np.eye(4)), folder / "soft.nii.gz")
    assert main(["measure", str(folder), "--out", str(case / "out"), "-q"]) == DataError.exit_code
    assert "soft.nii.gz" in capsys.readouterr().out
    assert {row["case"] for row in rows(case / "out")} == {"good"}
    left = json.loads((case / "out/measures.json").read_text(encoding="utf-8"))["left_out"]
    assert [(Path(one["path"]).name, one["reason"]) for one in left] == [("soft.nii.gz", "error.mask-not-integer")]


def test_an_empty_class_is_a_result(case: Path) -> None:
    nibabel.save(nibabel.Nifti1Image(np.zeros((4, 4, 4), np.uint8), np.eye(4)), case / "none.nii.gz")
    row = delineate.measure(case / "none.nii.gz", classes="tumour").rows[0]
    assert (row["class"], row["voxel_count"], row["volume_ml"]) == ("tumour", 0, 0)


def test_predict_measures_what_it_wrote(tmp_path: Path) -> None:
    from delineate.synthetic import make_dataset

    make_dataset(tmp_path / "data", patients=1, slices=1, size=96)
    image = next(
        path for path in sorted((tmp_path / "data").rglob("*")) if path.suffix in (".tif", ".png") and "mask" not in str(path)
    )
    found = delineate.predict("demo", image, out=tmp_path / "out", measure=True, overlay=True, probabilities=True, uncertainty=True)
    assert found.measures is not None
    row = found.measures.rows[0]
    predicted = found.rows[0]
    assert {one["class"]: one.get("voxel_count") for one in found.measures.rows if one["part"] == "all"} == dict(predicted.areas)
    assert row["image"] == image
    assert "intensity_mean" in row or not row["voxel_count"]
    assert (tmp_path / "out/measures.csv").is_file()
    again = delineate.measure(tmp_path / "out")
    assert again.rows == found.measures.rows


def test_surface_command(case: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for suffix in ("stl", "ply", "glb", "html"):
        assert main(["surface", str(case / "m.nii.gz"), "--out", str(case / f"s.{suffix}"), "-q"]) == 0
        assert (case / f"s.{suffix}").stat().st_size > 500
    assert "watertight" in capsys.readouterr().out
    assert main(["surface", str(case / "m.nii.gz"), "--out", str(case / "s.obj")]) == 2
    assert main(["surface", str(case / "m.nii.gz"), "--class", "liver", "--out", str(case / "s.stl")]) == 2
    assert "foreground (1)" in capsys.readouterr().err
