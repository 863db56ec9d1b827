"""Doubt through the whole job: what a run writes of it, what refine changes, ensembles of runs, observers, old files."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from delineate.domain import Case, Geometry, Image, LabelSet, Source
from delineate.errors import UsageError
from delineate.export import stamp_record
from delineate.formats import write_labels
from delineate.inference import ModelFile
from delineate.recipe import MaskRule
from delineate.workflows import ensemble, evaluate, predict, refine, report
from delineate.workflows.choosing import paired_choice
from delineate.workflows.doubting import dice_of
from delineate.workflows.observing import Observers
from delineate.workflows.running import RunResult
from delineate.workflows.scoring import GroupPrediction


def test_a_run_says_what_it_doubts(finished: RunResult) -> None:
    doubt = json.loads((finished.folder / "doubt.json").read_text())
    review = doubt["review"]
    assert review["guarantee"] == "none"  # one or two validation persons teach no rule
    assert review["test"]["flagged"] == review["test"]["n"] > 0
    assert {row["part"] for row in doubt["cases"]} == {"test", "validation"}
    assert finished.summary["calibration"]["ece_image_after"]["n"] == review["test"]["n"]
    assert 'id="doubt"' in (finished.folder / "report.html").read_text()
    record = ModelFile.open(finished.model).record
    assert record.review is not None
    assert record.review.needed_all == 9


def test_predict_says_why_a_mask_needs_a_look(finished: RunResult, small_data: Path, tmp_path: Path) -> None:
    image = next(path for path in sorted(small_data.rglob("*")) if path.suffix in (".png", ".tif") and "mask" not in path.name)
    predict(finished.model, [image], out=tmp_path / "masks", uncertainty=True)
    with (tmp_path / "masks" / "predictions.csv").open(encoding="utf-8") as file:
        row = next(csv.DictReader(file))
    assert row["needs_review"] == "yes"
    assert row["review_reason"]
    assert any("uncertainty" in name for name in row["output"].split(";"))


def test_a_file_without_doubt_is_read_as_before(finished: RunResult, small_data: Path, tmp_path: Path) -> None:
    """Model files of older versions have none of the new fields."""
    old = tmp_path / "old.onnx"
    shutil.copyfile(finished.model, old)
    record = ModelFile.open(old).record
    plain = {k: v for k, v in record.model_dump().items() if k not in ("temperatures", "views", "members", "review", "familiar")}
    stamp_record(old, type(record)(**plain))
    found = evaluate(old, small_data, out=tmp_path / "scored")
    assert found.summary["review"] is None
    image = next(path for path in sorted(small_data.rglob("*")) if path.suffix in (".png", ".tif") and "mask" not in path.name)
    predict(old, [image], out=tmp_path / "masks")
    assert "needs_review" not in (tmp_path / "masks" / "predictions.csv").read_text().splitlines()[0]


def test_refine_keeps_the_network_and_learns_a_new_rule(finished: RunResult, tmp_path: Path) -> None:
    found = refine(finished.folder, tmp_path / "refined", tta=True, dice_bar=0.6, alpha=0.4)
    record = ModelFile.open(found.model).record
    assert record.review is not None
    assert (record.review.dice_bar, record.review.alpha, record.review.needed) == (0.6, 0.4, 5)
    assert found.summary["network_sha256"] == finished.summary["network_sha256"]
    choices = json.loads((found.folder / "choices.json").read_text())["choices"]
    assert [row["value"] for row in choices if row["step"] == "tta"] == ["flip_horizontal"]
    assert (found.folder / "report.html").exists()
    again = refine(found.folder, tta=True, dice_bar=0.6, alpha=0.4)
    assert again.summary["test"] == found.summary["test"]


def test_runs_of_one_split_are_scored_together(finished: RunResult, tmp_path: Path) -> None:
    """The ensemble of a run and its copy is the run: the same Dice, no difference to the best member."""
    twin = tmp_path / "twin"
    shutil.copytree(finished.folder, twin)
    found = ensemble([finished.folder, twin], tmp_path / "both.onnx")
    assert found.summary is not None
    assert found.summary["test"]["dice"]["mean"] == pytest.approx(finished.summary["test"]["dice"]["mean"], abs=1e-3)
    assert found.summary["ensemble"]["test"]["difference"] == pytest.approx(0, abs=1e-3)
    assert ModelFile.open(found.model).record.members == 2


def test_model_files_alone_carry_no_score(finished: RunResult, tmp_path: Path) -> None:
    found = ensemble([finished.model, finished.model], tmp_path / "both.onnx")
    assert found.summary is None
    record = ModelFile.open(found.model).record
    assert record.scores == {}
    assert record.review is None


def test_shares_out_of_range_are_refused(finished: RunResult) -> None:
    with pytest.raises(UsageError, match="alpha"):
        refine(finished.folder, alpha=1.5)


def test_old_runs_without_doubt_have_a_report(finished: RunResult, tmp_path: Path) -> None:
    copy = tmp_path / "old"
    shutil.copytree(finished.folder, copy)
    (copy / "doubt.json").unlink()
    assert 'id="doubt"' not in Path(report(copy)).read_text()
    (copy / "doubt.json").write_text('{"calibration": 3}')
    assert 'id="doubt"' not in Path(report(copy)).read_text()


def test_observers_agree_by_hand(tmp_path: Path) -> None:
    """Truth 4 pixels, the second observer 6 of which 4 are shared: Dice 0.8. The model marks the first two: 2/3 and 0.5."""
    truth, other, mask = (np.zeros((4, 8), np.uint8) for _ in range(3))
    truth[0, :4], other[0, :6], mask[0, :2] = 1, 1, 1
    path = tmp_path / "second.png"
    write_labels(path, other, Geometry((4, 8)))
    case = Case("a", (Source(tmp_path / "a.png"),), raters={"observer2": (Source(path),)})
    image = Image(np.zeros((1, 4, 8), np.uint8), Geometry((4, 8)))
    observers = Observers(LabelSet(), MaskRule())
    observers.watch(GroupPrediction("a", "p", np.zeros((1, 4, 8), np.float32), truth, (image,), None, (case,)), mask)
    found = {(row["one"], row["other"]): row["dice"]["mean"] for row in observers.result() or []}
    assert found == {
        ("observer2", "reference"): pytest.approx(0.8),
        ("model", "reference"): pytest.approx(2 / 3),
        ("model", "observer2"): pytest.approx(0.5),
    }
    assert Observers(LabelSet(), MaskRule()).result() is None


def test_dice_of_labels() -> None:
    labels = LabelSet(kind="exclusive", names=("a", "b"))
    truth = np.array([1, 1, 2, 0, 255])
    assert dice_of(np.array([1, 0, 2, 0, 1]), truth, labels) == pytest.approx((2 / 3 + 1) / 2)
    assert np.isnan(dice_of(np.zeros(3), np.zeros(3), labels))


def test_an_option_is_kept_by_gain_and_by_persons() -> None:
    before = {f"g{i}": (f"p{i}", 0.8) for i in range(5)}
    better = {group: (person, 0.81) for group, (person, _) in before.items()}
    assert paired_choice("tta", "x", before, better).kept
    mixed = {group: (person, 0.9 if i == 0 else 0.79) for i, (group, (person, _)) in enumerate(before.items())}
    row = paired_choice("tta", "x", before, mixed)
    assert not row.kept
    assert (row.better, row.worse) == (1, 4)
    assert row.ci95 is not None
    assert row.ci95[0] <= (row.after or 0) - (row.before or 0) <= row.ci95[1]
