"""The Train page with a process that says what a test tells it to: fixtures and helpers."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from PySide6.QtCore import Qt, QTimer
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QMessageBox, QPushButton

from delineate.desktop import training_process
from delineate.desktop.program import settle
from delineate.desktop.training import TrainPage
from delineate.desktop.window import MainWindow

FAKE = Path(__file__).with_name("fake_delineate.py")
Script = Callable[[list[dict[str, Any]]], Path]


@pytest.fixture
def script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Script:
    """What the next process says; gives the folder with the arguments it was started with."""
    home = tmp_path / "script"
    home.mkdir()
    monkeypatch.setattr(
        training_process, "command_line", lambda arguments: (sys.executable, [str(FAKE), str(home / "script.json"), *arguments])
    )

    def write(entries: list[dict[str, Any]]) -> Path:
        (home / "script.json").write_text(json.dumps(entries))
        return home

    return write


@pytest.fixture
def page(window: MainWindow) -> TrainPage:
    window.show_page("train")
    found = window.current_page
    assert isinstance(found, TrainPage)
    return found


@pytest.fixture
def checked(tmp_path: Path) -> Path:
    """A folder as ``check`` leaves it."""
    folder = tmp_path / "checked"
    (folder / "examples").mkdir(parents=True)
    Image.fromarray(np.zeros((20, 20), np.uint8)).save(folder / "examples" / "case_01.png")
    (folder / "examples.json").write_text(json.dumps([{"file": "examples/case_01.png", "case": "p/one", "person": "p"}]))
    warning = {"code": "patient-unknown", "severity": "warning", "path": None, "case": None, "params": {"unknown": 3, "cases": 9}}
    note = {"code": "split-by-image", "severity": "info", "path": None, "case": None, "params": {"count": 9}}
    (folder / "findings.json").write_text(json.dumps([note, warning]))
    return folder


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "brains"
    folder.mkdir()
    return folder


def finished_run(folder: Path) -> Path:
    folder.mkdir(parents=True)
    metric = {"mean": 0.812, "ci95": [0.75, 0.87], "n": 12}
    test = {
        "unit": "patient",
        "n": 12,
        "dice": metric,
        "hd95": {**metric, "unit": "mm"},
        "nsd": {**metric, "unit": "px", "tolerance": 2.0},
    }
    (folder / "summary.json").write_text(json.dumps({"test": test}))
    (folder / "model.onnx").write_bytes(b"")
    return folder


def idle(page: TrainPage) -> None:
    assert settle(lambda: page.process is None or not page.process.running, 20_000)
    QApplication.processEvents()


def press(button: QPushButton) -> None:
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)


CHECKED = {"event": "result", "cases": 9, "persons": 9, "unit": "image", "blocking": 0}


def check_it(page: TrainPage, script: Script, checked: Path, data: Path) -> Path:
    home = script([{"event": "stage-started", "name": "scan"}, {"copy": [str(checked), "OUT"]}, CHECKED])
    page.choose(data)
    assert not page.setup.ready
    idle(page)
    return home


def answer(name: str) -> None:
    """Press a button of the question that is coming."""

    def act() -> None:
        box = QApplication.activeModalWidget()
        assert isinstance(box, QMessageBox)
        button = next(one for one in box.buttons() if one.text() == name)
        QTest.mouseClick(button, Qt.MouseButton.LeftButton)

    QTimer.singleShot(150, act)
