"""The main job end to end on a small data set: the files, the numbers, the promises."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import tifffile
from tests.workflows.small import small_options

import delineate as dl
from delineate.errors import DataError, RecipeError, RunError, UsageError
from delineate.events import EpochFinished, Event, StageFinished
from delineate.inference import ModelFile, Predictor
from delineate.workflows.options import SplitOptions
from delineate.workflows.running import RunResult, run

FILES = (
    "recipe.json", "fingerprint.json", "splits.json", "findings.json", "history.csv", "cases.csv", "summary.json",
    "provenance.json", "choices.json", "model.onnx", "check.html", "report.html", "pictures/index.json",
    "checkpoints/best.safetensors",
)  # fmt: skip


def test_a_run_leaves_what_it_promises(finished: RunResult) -> None:
    for name in FILES:
        assert (finished.folder / name).stat().st_size > 0, name
    assert not (finished.folder / "cache").exists()
    for part in ("test", "validation"):
        numbers = finished.summary[part]
        assert numbers["unit"] == "patient"
        for metric in ("dice", "iou", "precision", "recall", "f1", "hd95"):
            assert {"mean", "median", "ci95", "n"} <= set(numbers[metric])
    assert finished.summary["test"]["dice"]["mean"] > 0.6
    assert finished.summary["timing"]["total"] > 0


def test_nobody_is_in_two_parts(finished: RunResult) -> None:
    fold = json.loads((finished.folder / "splits.json").read_text())["folds"][0]
    persons = [person for part in fold.values() for person in part]
    assert len(persons) == len(set(persons)) == 8
    assert all(fold[part] for part in ("train", "validation", "test"))


def test_the_model_file_carries_its_scores(finished: RunResult) -> None:
    record = ModelFile.open(finished.model).record
    assert record.scores["test"]["dice"] == finished.summary["test"]["dice"]
    assert record.scores["network_sha256"] == finished.summary["network_sha256"]
    assert record.provenance["seed"] == 0


def test_evaluating_the_file_again_gives_the_same_scores(finished: RunResult, tmp_path: Path) -> None:
    again = dl.evaluate(finished.folder, out=tmp_path / "again")
    assert again.summary["test"]["dice"] == finished.summary["test"]["dice"]
    assert again.summary["validation"]["hd95"] == finished.summary["validation"]["hd95"]


def test_a_model_file_is_scored_on_a_folder_of_its_own(finished: RunResult, small_data: Path, tmp_path: Path) -> None:
    found = dl.evaluate(finished.model, small_data, out=tmp_path / "eval")
    assert found.summary["test"]["n"] == 8
    assert found.cases.exists()


def test_predicting_equals_scoring(finished: RunResult, small_data: Path, tmp_path: Path) -> None:
    """The mask a user gets is the mask that was scored."""
    from delineate.formats import read_image, read_labels

    image = next(path for path in sorted(small_data.rglob("*.tif")) if "mask" not in path.name)
    result = dl.predict(finished.model, image, out=tmp_path / "masks")
    written = read_labels(result.rows[0].outputs[0]).values
    assert written is not None
    expected = Predictor(finished.model).predict(read_image(image)).mask.labels
    assert ((written > 0) == (expected > 0)).all()
    assert written.shape == read_image(image).geometry.shape


def test_resuming_a_finished_run_changes_nothing(finished: RunResult, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(finished.folder, copy)
    again = run(out=copy, resume=True)
    assert again.summary["test"] == finished.summary["test"]


def test_a_run_is_not_overwritten_unasked(finished: RunResult, small_data: Path, tmp_path: Path) -> None:
    with pytest.raises(RunError, match="resume"):
        run(out=finished.folder, options=small_options(small_data))
    (tmp_path / "thesis.docx").write_text("precious")
    with pytest.raises(RunError, match="not empty"):
        run(out=tmp_path, options=small_options(small_data), overwrite=True)
    assert (tmp_path / "thesis.docx").exists()


def test_a_run_is_resumed_from_another_folder(small_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every path that was given is kept whole, also those of a split file and a table."""
    monkeypatch.chdir(tmp_path)
    Path("split.csv").write_text("person,part\n")
    options = small_options(small_data, splitting=SplitOptions(split_file=Path("split.csv")))
    with pytest.raises(RecipeError):  # the file is empty; what was asked for is saved all the same
        run(out=tmp_path / "run", options=options)
    saved = json.loads((tmp_path / "run" / "options.json").read_text())
    assert Path(saved["splitting"]["split_file"]) == tmp_path / "split.csv"
    assert Path(saved["data"]).is_absolute()


def test_nothing_to_resume(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="not a run folder"):
        run(out=tmp_path, resume=True)
    with pytest.raises(UsageError):
        run(out=tmp_path)


def test_a_crash_between_stages_loses_nothing(small_data: Path, tmp_path: Path) -> None:
    """Stopped in the middle of training, continued, and equal to the run that was never stopped."""
    whole = run(out=tmp_path / "whole", options=small_options(small_data, epochs=3))

    class Crash(Exception):
        pass

    def crash(event: Event) -> None:
        if isinstance(event, EpochFinished) and event.epoch == 2:
            raise Crash

    with pytest.raises(Crash):
        run(out=tmp_path / "cut", options=small_options(small_data, epochs=3), on_event=crash)
    stages: list[str] = []
    cut = run(out=tmp_path / "cut", resume=True, on_event=lambda e: stages.append(e.name) if isinstance(e, StageFinished) else None)
    assert "measure" not in stages  # what was done is not done again
    assert cut.summary["test"] == whole.summary["test"]
    assert cut.summary["network_sha256"] == whole.summary["network_sha256"]


def test_cross_validation_scores_everybody_once(small_data: Path, tmp_path: Path) -> None:
    options = small_options(small_data, epochs=1, splitting=SplitOptions(folds=3))
    result = run(out=tmp_path / "cv", options=options)
    assert result.summary["test"]["n"] == 8
    assert result.summary["folds"]["k"] == 3
    assert result.model.exists()
    assert (result.folder / "report.html").exists()


def test_errors_in_the_data_stop_the_run(small_data: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    shutil.copytree(small_data, data)
    for mask in sorted(data.rglob("*_mask.tif")):
        tifffile.imwrite(mask, tifffile.imread(mask) * 0)
    with pytest.raises(DataError):
        run(out=tmp_path / "run", options=small_options(data))


def test_a_budget_is_kept(small_data: Path, tmp_path: Path) -> None:
    import time

    began = time.monotonic()
    run(small_data, tmp_path / "run", budget=60.0, settings={"training.threads": 1})
    assert time.monotonic() - began < 66


def test_a_recipe_is_replayed(finished: RunResult, small_data: Path, tmp_path: Path) -> None:
    """The saved recipe on the same data gives the same network."""
    again = run(small_data, tmp_path / "again", recipe_file=finished.folder / "recipe.json")
    assert again.summary["network_sha256"] == finished.summary["network_sha256"]


def test_r1_has_two_maps_and_a_softmax(small_data: Path, tmp_path: Path) -> None:
    settings = {"network.options": {"widths": [4, 8], "decoder": "upsample"}, "training.precision": "fp32", "training.threads": 1}
    result = run(out=tmp_path / "r1", options=small_options(small_data, network="unet_r1", epochs=1, settings=settings))
    record = ModelFile.open(result.model).record
    assert (record.labels.kind, record.labels.channels) == ("exclusive", 2)
    assert result.summary["test"]["dice"]["n"] > 0
