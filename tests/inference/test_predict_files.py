"""Files in, masks out: names, formats, reasons, and a job that nothing stops."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from delineate.domain import Geometry, LabelSet
from delineate.errors import DelineateError, ModelFileError, ResourceError, UsageError
from delineate.events import Event, Progress
from delineate.formats import read_image, read_labels, write_labels
from delineate.inference import ModelFile, Predictor, predict_paths
from delineate.inference.rows import PredictionRow
from delineate.preprocessing import measure
from delineate.recipe import Clean, Normalisation, Preprocessing

from .conftest import RAW, MakeModel


def save(path: Path, pixels: Any, affine: Any = None) -> Path:
    pixels = np.asarray(pixels)
    return write_labels(path, pixels, Geometry(pixels.shape, (2.0, 1.0, 0.5) if pixels.ndim == 3 else None, affine))


def square(shape: tuple[int, int] = (37, 29), value: int = 200) -> np.ndarray[Any, Any]:
    picture = np.zeros(shape, np.uint16)
    picture[5:20, 8:21] = value
    return picture


@pytest.fixture
def predictor(identity: ModelFile) -> Predictor:
    return Predictor(identity, engine="onnxruntime")


def by_name(rows: list[PredictionRow]) -> dict[str, PredictionRow]:
    return {row.input.name: row for row in rows}


def test_a_folder_becomes_masks_in_its_own_structure_formats_and_sizes(predictor: Predictor, tmp_path: Path) -> None:
    data = tmp_path / "in put ü"
    save(data / "a" / "one.png", square())
    save(data / "a" / "two.tif", square((517, 389), 1000))
    affine = np.array([[0, 0, -0.5, 4], [0, 1.0, 0, 5], [2.0, 0, 0, 6], [0, 0, 0, 1]])
    save(data / "b" / "scan.nii.gz", np.stack([square().astype(np.uint8)] * 4), affine)
    np.save(data / "b" / "plane.npy", square())
    rows = by_name(predict_paths(predictor, [data], tmp_path / "out"))
    assert {row.status for row in rows.values()} == {"done"}
    for name, mask in (("a/one.png", "a/one_mask.png"), ("a/two.tif", "a/two_mask.tif"), ("b/plane.npy", "b/plane_mask.npy")):
        source, written = read_image(data / name), read_labels(tmp_path / "out" / mask)
        assert written.values is not None
        assert written.values.shape == source.geometry.shape
        top = 1 if mask.endswith("npy") else 255
        np.testing.assert_array_equal(written.values, np.where(source.pixels[0] > 0, top, 0))
    source, written = read_image(data / "b" / "scan.nii.gz"), read_labels(tmp_path / "out" / "b" / "scan_mask.nii.gz")
    assert written.geometry.same_grid(source.geometry)
    assert written.values is not None
    np.testing.assert_array_equal(written.values, source.pixels[0] > 0)
    scan = rows["scan.nii.gz"]
    assert (scan.width, scan.height, scan.slices) == (29, 37, 4)
    assert scan.areas == {"foreground": 4 * 195}
    assert scan.volumes["foreground"] == pytest.approx(4 * 195 * 1.0 / 1000)
    assert rows["one.png"].volumes == {}
    with (tmp_path / "out" / "predictions.csv").open(encoding="utf-8", newline="") as file:
        table = list(csv.DictReader(file))
    assert [line["status"] for line in table] == ["done"] * 4
    assert table[0]["area_px_foreground"] == "195"
    assert table[0]["engine"] == "onnxruntime"


def test_one_bad_file_never_ends_the_job_and_each_has_its_reason(predictor: Predictor, tmp_path: Path) -> None:
    data = tmp_path / "in"
    save(data / "good.png", square())
    save(data / "good_mask.png", square())
    (data / "broken.png").write_bytes((data / "good.png").read_bytes()[:60])
    (data / "empty.png").touch()
    (data / "readme.txt").write_text("hello")
    (data / "text.tif").write_text("not a picture")
    (data / ".hidden.png").write_bytes(b"x")
    np.save(data / "colour.npy", np.zeros((20, 20, 3), np.uint8))
    (data / "loop").symlink_to(data, target_is_directory=True)
    (data / "gone.png").symlink_to(data / "nowhere.png")
    (data / "self.png").symlink_to(data / "self.png")
    rows = by_name(predict_paths(predictor, [data], tmp_path / "out"))
    assert ".hidden.png" not in rows
    assert len(rows) == 9
    assert (rows["good.png"].status, rows["good_mask.png"].code, rows["readme.txt"].code) == (
        "done",
        "looks-like-mask",
        "not-an-image",
    )
    assert rows["text.tif"].status == "skipped"
    assert rows["broken.png"].status == "failed"
    assert rows["colour.npy"].code == "channels-mismatch"
    assert rows["gone.png"].status == "failed"
    for row in rows.values():
        for language in ("en", "zh"):
            said = row.sentence(language)
            assert (row.status == "done") == (said == "")
            assert not said.startswith(("skip.", "error.")), said
            assert "{" not in said, said


def test_masks_in_folders_of_their_own_are_not_taken_for_images(predictor: Predictor, tmp_path: Path) -> None:
    data = tmp_path / "in"
    for name in ("images/1.png", "masks/1.png"):
        save(data / name, square())
    rows = predict_paths(predictor, [data], tmp_path / "out")
    assert {str(row.input.relative_to(data)): row.status for row in rows} == {"images/1.png": "done", "masks/1.png": "skipped"}
    pointed_at = predict_paths(predictor, [data / "masks"], tmp_path / "out2")
    assert [row.status for row in pointed_at] == ["done"]


def test_a_mask_under_an_unknown_name_is_told_by_name_and_pixels(predictor: Predictor, tmp_path: Path) -> None:
    data = tmp_path / "in"
    grey = np.arange(37 * 29).reshape(37, 29) % 251
    for name, pixels in (("eye.png", grey), ("eye_2ndObserver.tif", square()), ("eye_late.png", grey), ("cell.png", square())):
        save(data / name, pixels)
    rows = by_name(predict_paths(predictor, [data], tmp_path / "out"))
    assert {name: row.code for name, row in rows.items()} == {
        "eye.png": "",
        "eye_2ndObserver.tif": "looks-like-mask",
        "eye_late.png": "",
        "cell.png": "",
    }
    assert predict_paths(predictor, [data / "eye_2ndObserver.tif"], tmp_path / "out2")[0].status == "done"


def test_nothing_is_overwritten_unless_asked_and_never_an_input(predictor: Predictor, tmp_path: Path) -> None:
    data = tmp_path / "in"
    save(data / "x.png", square())
    truth = save(data / "x_mask.png", np.zeros((37, 29), np.uint8)).read_bytes()
    for overwrite, status in ((False, "done"), (False, "skipped"), (True, "done"), (True, "done")):
        rows = by_name(predict_paths(predictor, [data], data, overwrite=overwrite))
        assert rows["x.png"].status == status
        assert (data / "x_mask.png").read_bytes() == truth
    assert sorted(p.name for p in data.iterdir()) == ["predictions.csv", "x.png", "x_mask.png", "x_mask_predicted.png"]
    assert rows["x.png"].outputs == (data / "x_mask_predicted.png",)


def test_names_that_collide_are_told_apart(predictor: Predictor, tmp_path: Path) -> None:
    first, second = save(tmp_path / "p1" / "s.png", square()), save(tmp_path / "p2" / "s.png", np.zeros((8, 8), np.uint8))
    np.save(tmp_path / "p1" / "s.npy", square())
    rows = predict_paths(predictor, [first, second, first, tmp_path / "p1" / "s.npy"], tmp_path / "out")
    assert len(rows) == 3  # the one named twice is done once
    assert len({row.outputs for row in rows}) == 3
    assert all(path.exists() for row in rows for path in row.outputs)


def test_patterns_keep_their_folders(predictor: Predictor, tmp_path: Path) -> None:
    for patient in ("p1", "p2"):
        save(tmp_path / "in" / patient / "s.png", square())
        save(tmp_path / "in" / patient / "s_mask.png", square())
    rows = predict_paths(predictor, [str(tmp_path / "in" / "*" / "*.png"), str(tmp_path / "in" / "*.bmp")], tmp_path / "out")
    assert (tmp_path / "out" / "p2" / "s_mask.png").exists()
    assert sorted(row.code for row in rows) == ["", "", "looks-like-mask", "looks-like-mask", "no-match"]


def test_overlay_and_probabilities(predictor: Predictor, tmp_path: Path) -> None:
    save(tmp_path / "in" / "x.png", square())
    save(tmp_path / "in" / "v.nii.gz", np.stack([square()] * 3))
    predict_paths(predictor, [tmp_path / "in"], tmp_path / "out", overlay=True, probabilities=True)
    picture = read_image(tmp_path / "out" / "x_overlay.png")
    assert picture.pixels.shape == (3, 37, 29)
    outline = (picture.pixels == np.array([0xE6, 0x9F, 0x00]).reshape(3, 1, 1)).all(axis=0)
    assert outline[5, 10]
    assert not outline[12, 14]
    assert read_image(tmp_path / "out" / "v_overlay.png").pixels.shape == (3, 37, 29)
    shares = read_image(tmp_path / "out" / "v_probability.nii.gz")
    assert shares.pixels.max() > 0.9
    with np.load(tmp_path / "out" / "x_probability.npz", allow_pickle=False) as file:
        assert file["probabilities"].shape == (1, 37, 29)


def test_several_classes_keep_their_values_and_regions_get_a_file_each(make_model: MakeModel, tmp_path: Path) -> None:
    save(tmp_path / "in" / "x.png", np.array([[0, 1, 3]], np.uint8))
    slope = np.array([0.0, 1.0, 2.0]).reshape(3, 1, 1, 1)
    two: dict[str, Any] = {"thresholds": (0.5, 0.5), "clean": (Clean(), Clean())}
    model = make_model([slope], bias=-0.5, labels=LabelSet(kind="exclusive", names=("a", "b")), **two)
    predict_paths(Predictor(model), [tmp_path / "in"], tmp_path / "one")
    values = read_labels(tmp_path / "one" / "x_mask.png").values
    assert values is not None
    assert set(values.ravel()) <= {0, 1, 2}
    assert values[0, 2] == 2
    model = make_model([slope[1:]], bias=-1.5, labels=LabelSet(kind="regions", names=("whole tumour", "core")), **two)
    rows = predict_paths(Predictor(model), [tmp_path / "in"], tmp_path / "two")
    assert [path.name for path in rows[0].outputs] == ["x_mask_whole-tumour.png", "x_mask_core.png"]
    core = read_labels(rows[0].outputs[1]).values
    assert core is not None
    assert core.tolist() == [[0, 255, 255]]


def test_numbered_slices_of_a_volume_are_measured_and_cleaned_together(make_model: MakeModel, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    stack = rng.integers(0, 40, (12, 24, 20)).astype(np.uint8)
    stack[2:9, 5:15, 5:15] += 150
    stack[4, 20:22, 1:3] = 220  # a speck that is the largest thing nowhere, and lies on a slice that holds the body
    stack[11, 20:22, 1:3] = 220  # and one that is alone on its slice
    for number, plane in enumerate(stack, start=1):
        save(tmp_path / "in" / f"scan_{number}.png", plane)
    recipe = Preprocessing(fit="scale", normalisation=Normalisation(scheme="volume"))
    predictor = Predictor(make_model(preprocessing=recipe, clean=(Clean(largest=True),)))
    rows = predict_paths(predictor, [tmp_path / "in"], tmp_path / "out")
    assert [row.input.name for row in rows] == [f"scan_{n}.png" for n in range(1, 13)]
    found = np.stack([read_labels(row.outputs[0]).values for row in rows]) > 0  # type: ignore[arg-type]
    wanted = np.zeros_like(found)
    wanted[2:9, 5:15, 5:15] = True
    np.testing.assert_array_equal(found, wanted)
    images = [read_image(tmp_path / "in" / f"scan_{n}.png") for n in range(1, 13)]
    alone = predictor.predict(images[11], statistics=measure(images, recipe))
    assert alone.mask.labels.any()  # cleaned by itself the speck would stay
    (tmp_path / "out" / "scan_3_mask.png").unlink()
    again = predict_paths(predictor, [tmp_path / "in"], tmp_path / "out")
    assert [row.status for row in again].count("done") == 1


def test_numbered_slices_are_seen_with_their_neighbours(make_model: MakeModel, tmp_path: Path) -> None:
    """Slice 10 lies behind slice 9, not behind slice 1; a damaged one does not keep the others from being done."""
    for number in range(1, 12):
        save(tmp_path / "in" / f"scan_{number}.png", np.full((8, 9), 200 if number >= 10 else 10, np.uint8))
    save(tmp_path / "in" / "scan_12.png", np.full((8, 9, 3), 10, np.uint8))
    (tmp_path / "in" / "scan_13.png").write_bytes(b"no image")
    weights = [np.array([-1.0, 1.0, 0.0]).reshape(1, 3, 1, 1)]
    recipe = Preprocessing(fit="scale", neighbours=1, normalisation=Normalisation(scheme="none"))
    model = make_model(weights, preprocessing=recipe, provenance={"slices_form_volumes": True})
    rows = predict_paths(Predictor(model), [tmp_path / "in"], tmp_path / "out")
    filled = {row.input.name for row in rows if row.status == "done" and (read_labels(row.outputs[0]).values > 0).any()}  # type: ignore[operator]
    assert [row.status for row in rows].count("done") >= 11
    assert filled == {"scan_10.png"}


def test_numbered_images_that_differ_in_size_are_not_joined(make_model: MakeModel, tmp_path: Path) -> None:
    for number, height in enumerate((20, 24, 28)):
        save(tmp_path / "in" / f"ray_{number}.png", square((height, 29)))
    recipe = Preprocessing(fit="scale", normalisation=Normalisation(scheme="volume"))
    predictor = Predictor(make_model(preprocessing=recipe, clean=(Clean(largest=True),)))
    rows = predict_paths(predictor, [tmp_path / "in"], tmp_path / "out")
    assert [row.status for row in rows] == ["done"] * 3
    assert [row.height for row in rows] == [20, 24, 28]


def test_progress_and_stop(predictor: Predictor, tmp_path: Path) -> None:
    for number in range(6):
        save(tmp_path / "in" / f"{number}.png", square())
    heard: list[Event] = []
    rows = predict_paths(predictor, [tmp_path / "in"], tmp_path / "out", on_event=heard.append, stop=lambda: len(heard) >= 3)
    assert 1 <= len(rows) < 6
    steps = [event for event in heard if isinstance(event, Progress)]
    assert (steps[0].done, steps[0].total) == (0, 6)


def test_what_cannot_begin_is_refused_at_once(predictor: Predictor, tmp_path: Path) -> None:
    (tmp_path / "none").mkdir()
    for inputs, options, code in (
        ([tmp_path / "none.png"], {}, "not-found"),
        ([tmp_path / "none"], {}, "nothing-to-predict"),
        ([save(tmp_path / "a" / "x.png", square())], {"format": "jpg2"}, "unknown-choice"),
    ):
        with pytest.raises(DelineateError) as caught:
            predict_paths(predictor, inputs, tmp_path / "out", **options)  # type: ignore[arg-type]
        assert caught.value.code == code
    with pytest.raises(UsageError):
        predict_paths(predictor, [tmp_path / "a"], tmp_path / "mask.png")


def test_a_useless_model_or_disk_ends_the_job(make_model: MakeModel, predictor: Predictor, tmp_path: Path) -> None:
    save(tmp_path / "in" / "x.png", square())
    with pytest.raises(ModelFileError):
        predict_paths(Predictor(make_model([np.ones((2, 1, 1, 1))], name="two.onnx")), [tmp_path / "in"], tmp_path / "o1")
    (tmp_path / "file").touch()
    with pytest.raises(ResourceError):
        predict_paths(predictor, [tmp_path / "in"], tmp_path / "file" / "out")


def test_the_table_grows_and_other_columns_start_a_new_one(make_model: MakeModel, predictor: Predictor, tmp_path: Path) -> None:
    one, two = save(tmp_path / "in" / "=1.png", square()), save(tmp_path / "in" / "2.png", square())
    out = tmp_path / "out"
    predict_paths(predictor, [one], out)
    predict_paths(predictor, [two], out)
    lines = (out / "predictions.csv").read_text(encoding="utf-8").splitlines()
    assert len(lines) == 3
    other = Predictor(make_model(name="b.onnx", labels=LabelSet(names=("lung",))))
    predict_paths(other, [one], out, overwrite=True)
    assert "area_px_lung" in (out / "predictions.csv").read_text(encoding="utf-8")
    assert (out / "predictions_2.csv").read_text(encoding="utf-8").splitlines() == lines


@pytest.mark.parametrize("folder", ["dcmqi_ct_seg", "msd_task04_hippocampus", "sct_testing"])
def test_real_volumes_and_series(make_model: MakeModel, real_data: Path, tmp_path: Path, folder: str) -> None:
    recipe = Preprocessing(fit="letterbox", size=(64, 64), normalisation=RAW)
    images = [path for path in sorted((real_data / folder).rglob("*")) if path.is_file()][:4]
    rows = predict_paths(
        Predictor(make_model(preprocessing=recipe)), sorted({path.parent for path in images}), tmp_path, recursive=False
    )
    done = [row for row in rows if row.status == "done"]
    for row in done[:5]:
        written = read_labels(row.outputs[0])
        assert written.geometry.shape == (row.slices, row.height, row.width) or written.geometry.shape == (row.height, row.width)
    assert all(row.sentence() for row in rows if row.status != "done")
    assert done


def test_channels_in_files_of_their_own_are_put_together(make_model: MakeModel, tmp_path: Path) -> None:
    """case_0000 + case_0001 → case_mask; named alone or in a folder. Without its sister a file says what the model wants."""
    second = np.zeros((1, 2, 1, 1))
    second[0, 1] = 1
    recipe = Preprocessing(fit="scale", channels=2, colour="as-is", normalisation=RAW)
    model = make_model([second], preprocessing=recipe, provenance={"channel_endings": ["_0000", "_0001"]})
    predictor = Predictor(ModelFile.open(model), engine="onnxruntime")
    data = tmp_path / "data"
    for name, picture in (("a_0000", square() * 0), ("a_0001", square()), ("b_0000", square())):
        save(data / f"{name}.nii.gz", np.stack([picture.astype(np.uint8)] * 3))
    rows = by_name(predict_paths(predictor, [data], tmp_path / "out"))
    assert {name: row.status for name, row in rows.items()} == {"a_0000.nii.gz": "done", "b_0000.nii.gz": "failed"}
    assert rows["b_0000.nii.gz"].code == "channels-mismatch"
    assert rows["a_0000.nii.gz"].outputs == (tmp_path / "out" / "a_mask.nii.gz",)
    assert rows["a_0000.nii.gz"].areas == {"foreground": 3 * 195}
    alone = predict_paths(predictor, [data / "a_0000.nii.gz"], tmp_path / "alone")
    assert [row.status for row in alone] == ["done"]
