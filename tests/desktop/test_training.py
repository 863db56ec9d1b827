"""The Train page: check, run, pause, resume, trouble, result; a fake process says what a real one would."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDropEvent
from PySide6.QtTest import QTest
from tests.desktop.training_pages import CHECKED, Script, answer, check_it, checked, data, finished_run, idle, page, press, script

from delineate.desktop.program import settle
from delineate.desktop.training import TrainPage
from delineate.desktop.training_chart import Chart, Line, ticks
from delineate.desktop.training_live import clock
from delineate.desktop.training_setup import MINUTES
from delineate.desktop.window import MainWindow

__all__ = ["checked", "data", "page", "script"]  # fixtures


def test_a_dropped_folder_is_checked_and_findings_come_worst_first(
    page: TrainPage, script: Script, checked: Path, data: Path
) -> None:
    script([{"copy": [str(checked), "OUT"]}, CHECKED])
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(data))])
    where = QPointF(20, 20)
    buttons = (Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier)
    page.dropEvent(QDropEvent(where, Qt.DropAction.CopyAction, mime, *buttons))
    idle(page)
    assert page.setup.data == data and page.setup.ready
    assert [one.severity for one in page.check.findings] == ["warning", "info"]
    assert page.check.examples.count() == 1
    assert "9 cases" in page.check.summary.text() and "1 warnings" in page.check.summary.text()
    page.workbench.texts.use("zh")
    assert "个病例" in page.check.summary.text() and "可以用于训练" in page.check.headline.text()


def test_errors_stop_a_run_until_the_person_says_so(page: TrainPage, script: Script, checked: Path, data: Path) -> None:
    error = {"code": "masks-all-empty", "severity": "error", "path": None, "case": None, "params": {"files": 3}}
    (checked / "findings.json").write_text(json.dumps([error]))
    home = check_it(page, script, checked, data)
    assert not page.setup.start_button.isEnabled() and page.setup.anyway.isVisible()
    QTest.mouseClick(page.setup.anyway, Qt.MouseButton.LeftButton, pos=QPoint(8, page.setup.anyway.height() // 2))
    assert page.setup.start_button.isEnabled()
    script([{"until": "stop"}])
    press(page.setup.start_button)
    assert settle(lambda: "run" in (home / "arguments.json").read_text(), 10_000)
    page.pause()
    idle(page)
    arguments = json.loads((home / "arguments.json").read_text())
    assert arguments[0] == "run" and arguments[arguments.index("--allow") + 1] == "masks-all-empty"


def test_budget_by_keys_goes_into_the_command(page: TrainPage, script: Script, checked: Path, data: Path) -> None:
    home = check_it(page, script, checked, data)
    page.setup.slider.setFocus()
    QTest.keyClick(page.setup.slider, Qt.Key.Key_End)
    assert page.setup.minutes == MINUTES[-1] and "4 hours" in page.setup.minutes_label.text()
    QTest.keyClick(page.setup.slider, Qt.Key.Key_Home)
    assert page.setup.minutes == 3
    run = page.setup.run_folder
    assert run == data.parent / "delineate-runs" / "brains"
    script([{"wait": 0.05}, {"event": "result", "folder": "OUT"}])
    finished_run(run)
    press(page.setup.start_button)
    idle(page)
    arguments = json.loads((home / "arguments.json").read_text())
    assert arguments[:6] == ["run", str(data), "--out", str(run), "--budget", "3m"]
    assert arguments[-2:] == ["--events", "json"]
    assert page.stack.currentWidget() is page.result


def test_a_pattern_of_patients_is_looked_at_and_trained_with(page: TrainPage, script: Script, checked: Path, data: Path) -> None:
    home = check_it(page, script, checked, data)
    script([{"copy": [str(checked), "OUT"]}, CHECKED])
    QTest.keyClicks(page.setup.patients, "{patient}_*")
    QTest.keyClick(page.setup.patients, Qt.Key.Key_Return)
    idle(page)
    arguments = json.loads((home / "arguments.json").read_text())
    assert arguments[0] == "check" and arguments[4:6] == ["--patient-pattern", "{patient}_*"]
    script([{"until": "stop"}])
    press(page.setup.start_button)
    assert settle(lambda: "run" in (home / "arguments.json").read_text(), 10_000)
    page.pause()
    idle(page)
    arguments = json.loads((home / "arguments.json").read_text())
    assert arguments[arguments.index("--patient-pattern") + 1] == "{patient}_*"


def epoch(number: int, dice: float, best: bool) -> dict[str, Any]:
    metrics = {"loss": 1 / number, "val_loss": 1.1 / number, "val_dice": dice, "val_iou": dice - 0.1}
    return {"event": "epoch", "epoch": number, "step": 10 * number, "metrics": metrics, "best": best}


def test_a_run_is_watched_paused_and_gone_on_with(
    page: TrainPage, script: Script, checked: Path, data: Path, tmp_path: Path
) -> None:
    home = check_it(page, script, checked, data)
    pictures = tmp_path / "pictures" / "examples"
    pictures.mkdir(parents=True)
    for step in (10, 20):
        Image.fromarray(np.full((30, 90, 3), step * 5, np.uint8)).save(pictures / f"step_{step:06d}.jpg")
    script(
        [
            {"event": "stage-started", "name": "train", "total": 100},
            {"copy": [str(tmp_path / "pictures"), "OUT"]},
            epoch(1, 0.4, True),
            epoch(2, 0.6, True),
            {"event": "progress", "stage": "train", "done": 20, "total": 100, "values": {"seconds_left": 75.0}},
            {"until": "stop"},
        ]
    )
    press(page.setup.start_button)
    assert page.training and not page.setup.choose.isEnabled()
    assert settle(lambda: page.live.bar.value() == 20, 10_000)
    assert "1:15" in page.live.doing.text() and "epoch 2" in page.live.doing.text()
    dice, iou = page.live.scores.lines
    assert dice.points == [(1, 0.4), (2, 0.6)] and iou.points[-1] == (2, pytest.approx(0.5))
    assert page.live.scores.mark == (2, 0.6)
    assert settle(lambda: page.live.slider.maximum() == 1, 3000)
    assert page.live.picture.pixmap is not None and page.live.epoch.text() == "After epoch 2"
    QTest.keyClick(page.live.slider, Qt.Key.Key_Home)
    assert page.live.epoch.text() == "After epoch 1"
    press(page.live.pause_button)
    idle(page)
    assert "paused" in page.live.headline.text() and page.live.pause_button.text() == "Resume"
    script([{"event": "stage-started", "name": "train", "total": 100}, epoch(2, 0.7, True), {"event": "result", "folder": "OUT"}])
    run = page.setup.run_folder
    finished_run(tmp_path / "done")
    for name in ("summary.json", "model.onnx"):
        (run / name).write_bytes((tmp_path / "done" / name).read_bytes())
    press(page.live.pause_button)
    idle(page)
    assert json.loads((home / "arguments.json").read_text())[:4] == ["run", "--out", str(run), "--resume"]
    assert [point for point in page.live.scores.lines[0].points if point[0] == 2] == [(2, 0.7)]
    assert page.stack.currentWidget() is page.result
    assert page.setup.run_folder.name == "brains-2"  # the next run never lands in this one
    assert "0.812" in page.result.sentence.text() and "12 patients" in page.result.sentence.text()


def test_an_error_of_the_run_is_said_in_words(
    page: TrainPage, window: MainWindow, script: Script, checked: Path, data: Path
) -> None:
    check_it(page, script, checked, data)
    script([{"event": "error", "code": "disk-full", "sentences": {"en": "The disk is full.", "zh": "磁盘已满。"}}, {"exit": 3}])
    press(page.setup.start_button)
    idle(page)
    assert window.message.level == "error" and window.message.sentence == "The disk is full."
    assert page.stack.currentWidget() is page.check and page.setup.choose.isEnabled()
    script([{"words": "Killed by something"}, {"exit": 9}])
    press(page.setup.start_button)
    idle(page)
    assert "Killed by something" in window.message.sentence and "9" in window.message.sentence


def test_a_check_that_fails_leaves_the_page_usable(page: TrainPage, window: MainWindow, script: Script, data: Path) -> None:
    script([{"event": "error", "code": "folder-empty", "sentences": {"en": "Nothing in it.", "zh": "空"}}, {"exit": 4}])
    page.choose(data)
    idle(page)
    assert window.message.sentence == "Nothing in it." and not page.setup.ready and page.setup.choose.isEnabled()


def test_stopping_and_closing_ask_first(page: TrainPage, window: MainWindow, script: Script, checked: Path, data: Path) -> None:
    check_it(page, script, checked, data)
    script([{"until": "stop"}])
    press(page.setup.start_button)
    answer("Cancel")
    press(page.live.stop_button)
    assert page.training
    answer("Cancel")
    assert not window.close() and page.training
    answer("Stop")
    press(page.live.stop_button)
    idle(page)
    assert page.stack.currentWidget() is page.check and "go on" in window.message.sentence
    assert page.may_close()


def test_closing_pauses_the_run(page: TrainPage, window: MainWindow, script: Script, checked: Path, data: Path) -> None:
    check_it(page, script, checked, data)
    script([{"until": "stop"}])
    press(page.setup.start_button)
    answer("Pause and close")
    assert window.close()
    assert page.process is None and "paused" in page.live.headline.text()


def test_the_window_loads_no_torch() -> None:
    code = (
        "import sys, delineate.desktop.training, delineate.desktop.batch, delineate.desktop.cases; sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], timeout=120, check=False).returncode == 0


def test_a_finished_run_is_opened_and_its_model_used(page: TrainPage, window: MainWindow, tmp_path: Path) -> None:
    run = finished_run(tmp_path / "run")
    page.open_run(run)
    assert page.result.model == run / "model.onnx"
    texts = [label.text() for label in page.result.findChildren(type(page.result.sentence))]
    assert "HD95 (mm)" in texts and "NSD (2 px)" in texts and "0.750 – 0.870" in texts
    page.open_run(tmp_path)
    assert window.message.level == "error"


def test_ticks_are_round_and_the_chart_places_points(window: MainWindow) -> None:
    assert ticks(0, 1, 5) == [0, 0.2, 0.4, 0.6, 0.8, 1.0]
    assert ticks(0, 7, 4, whole=True) == [0, 2, 4, 6]
    assert ticks(0, 3, 10, whole=True) == [0, 1, 2, 3]
    chart = Chart(window.workbench.theme, top=1.0)
    chart.resize(400, 300)
    chart.show_lines([Line("Dice", "accent", [(0, 0.0), (10, 1.0), (11, float("nan"))])])
    assert chart.ends() == (0, 10, 0, 1.0)
    low, high = chart.place(0, 0), chart.place(10, 1)
    assert low.x() < high.x() and low.y() > high.y()
    middle = chart.grab().toImage().pixelColor(round((low.x() + high.x()) / 2), round((low.y() + high.y()) / 2))
    assert middle.blue() - middle.red() > 100  # on a panel that is white


def test_clock() -> None:
    assert (clock(5), clock(75), clock(3700)) == ("0:05", "1:15", "1:01:40")
