"""Saving as reviewed, closing with corrections, and the question after a crash."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import Qt, QTimer
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QFileDialog, QInputDialog, QMessageBox, QPushButton

from delineate.desktop import correcting_recovery
from delineate.desktop.correcting import CorrectDock
from delineate.desktop.window import MainWindow
from delineate.editing import tools
from delineate.editing.journal import unsaved
from delineate.editing.planes import Plane
from delineate.editing.reviewed import ReviewRecord
from delineate.editing.session import Session
from delineate.formats import read_labels
from delineate.recipe import load

Open = Callable[[Path], MainWindow]
Wait = Callable[[], None]


@pytest.fixture
def copied(slice_file: Path, tmp_path: Path) -> Path:
    """The slice in a folder of its own, so that what is saved beside it is this test's."""
    path = tmp_path / "images" / "chest.tif"
    path.parent.mkdir()
    path.write_bytes(slice_file.read_bytes())
    return path


def dock_of(window: MainWindow) -> CorrectDock:
    window.view_page.show_dock("correct")
    dock = window.view_page.dock("correct")
    assert isinstance(dock, CorrectDock)
    return dock


def dab(window: MainWindow, v: float, u: float) -> None:
    assert window.workbench.document is not None
    assert window.workbench.session is not None
    window.workbench.session.do("brush", tools.brush(window.workbench.document, Plane.AXIAL, 0, [(v, u)], 5, 1))


def answer(text: str | None, asked: list[str]) -> None:
    """What a person types into the question for the name, as soon as it is there."""

    def typed() -> None:
        box = QApplication.activeModalWidget()
        assert isinstance(box, QInputDialog)
        asked.append(box.labelText())
        if text is None:
            box.reject()
        else:
            box.setTextValue(text)
            box.accept()

    QTimer.singleShot(50, typed)


def test_a_correction_is_saved_as_a_new_mask(opened: Open, wait: Wait, copied: Path) -> None:
    window = opened(copied)
    dock = dock_of(window)
    before = copied.read_bytes()
    dab(window, 40, 40)
    assert window.workbench.unsaved
    asked: list[str] = []
    answer("Dr. Li", asked)
    QTest.mouseClick(dock.save, Qt.MouseButton.LeftButton)
    wait()
    folder = copied.parent / "reviewed"
    assert {path.name for path in folder.iterdir()} == {"chest.reviewed.tif", "chest.reviewed.json"}
    record = load(ReviewRecord, folder / "chest.reviewed.json")
    assert (record.reviewer, record.pixels["foreground"] > 60) == ("Dr. Li", True)
    raw = read_labels(folder / "chest.reviewed.tif")
    assert window.workbench.document is not None
    assert np.array_equal(raw.values, window.workbench.document.outward())
    assert not window.workbench.unsaved
    assert not unsaved()
    assert "Dr. Li" in window.message.sentence
    # the second time nobody asks, and nothing is overwritten
    dab(window, 80, 80)
    window.activateWindow()
    canvas = window.view_page.canvases[0]
    canvas.setFocus()
    QApplication.processEvents()
    QTest.keyClick(canvas, Qt.Key.Key_R, Qt.KeyboardModifier.ControlModifier)
    wait()
    assert (folder / "chest.reviewed-2.tif").exists()
    assert len(asked) == 1
    assert copied.read_bytes() == before
    assert window.workbench.settings.value.reviewer == "Dr. Li"
    dock.actions_.undo.trigger()
    assert window.workbench.unsaved


def test_without_a_name_nothing_is_saved(opened: Open, wait: Wait, copied: Path) -> None:
    window = opened(copied)
    dab(window, 40, 40)
    answer(None, [])
    assert not dock_of(window).reviewing.save()
    assert not (copied.parent / "reviewed").exists()
    assert window.workbench.unsaved


def test_a_folder_that_cannot_be_written_is_told(opened: Open, wait: Wait, copied: Path) -> None:
    window = opened(copied)
    window.workbench.settings.keep(reviewer="Dr. Li")
    (copied.parent / "reviewed").write_text("a file", encoding="utf-8")
    dab(window, 40, 40)
    assert dock_of(window).reviewing.save()
    wait()
    assert window.message.level == "error"
    assert window.workbench.unsaved


