"""Corrected masks become a data set of their own; nobody crosses; the models are compared on the same held-out patients."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import tifffile

from delineate.editing.document import open_document
from delineate.editing.reviewed import save_reviewed
from delineate.errors import DataError, DelineateError, RunError
from delineate.evaluation import read_cases_csv, write_cases_csv
from delineate.evaluation.scores import score_group
from delineate.recipe import Recipe, Splits, load, read_json, save_json
from delineate.workflows.examine import examine
from delineate.workflows.options import RunOptions
from delineate.workflows.replacing import compare_retrained
from delineate.workflows.retraining import prepare_retraining
from delineate.workflows.running import RunResult


def parts_of(run: Path) -> dict[str, tuple[str, ...]]:
    return dict(load(Splits, run / "splits.json").folds[0])


def folder_of(person: str) -> str:
    """``patient004`` lies in ``patient_004``."""
    return person.replace("patient", "patient_")


def image_of(data: Path, person: str, number: int = 1) -> Path:
    return data / folder_of(person) / f"{folder_of(person)}_{number}.tif"


def correct(image: Path, folder: Path, value: int = 1) -> Path:
    """A reviewed mask: a square of 10 × 10."""
    document = open_document(image)
    document.edited[0, 0, 5:15, 20:30] = value
    return save_reviewed(document, folder, "Dr. Test")[1]


def rows_of(table: Path) -> dict[str, dict[str, str]]:
    with table.open(encoding="utf-8", newline="") as file:
        return {Path(row["image"]).with_suffix("").as_posix(): row for row in csv.DictReader(file)}


def digest(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_corrected_masks_are_learned_from_and_held_out_patients_stay(finished: RunResult, small_data: Path, tmp_path: Path) -> None:
    before = digest(small_data)
    parts = parts_of(finished.folder)
    learned, held, chosen = parts["train"][0], parts["test"][0], parts["validation"][0]
    for person in (learned, held, chosen):
        correct(image_of(small_data, person), tmp_path / "reviewed")
    new = tmp_path / "reviewed" / "patient_901_1.tif"
    tifffile.imwrite(new, np.random.default_rng(1).integers(0, 2000, (96, 96)).astype(np.uint16))
    correct(new, tmp_path / "reviewed")

    made = prepare_retraining(finished.folder, [tmp_path / "reviewed"], tmp_path / "data", tmp_path / "run")

    name = f"{folder_of(learned)}/{folder_of(learned)}_1"
    assert made.replaced == (name,)
    assert made.added == ("reviewed/patient_901_1",)
    assert {(one.code, one.params["person"]) for one in made.left_out} == {("held-out", held), ("held-out", chosen)}
    assert digest(small_data) == before
    # What would be trained: read as the run will read it.
    options = load(RunOptions, tmp_path / "run" / "options.json")
    found = examine(options.data, options.reading, options.splitting, seed=0, on_event=lambda event: None)
    assert found.splits is not None and found.splits.unit == "patient"
    (fold,) = found.splits.folds
    assert set(fold["test"]) == set(parts["test"]) and set(fold["validation"]) == set(parts["validation"])
    assert set(fold["train"]) == {*parts["train"], "patient901"}
    assert found.labels.names == load(Recipe, finished.folder / "recipe.json").labels.names
    pixels = {fact.case: fact.foreground_pixels for fact in found.facts}
    assert pixels[name] == pixels["reviewed/patient_901_1"] == 100
    for number in (1, 4):  # the others, held-out ones among them, are as they were
        for person in (held, chosen):
            stem = f"{folder_of(person)}/{folder_of(person)}_{number}"
            truth = tifffile.imread(small_data / f"{stem}_mask.tif")
            assert pixels[stem] == int((truth > 0).sum())
    row = rows_of(tmp_path / "data" / "table.csv")[name]
    assert (row["origin"], row["reviewer"], row["replaced"]) == ("corrected", "Dr. Test", f"{name}_mask.tif")
    assert options.epochs == 12 and options.size == (64, 64)


def test_what_cannot_be_trusted_is_left_out(finished: RunResult, small_data: Path, tmp_path: Path) -> None:
    parts = parts_of(finished.folder)
    learned, held = parts["train"][1], parts["test"][0]
    folder = tmp_path / "reviewed"
    altered = correct(image_of(small_data, learned, 2), folder)
    mask = next(path for path in folder.iterdir() if path.suffix != ".json")
    mask.write_bytes(mask.read_bytes() + b"x")
    again = tmp_path / "again"
    again.mkdir()
    copy = shutil.copy(image_of(small_data, held, 3), again / "anything.tif")  # a held-out image under another name
    correct(copy, again)
    other = again / f"{folder_of(held)}_9.tif"  # not the pixels, but the name of somebody held out
    tifffile.imwrite(other, np.zeros((96, 96), np.uint16))
    correct(other, again)
    (again / "broken.reviewed.json").write_text("{}")
    good = correct(image_of(small_data, learned, 3), tmp_path / "good")
    renamed = again / "renamed.tif"  # somebody who was learned from, under another name
    shutil.copy(image_of(small_data, learned, 4), renamed)
    correct(renamed, again)

    made = prepare_retraining(finished.folder, [folder, again, good], tmp_path / "data", tmp_path / "run")

    assert set(made.replaced) == {f"{folder_of(learned)}/{folder_of(learned)}_{number}" for number in (3, 4)}
    assert made.added == ()
    codes = {one.name: one.code for one in made.left_out}
    assert codes == {
        altered.name: "mask-altered",
        "anything.reviewed.json": "same-image",
        f"{folder_of(held)}_9.reviewed.json": "maybe-held-out",
        "broken.reviewed.json": "unreadable",
    }
    for one in made.left_out:
        assert one.sentence("en") != one.sentence("zh") and "{" not in one.sentence("en")
    record = read_json(tmp_path / "run" / "retraining.json")
    assert record["learned_before"] == str(finished.folder.resolve()) and len(record["left_out"]) == 4


def test_the_latest_correction_of_an_image_counts(finished: RunResult, small_data: Path, tmp_path: Path) -> None:
    image = image_of(small_data, parts_of(finished.folder)["train"][0])
    first = correct(image, tmp_path)
    second = correct(image, tmp_path, value=0)
    for path, when in ((first, "2026-01-01T10:00:00+00:00"), (second, "2026-01-02T10:00:00+00:00")):
        path.write_text(json.dumps({**json.loads(path.read_text()), "when": when}))
    made = prepare_retraining(finished.folder, [tmp_path], tmp_path / "data", tmp_path / "run")
    assert [(one.code, one.params["by"]) for one in made.left_out] == [("superseded", second.name)]


def test_nothing_to_learn_leaves_nothing_behind(finished: RunResult, small_data: Path, tmp_path: Path) -> None:
    held = parts_of(finished.folder)["test"][0]
    correct(image_of(small_data, held), tmp_path / "reviewed")
    with pytest.raises(DataError, match="held out"):
        prepare_retraining(finished.folder, [tmp_path / "reviewed"], tmp_path / "data", tmp_path / "run")
    assert not (tmp_path / "data").exists() and not (tmp_path / "run").exists()


def test_a_folder_with_something_in_it_is_refused(finished: RunResult, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "mine.txt").write_text("mine")
    with pytest.raises(RunError):
        prepare_retraining(finished.folder, [tmp_path], tmp_path / "data", tmp_path / "run")
    assert (tmp_path / "data" / "mine.txt").read_text() == "mine"


def other_scores(finished: RunResult, folder: Path, better_by: int) -> Path:
    """A run like the finished one whose masks miss ``better_by`` rows less (or more) of a made-up truth in every test case."""
    shutil.copytree(finished.folder, folder)
    labels = load(Recipe, folder / "recipe.json").labels
    truth = np.zeros((50, 50), np.uint8)
    truth[10:40, 10:40] = 1
    for path, rows in ((folder, 30 - 5 + better_by), (finished.folder, 30 - 5)):
        scores = []
        for number, score in enumerate(read_cases_csv(path / "cases.csv")):
            mask = truth.copy()
            mask[10 + rows - number % 3 :] = 0
            scores.append(
                score_group(mask, truth, labels, None, group=score.group, person=score.person, part=score.part)
                if score.part == "test"
                else score
            )
        write_cases_csv(path / "cases.csv", scores)
    return folder


def test_the_new_model_is_compared_on_the_same_patients(finished: RunResult, tmp_path: Path) -> None:
    old = RunResult(tmp_path / "old", finished.model, 0.0, {})
    shutil.copytree(finished.folder, old.folder)
    new = other_scores(old, tmp_path / "new", better_by=4)
    verdict = compare_retrained(old.folder, new, tmp_path / "comparison")
    assert verdict.n == len(parts_of(finished.folder)["test"]) and verdict.unit == "patient"
    assert verdict.old is not None and verdict.new is not None and verdict.difference is not None
    assert verdict.new - verdict.old == pytest.approx(verdict.difference, abs=1e-9) and verdict.difference > 0.03
    assert verdict.outcome == "open"  # two patients show nothing, and that is said
    assert f"{verdict.new:.4f}" in verdict.sentence("en") and "chance" in verdict.sentence("en")
    assert verdict.page.is_file()


def test_a_patient_that_was_learned_from_is_no_judge(finished: RunResult, tmp_path: Path) -> None:
    shutil.copytree(finished.folder, tmp_path / "new")
    splits = load(Splits, tmp_path / "new" / "splits.json")
    fold = {**splits.folds[0]}
    fold["train"] = (*fold["train"], fold["test"][0])
    fold["test"] = fold["test"][1:]
    save_json(tmp_path / "new" / "splits.json", splits.model_copy(update={"folds": (fold,)}))
    with pytest.raises(DelineateError) as error:
        compare_retrained(finished.folder, tmp_path / "new", tmp_path / "comparison")
    assert error.value.code == "retrain-leak"


@pytest.mark.slow  # a training of its own
def test_the_begun_run_goes_through(finished: RunResult, small_data: Path, tmp_path: Path) -> None:
    from delineate.workflows import run

    correct(image_of(small_data, parts_of(finished.folder)["train"][0]), tmp_path / "reviewed")
    made = prepare_retraining(finished.folder, [tmp_path / "reviewed"], tmp_path / "data", tmp_path / "run")
    options = load(RunOptions, made.run / "options.json")
    save_json(made.run / "options.json", options.model_copy(update={"epochs": 1}))
    result = run(out=made.run, resume=True)
    verdict = compare_retrained(finished.folder, result.folder, tmp_path / "comparison")
    assert verdict.n == len(parts_of(finished.folder)["test"])
