"""export: what is written runs, what loses too much is not written, and test persons choose nothing."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from delineate.domain import LabelSet
from delineate.errors import DataError, UsageError
from delineate.evaluation import GroupScore
from delineate.evaluation.scores import score_group
from delineate.inference import ModelFile, Predictor
from delineate.workflows import quantising
from delineate.workflows.exporting import export
from delineate.workflows.running import RunResult

TRUTH = np.zeros((10, 10), np.uint8)
TRUTH[:, :5] = 1


def score(person: str, columns: int, truth: np.ndarray = TRUTH) -> GroupScore:
    """A mask of the first ``columns`` columns against the first five."""
    found = np.zeros((10, 10), np.uint8)
    found[:, :columns] = 1
    return score_group(found, truth, LabelSet(), None, group=person, person=person, part="validation")


def test_the_change_is_paired_by_person() -> None:
    before = [score("a", 5), score("b", 5), score("c", 3), score("d", 5)]
    after = [score("d", 4), score("a", 5), score("b", 5), score("c", 3)]
    change = quantising.change_of("validation", before, after)
    assert change.before == pytest.approx((1 + 1 + 0.75 + 1) / 4)
    assert change.difference["n"] == 4
    assert change.difference["mean"] == pytest.approx((40 * 2 / 90 - 1) / 4)
    assert change.difference["ci95"][0] < change.difference["mean"] < change.difference["ci95"][1]


def test_a_new_false_alarm_counts_though_nothing_in_nothing_has_no_dice() -> None:
    empty = np.zeros((10, 10), np.uint8)
    change = quantising.change_of(
        "test", [score("a", 0, empty), score("b", 0, empty)], [score("a", 2, empty), score("b", 0, empty)]
    )
    assert change.difference["n"] == 1
    assert change.difference["mean"] == -1
    none = quantising.change_of("test", [score("a", 0, empty)], [score("a", 0, empty)])
    assert none.difference["n"] == 0
    assert math.isnan(none.before)


def test_int8_of_a_run(finished: RunResult, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []
    real = quantising.calibration_planes

    def spy(cases, record, on_event):  # type: ignore[no-untyped-def]
        seen.extend(case.person for case in cases)
        return real(cases, record, on_event)

    monkeypatch.setattr(quantising, "calibration_planes", spy)
    out = tmp_path / "model.int8.onnx"
    result = export(finished.folder, target="int8", out=out, margin=0.1)
    assert result.int8 is not None
    from delineate.recipe import Splits, load

    fold = load(Splits, finished.folder / "splits.json").folds[0]
    assert set(seen) == set(fold["train"])  # nobody else was calibrated on
    assert [change.part for change in result.int8.changes] == ["validation", "test"]
    assert result.int8.layers[0] > 0
    model = ModelFile.open(out)
    before = ModelFile.open(finished.folder / "model.onnx")
    assert model.record.scores == {}  # the float file's scores are not this file's
    assert model.record.thresholds == before.record.thresholds
    assert model.record.provenance["quantised"]["dice"]["test"]["difference"]["n"] == len(fold["test"])
    assert out.stat().st_size < 0.5 * (finished.folder / "model.onnx").stat().st_size
    rng = np.random.default_rng(0)
    planes = rng.normal(size=(1, before.record.preprocessing.channels, 64, 64)).astype(np.float32)
    assert Predictor(model, engine="onnxruntime").logits(planes).shape == (1, before.record.labels.channels, 64, 64)
    with pytest.raises(UsageError) as caught:
        export(finished.folder, target="int8", out=out)
    assert caught.value.code == "export-exists"


def test_what_loses_more_than_the_margin_is_not_written(
    finished: RunResult, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both attempts lose 0.1 on validation; test persons, on whom nothing is lost, are never asked."""
    parts: list[str] = []

    def scores(model, cases, rule, part, engine, threads, on_event):  # type: ignore[no-untyped-def]
        parts.append(part)
        return [replace(score(name, 5 if len(parts) == 1 else 4), part=part) for name in "abc"]

    monkeypatch.setattr(quantising, "_scores", scores)
    monkeypatch.setattr("delineate.export.quantise.quantise", lambda content, planes, **more: content)
    with pytest.raises(DataError) as caught:
        export(finished.folder, target="int8", out=tmp_path / "x.onnx", margin=0.05)
    assert caught.value.code == "int8-loses"
    assert parts == ["validation"] * 3  # before, all layers, ends in float
    assert not (tmp_path / "x.onnx").exists()
    parts.clear()
    assert export(finished.folder, target="int8", out=tmp_path / "x.onnx", margin=0.2).files == (tmp_path / "x.onnx",)
    assert parts == ["validation", "validation", "test", "test"]


def test_a_model_file_needs_a_folder_of_training_images(finished: RunResult, small_data: Path, tmp_path: Path) -> None:
    model = finished.folder / "model.onnx"
    with pytest.raises(UsageError) as caught:
        export(model, target="int8", out=tmp_path / "x.onnx")
    assert caught.value.code == "int8-needs-images"
    result = export(model, target="int8", out=tmp_path / "x.onnx", calibrate=small_data)
    assert result.int8 is not None
    assert result.int8.changes == []
    ModelFile.open(tmp_path / "x.onnx")


def test_other_targets(finished: RunResult, tmp_path: Path) -> None:
    copied = export(finished.folder, out=tmp_path / "copy.onnx").files[0]
    assert copied.read_bytes() == (finished.folder / "model.onnx").read_bytes()
    with pytest.raises(UsageError) as caught:
        export(copied, out=copied, overwrite=True)
    assert caught.value.code == "export-over-itself"
    for wrong, code in (({"target": "coreml"}, "unknown-choice"), ({"margin": 1.5}, "bad-margin")):
        with pytest.raises(UsageError) as caught:
            export(copied, **wrong)  # type: ignore[arg-type]
        assert caught.value.code == code
    pytest.importorskip("openvino")
    files = export(finished.folder, target="openvino", out=tmp_path / "ir" / "model.xml").files
    assert [path.name for path in files] == ["model.xml", "model.bin", "model.json"]
    assert all(path.stat().st_size > 0 for path in files)


def test_folders_that_run_alone(finished: RunResult, tmp_path: Path) -> None:
    made = export(finished.folder, target="web", out=tmp_path / "web")
    assert made.folder == tmp_path / "web"
    assert {"index.html", "model.onnx", "card.json", "example.py", "README.zh.md"} <= {path.name for path in made.files}
    (tmp_path / "int8").mkdir()
    made = export(finished.folder, target="int8", out=tmp_path / "int8", margin=0.1)
    assert made.int8 is not None
    card = json.loads((tmp_path / "int8" / "card.json").read_text(encoding="utf-8"))
    assert card["quantised"]["dice"]["validation"]["difference"]["n"] == made.int8.changes[0].difference["n"]
    assert card["scores"] == {}
    assert (tmp_path / "int8" / "model.onnx").stat().st_size < (tmp_path / "web" / "model.onnx").stat().st_size
    with pytest.raises(UsageError) as caught:  # before anything is quantised
        export(finished.folder, target="int8", out=tmp_path / "int8", margin=0.1)
    assert caught.value.code == "export-exists"


def test_calibration_looks_into_the_middle_of_volumes() -> None:
    assert quantising._spread(range(36), 1) == [18]
    assert quantising._spread(range(36), 2) == [9, 27]
    assert quantising._spread(range(3), 5) == [0, 1, 2]
    assert quantising._spread([4, 5], None) == [4, 5]