def test_closing_asks_and_saves(opened: Open, wait: Wait, copied: Path) -> None:
    window = opened(copied)
    window.workbench.settings.keep(reviewer="Dr. Li")
    dock_of(window)
    dab(window, 40, 40)

    def choose_save() -> None:
        box = QApplication.activeModalWidget()
        assert isinstance(box, QMessageBox)
        box.defaultButton().click()

    QTimer.singleShot(50, choose_save)
    assert window.close()
    assert (copied.parent / "reviewed" / "chest.reviewed.tif").exists()
    assert not unsaved()


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL")
def test_after_a_crash_the_corrections_are_offered_and_come_back(
    window: MainWindow, wait: Wait, copied: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = """if True:
        import os, sys, time
        os.environ["QT_QPA_PLATFORM"] = "offscreen"
        from pathlib import Path
        from PySide6.QtCore import Qt
        from PySide6.QtTest import QTest
        from PySide6.QtWidgets import QApplication
        from delineate.desktop.program import settle
        from delineate.desktop.window import MainWindow
        from delineate.recipe import ModelRecord
        app = QApplication([])
        window = MainWindow(app, None, "en", "light")
        window.show()
        window.open([Path(sys.argv[1])])
        settle(lambda: not window.workbench.jobs.running, 60_000)
        bench = window.workbench
        bench.document.set_prediction(bench.document.outward(), None, ModelRecord(name="lungs"))
        dock, canvas = window.view_page.dock("correct"), window.view_page.canvases[0]
        dock.actions_.use("brush")
        left, none = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
        for place in (40, 80):
            QTest.mousePress(canvas, left, none, canvas.place(place, place).toPoint())
            if place == 40:
                QTest.mouseRelease(canvas, left, none, canvas.place(place, place).toPoint())
        bench.session.settle()
        print("ready", flush=True)  # the button is still down
        time.sleep(600)
    """
    child = subprocess.Popen([sys.executable, "-c", script, str(copied)], stdout=subprocess.PIPE, env=dict(os.environ))
    with child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"ready\n"
        assert correcting_recovery.offer(window.workbench, window) is None  # it still runs
        child.send_signal(signal.SIGKILL)
    box = correcting_recovery.offer(window.workbench, window)
    assert box is not None
    assert "chest.tif" in box.text()
    assert "lungs" in box.informativeText()
    later = box.findChild(QPushButton, "later")
    QTest.mouseClick(later, Qt.MouseButton.LeftButton)
    assert unsaved()
    box = correcting_recovery.offer(window.workbench, window)
    assert box is not None
    QTest.mouseClick(box.findChild(QPushButton, "restore"), Qt.MouseButton.LeftButton)
    wait()
    document = window.workbench.document
    assert document is not None
    assert document.model is not None
    assert document.model.name == "lungs"
    assert document.edited[0, 0, 40, 40] == document.edited[0, 0, 80, 80] == 1
    assert window.workbench.unsaved
    dock_of(window).actions_.undo.trigger()
    assert document.edited[0, 0, 80, 80] == 0
    assert isinstance(window.workbench.session, Session)
    window.workbench.session.saved()
    assert correcting_recovery.offer(window.workbench, window) is None


def test_unsaved_corrections_of_a_lost_image_are_told_and_can_be_deleted(
    opened: Open, window: MainWindow, wait: Wait, copied: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened(copied)
    dab(window, 40, 40)
    assert window.workbench.session is not None
    window.workbench.session.close(keep=True)
    copied.unlink()
    (lost,) = unsaved()
    correcting_recovery.recover(window.workbench, lost)
    wait()
    assert window.message.level == "error"
    assert unsaved()
    monkeypatch.setattr(QMessageBox, "question", lambda *_: QMessageBox.StandardButton.No)
    for answer, left in ((QMessageBox.StandardButton.No, 1), (QMessageBox.StandardButton.Yes, 0)):
        monkeypatch.setattr(QMessageBox, "question", lambda *_, answer=answer: answer)
        box = correcting_recovery.offer(window.workbench, window)
        assert box is not None
        QTest.mouseClick(box.findChild(QPushButton, "delete"), Qt.MouseButton.LeftButton)
        assert len(unsaved()) == left


def test_a_disk_that_refuses_the_journal_is_told_once(
    opened: Open, wait: Wait, copied: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    monkeypatch.setenv("DELINEATE_STATE", str(tmp_path / "file"))
    window = opened(copied)
    dock_of(window)
    told: list[str] = []
    window.workbench.said.connect(lambda level, sentence: told.append(level))
    dab(window, 40, 40)
    dab(window, 80, 80)
    assert told == ["warning"]
    assert window.workbench.document is not None
    assert window.workbench.document.edited.any()


def test_a_mask_that_is_there_is_corrected(
    opened: Open, wait: Wait, copied: Path, mask_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    window = opened(copied)
    dock = dock_of(window)
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(mask_file), ""))
    action = next(
        action for action in dock.actions_.menu.actions() if action.text() == window.workbench.text("desktop.act.mask-open")
    )
    action.trigger()
    wait()
    document = window.workbench.document
    assert document is not None
    assert document.edited[0, 0, 20:60, 30:70].all()
    assert document.edited.sum() == 40 * 40
    assert not window.workbench.unsaved
    dab(window, 90, 90)
    window.workbench.settings.keep(reviewer="Dr. Li")
    assert dock.reviewing.save()
    wait()
    record = load(ReviewRecord, copied.parent / "reviewed" / "chest.reviewed.json")
    assert record.model_provenance == {"mask_file": "mask.png"}
    assert record.changed_pixels["foreground"] > 60
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(copied), ""))  # an image is no mask
    action.trigger()
    wait()
    assert window.message.level == "error"
    assert window.workbench.document is document
