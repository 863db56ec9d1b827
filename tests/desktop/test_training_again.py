"""Learning from corrected masks on the Train page, and one run of it all in real processes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.desktop.training_pages import Script, answer, finished_run, idle, page, press, script

from delineate.desktop import training
from delineate.desktop.program import settle
from delineate.desktop.training import TrainPage
from delineate.desktop.window import MainWindow
from delineate.editing.document import open_document
from delineate.editing.reviewed import save_reviewed
from delineate.synthetic import make_dataset
from delineate.workflows import replacing, retraining
from delineate.workflows.corrected_masks import LeftOut
from delineate.workflows.replacing import Verdict
from delineate.workflows.retraining import Prepared

__all__ = ["page", "script"]  # fixtures


def verdict(outcome: str, page: Path) -> Verdict:
    assert outcome in ("better", "open")
    return Verdict(outcome, 0.8, 0.85, 0.05, (0.01, 0.09), 12, "patient", 0.01, page)  # type: ignore[arg-type]


@pytest.mark.parametrize("outcome", ["better", "open"])
def test_corrected_masks_are_learned_from_and_the_model_judged_before_it_replaces(
    page: TrainPage,
    window: MainWindow,
    script: Script,
    wait: Callable[[], None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    slice_file: Path,
    outcome: str,
) -> None:
    data = tmp_path / "images"
    data.mkdir()
    image = data / "one.tif"
    image.write_bytes(slice_file.read_bytes())
    document = open_document(image)
    document.edited[0, 0, 3:9, 3:9] = 1
    save_reviewed(document, data / "reviewed", "Dr. Li")
    old = finished_run(tmp_path / "old")
    (old / "options.json").write_text(json.dumps({"data": str(data)}))
    asked: dict[str, Any] = {}

    def prepare(run: Path, corrections: list[Path], data_out: Path, run_out: Path, **_: Any) -> Prepared:
        asked.update(run=run, corrections=[path.name for path in corrections])
        run_out.mkdir()
        (run_out / "options.json").write_text("{}")
        left = (LeftOut("two.reviewed.json", "held-out", {"person": "P7", "part": "test"}),)
        return Prepared(data_out, run_out, ("one",), (), left, {"train": 5})

    monkeypatch.setattr(retraining, "prepare_retraining", prepare)
    monkeypatch.setattr(replacing, "compare_retrained", lambda a, b, out, **_: verdict(outcome, out / "page.html"))
    used: list[Path] = []
    monkeypatch.setattr(training, "open_model", lambda bench, model, then=None: used.append(model))
    page.open_run(old)
    press(page.result.buttons["again"])
    wait()
    again = page.again
    assert again.listed.count() == 1 and "Dr. Li" in again.listed.item(0).text()
    assert not again.buttons["replace"].isVisible()
    home = script([{"copy": [str(finished_run(tmp_path / "new")), "OUT"]}, {"event": "result", "folder": "OUT"}])
    press(again.buttons["start"])
    wait()
    idle(page)
    wait()
    new = tmp_path / "old-corrected"
    assert asked == {"run": old, "corrections": ["one.reviewed.json"]}
    assert json.loads((home / "arguments.json").read_text())[:4] == ["run", "--out", str(new), "--resume"]
    assert page.stack.currentWidget() is again
    assert "P7" in again.listed.item(0).text() and "1 left out" in again.counted.text()
    assert "+0.0500" in again.says.text() and "12 held-out patients" in again.says.text()
    if outcome == "open":
        answer("Cancel")
        press(again.buttons["replace"])
        assert not used
        answer("Use the new model")
    press(again.buttons["replace"])
    assert used == [new / "model.onnx"]


@pytest.mark.slow  # a check and a training of its own, in real processes
def test_a_real_check_and_a_real_run(page: TrainPage, tmp_path: Path) -> None:
    data = make_dataset(tmp_path / "data", patients=6, slices=2, size=64, seed=1)
    page.choose(data)
    assert settle(lambda: page.process is None, 120_000)
    assert page.setup.ready and page.check.examples.count() == 8
    run = page.setup.run_folder
    small = ["--epochs", "1", "--size", "64", "--set", "network.options.widths=[8,16]", "--threads", "1"]
    page._begin(run, [str(data), "--out", str(run), *small])
    assert settle(lambda: not page.training, 300_000)
    assert page.stack.currentWidget() is page.result
    assert list((run / "examples").glob("*.jpg")) and "patient" in page.result.sentence.text()
