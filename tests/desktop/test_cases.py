"""The Cases dock: listed, sorted, filtered, opened by mouse and keys; thumbnails come by themselves; reviews are seen."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from tests.desktop.conftest import Wait

from delineate.desktop.cases import CasesDock
from delineate.desktop.program import settle
from delineate.desktop.window import MainWindow
from delineate.editing.case_list import ORDERS
from delineate.editing.reviewed import save_reviewed
from delineate.synthetic import make_dataset


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run folder of four slices, of which two were scored."""
    data = make_dataset(tmp_path / "data", patients=2, slices=2, size=64, seed=2)
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "options.json").write_text(json.dumps({"data": str(data), "reading": {}}))
    with (folder / "cases.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["part", "group", "class", "dice"])
        writer.writerows([["test", "patient_002/patient_002_1", "lung", 0.9], ["test", "patient_002/patient_002_2", "lung", 0.4]])
    return folder


@pytest.fixture
def dock(window: MainWindow, run: Path, wait: Wait) -> CasesDock:
    found = window.view_page.dock("cases")
    assert isinstance(found, CasesDock)
    window.view_page.show_dock("cases")
    found.show_folder(run)
    wait()
    return found


def names(dock: CasesDock) -> list[str]:
    return [case.name.rpartition("/")[2] for case in dock.model.cases]


def click(dock: CasesDock, row: int) -> None:
    place = dock.view.visualRect(dock.model.index(row, 0)).center()
    QTest.mouseClick(dock.view.viewport(), Qt.MouseButton.LeftButton, pos=place)


def test_a_run_is_listed_worst_first_and_told(dock: CasesDock) -> None:
    assert names(dock) == ["patient_002_2", "patient_002_1", "patient_001_1", "patient_001_2"]
    assert dock.order.currentIndex() == ORDERS.index("worst")
    assert dock._count.text() == "4 of 4 cases · 0 reviewed"
    dock.workbench.texts.use("zh")
    assert "个病例" in dock._count.text() and dock.order.currentText() == "最差优先"


def test_the_filter_and_the_order_by_keys(dock: CasesDock) -> None:
    dock.filter.setFocus()
    QTest.keyClicks(dock.filter, "002_1")
    assert settle(lambda: names(dock) == ["patient_002_1"], 3000)
    QTest.keyClick(dock.filter, Qt.Key.Key_A, Qt.KeyboardModifier.ControlModifier)
    QTest.keyClick(dock.filter, Qt.Key.Key_Delete)
    assert settle(lambda: len(names(dock)) == 4, 3000)
    dock.order.setFocus()
    QTest.keyClick(dock.order, Qt.Key.Key_Home)
    dock.order.activated.emit(dock.order.currentIndex())
    assert names(dock) == ["patient_001_1", "patient_001_2", "patient_002_1", "patient_002_2"]


def test_a_click_opens_and_the_keys_follow_the_order_that_is_seen(dock: CasesDock, window: MainWindow, wait: Wait) -> None:
    click(dock, 0)
    wait()
    document = window.workbench.document
    assert document is not None and document.image.path is not None and document.image.path.name == "patient_002_2.tif"
    QTest.keyClick(window, Qt.Key.Key_N)
    wait()
    assert window.workbench.document is not None
    assert window.workbench.document.image.path == dock.model.cases[1].path
    assert dock.view.currentIndex().row() == 1
    QTest.keyClick(window, Qt.Key.Key_P)
    wait()
    assert dock.view.currentIndex().row() == 0
    # Keys in the list itself: letters go on as everywhere, Enter opens the chosen row.
    dock.view.setFocus()
    QTest.keyClick(dock.view, Qt.Key.Key_Down)
    QTest.keyClick(dock.view, Qt.Key.Key_Return)
    wait()
    assert window.workbench.document.image.path == dock.model.cases[1].path


def test_thumbnails_come_by_themselves(dock: CasesDock) -> None:
    dock.view.viewport().repaint()
    role = Qt.ItemDataRole.DecorationRole
    assert settle(lambda: all(dock.model.data(dock.model.index(row, 0), role) is not None for row in range(4)), 10_000)
    picture = dock.model.data(dock.model.index(0, 0), role)
    assert max(picture.width(), picture.height()) == 56
    shown = dock.view.grab().toImage()
    assert len({shown.pixelColor(x, 30).name() for x in range(12, 60)}) > 8  # an image, not a black box


def test_a_review_of_the_open_case_is_marked(dock: CasesDock, window: MainWindow, wait: Wait) -> None:
    click(dock, 2)
    wait()
    document = window.workbench.document
    assert document is not None and document.image.path is not None
    save_reviewed(document, document.image.path.parent / "reviewed", "R")
    window.workbench.labels_changed.emit([])  # what saving tells
    assert [case.reviewed for case in dock.model.cases] == [False, False, True, False]
    assert "1 reviewed" in dock._count.text()


def test_a_folder_without_images_is_said(dock: CasesDock, window: MainWindow, wait: Wait, tmp_path: Path) -> None:
    (tmp_path / "nothing").mkdir()
    dock.show_folder(tmp_path / "nothing")
    wait()
    assert window.message.level == "error" and "nothing" in window.message.sentence
    assert len(dock.model.cases) == 4  # what was there stays
    assert dock.view.indexAt(QPoint(5, 5)).row() == 0
    QApplication.processEvents()
