"""Sizes, distances and angles by real mouse and key events, against closed forms."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt, QUrl
from PySide6.QtGui import QDesktopServices, QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QFileDialog

from delineate.desktop.canvas import Canvas
from delineate.desktop.measuring import MeasureDock
from delineate.desktop.small_tables import content
from delineate.desktop.window import MainWindow
from delineate.editing import tools
from delineate.editing.planes import Plane

Open = Callable[[Path], MainWindow]
Wait = Callable[[], None]
LEFT, NONE, CTRL = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, Qt.KeyboardModifier.ControlModifier


def dock_of(window: MainWindow) -> MeasureDock:
    window.view_page.show_dock("measure")
    QApplication.processEvents()
    dock = window.view_page.dock("measure")
    assert isinstance(dock, MeasureDock)
    return dock


def canvas_of(window: MainWindow, plane: Plane) -> Canvas:
    canvas = window.view_page.grid.canvas(plane)
    canvas.setFocus()
    QApplication.processEvents()
    return canvas


def at(canvas: Canvas, v: float, u: float) -> QPoint:
    return canvas.place(v, u).toPoint()


def with_block(window: MainWindow) -> None:
    """4 × 10 × 20 voxels of 3 × 2 × 2 mm: 9.6 mL, as one step."""
    document, session = window.workbench.document, window.workbench.session
    assert document is not None
    assert session is not None
    for index in range(4, 8):
        session.do("lasso", tools.lasso(document, Plane.AXIAL, index, [(9.5, 9.5), (9.5, 29.5), (19.5, 29.5), (19.5, 9.5)], 1))


def test_the_table_of_sizes(opened: Open, wait: Wait, volume_file: Path) -> None:
    window = opened(volume_file)
    with_block(window)
    dock = dock_of(window)
    assert dock.table.rowCount() == 0
    QTest.mouseClick(dock.buttons["measure"], LEFT)
    wait()
    heads, cells = content(dock.table)
    row = dict(zip(heads, cells[0], strict=True))
    assert row["Class"] == "foreground"
    assert row["Volume, mL"] == f"{4 * 10 * 20 * 12 / 1000:.2f}"
    assert row["Pixels"] == "800"
    assert float(row["Longest, mm"]) == pytest.approx(np.hypot(20, 40), rel=0.02)
    assert dock._state.text() == window.workbench.text("desktop.measure.state.current")
    assert window.workbench.session is not None
    window.workbench.session.undo()
    assert dock._state.text() == window.workbench.text("desktop.measure.state.changed")
    dock._soon.stop()
    dock._follow_mask()  # what the timer does
    wait()
    assert content(dock.table)[1][0][heads.index("Volume, mL")] == f"{3 * 10 * 20 * 12 / 1000:.2f}"
    window.workbench.texts.use("zh")
    assert content(dock.table)[0][1] == "体积 (mL)"


def test_copy_and_export(opened: Open, wait: Wait, volume_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    window = opened(volume_file)
    with_block(window)
    dock = dock_of(window)
    dock.measure()
    wait()
    canvas = canvas_of(window, Plane.AXIAL)
    dock.use("distance")
    for place in (at(canvas, 10, 10), at(canvas, 10, 30)):
        QTest.mouseClick(canvas, LEFT, NONE, place)
    QTest.mouseClick(dock.buttons["copy"], LEFT)
    lines = QGuiApplication.clipboard().text().splitlines()
    assert lines[0].split("\t")[:2] == ["Class", "Volume, mL"]
    assert lines[1].split("\t")[:2] == ["foreground", "9.60"]
    assert lines[3].split("\t")[0] == "Ruler"
    assert lines[4].split("\t")[1].endswith(" mm")
    target = tmp_path / "out.csv"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(target), ""))
    QTest.mouseClick(dock.buttons["export"], LEFT)
    wait()
    with target.open(encoding="utf-8", newline="") as file:
        (row, *_) = csv.DictReader(file)
    assert float(row["volume_ml"]) == pytest.approx(9.6)
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(tmp_path / "out.csv" / "no.csv"), ""))
    dock.export()
    wait()
    assert window.message.level == "error"


@pytest.mark.parametrize(("plane", "down", "right"), [(Plane.AXIAL, 2, 2), (Plane.CORONAL, 3, 2), (Plane.SAGITTAL, 3, 2)])
def test_a_distance_by_drag_and_by_clicks(opened: Open, volume_file: Path, plane: Plane, down: int, right: int) -> None:
    window = opened(volume_file)
    dock = dock_of(window)
    canvas = canvas_of(window, plane)
    QTest.keyClick(canvas, Qt.Key.Key_M)
    assert dock.choices["distance"].isChecked()
    assert window.workbench.interaction is dock.tools["distance"]
    ends = (at(canvas, 2, 5), at(canvas, 8, 30))
    QTest.mousePress(canvas, LEFT, NONE, ends[0])
    QTest.mouseMove(canvas, at(canvas, 5, 20))
    QTest.mouseMove(canvas, ends[1])
    QTest.mouseRelease(canvas, LEFT, NONE, ends[1])
    for place in ends:
        QTest.mouseClick(canvas, LEFT, NONE, place)
    assert window.workbench.document is not None
    grid = window.workbench.document.grid
    values = [ruler.value(grid) for ruler in dock.rulers.kept]
    assert len(values) == 2
    (v0, u0), (v1, u1) = dock.rulers.kept[0].points
    wanted = np.hypot((v1 - v0) * down, (u1 - u0) * right)
    for value in values:
        assert value is not None
        assert value[1] == "mm"
        assert value[0] == pytest.approx(wanted, abs=1.0)
    assert wanted == pytest.approx(np.hypot(6 * down, 25 * right), rel=0.05)
    assert not window.workbench.document.edited.any()


def test_an_angle_and_what_escape_and_delete_do(opened: Open, volume_file: Path) -> None:
    window = opened(volume_file)
    dock = dock_of(window)
    canvas = canvas_of(window, Plane.AXIAL)
    QTest.keyClick(canvas, Qt.Key.Key_J)
    for v, u in ((10, 30), (30, 30), (30, 10)):
        QTest.mouseClick(canvas, LEFT, NONE, at(canvas, v, u))
    (ruler,) = dock.rulers.kept
    assert window.workbench.document is not None
    value = ruler.value(window.workbench.document.grid)
    assert value is not None
    assert value == (pytest.approx(90, abs=2), "°")
    assert content(dock.list)[1][0] == ["1: angle", f"{value[0]:.1f}°", f"Axial {ruler.index + 1}"]
    QTest.mouseClick(canvas, LEFT, NONE, at(canvas, 10, 10))
    QTest.keyClick(canvas, Qt.Key.Key_Escape)  # the half one
    assert window.workbench.interaction is dock.tools["angle"]
    QTest.keyClick(canvas, Qt.Key.Key_Escape)
    assert window.workbench.interaction is None
    assert len(dock.rulers.kept) == 1
    QTest.keyClick(canvas, Qt.Key.Key_Delete)
    assert not dock.rulers.kept
    assert dock.list.rowCount() == 0


def test_a_ruler_is_drawn_on_its_slice_only(opened: Open, volume_file: Path) -> None:
    window = opened(volume_file)
    dock = dock_of(window)
    canvas = canvas_of(window, Plane.AXIAL)
    plain = canvas.grab().toImage()
    dock.use("distance")
    for v, u in ((10, 10), (30, 40)):
        QTest.mouseClick(canvas, LEFT, NONE, at(canvas, v, u))
    window.workbench.set_interaction(None)
    assert canvas.grab().toImage() != plain
    bench = window.workbench
    assert bench.view is not None
    bench.set_view(bench.view.scrolled(canvas.frame, 1))
    elsewhere = canvas.grab().toImage()
    dock.rulers.clear()
    assert canvas.grab().toImage() == elsewhere


def test_rulers_go_with_the_image(opened: Open, volume_file: Path, slice_file: Path) -> None:
    window = opened(volume_file)
    dock = dock_of(window)
    canvas = canvas_of(window, Plane.AXIAL)
    dock.use("distance")
    for v, u in ((10, 10), (30, 40)):
        QTest.mouseClick(canvas, LEFT, NONE, at(canvas, v, u))
    assert dock.rulers.kept
    opened(slice_file)
    assert not dock.rulers.kept
    assert not dock.actions_["surface"].isEnabled()
    canvas = canvas_of(window, Plane.AXIAL)
    dock.use("distance")
    for v, u in ((10, 10), (10, 40)):
        QTest.mouseClick(canvas, LEFT, NONE, at(canvas, v, u))
    assert window.workbench.document is not None
    value = dock.rulers.kept[0].value(window.workbench.document.grid)
    assert value == (pytest.approx(30, abs=1), "px")
    assert "pixels" in dock._state.text()


def test_the_surface_page_is_made_and_opened(opened: Open, wait: Wait, volume_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[QUrl] = []
    monkeypatch.setattr(QDesktopServices, "openUrl", lambda url: shown.append(url) or True)
    window = opened(volume_file)
    dock = dock_of(window)
    dock.show_surfaces()
    wait()
    assert window.message.level == "error"  # nothing is drawn yet
    assert not shown
    with_block(window)
    QTest.mouseClick(dock.buttons["surface"], LEFT)
    wait()
    (url,) = shown
    assert "foreground" in Path(url.toLocalFile()).read_text(encoding="utf-8")


def test_a_ruler_put_down_by_a_brush(opened: Open, volume_file: Path) -> None:
    """One thing in hand at a time, and both toolbars say so."""
    window = opened(volume_file)
    dock = dock_of(window)
    canvas = canvas_of(window, Plane.AXIAL)
    dock.use("distance")
    QTest.mouseClick(canvas, LEFT, NONE, at(canvas, 10, 10))
    QTest.keyClick(canvas, Qt.Key.Key_D)
    assert not dock.choices["distance"].isChecked()
    assert not dock.rulers.kept
    QTest.keyClick(canvas, Qt.Key.Key_M)
    assert dock.choices["distance"].isChecked()
