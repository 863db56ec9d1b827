"""Looking: mouse, wheel and keys on the canvases, by real events."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QImage, QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from delineate.desktop.canvas import Canvas
from delineate.desktop.window import MainWindow
from delineate.editing import tools
from delineate.editing.planes import Plane
from delineate.editing.view import PRESETS, ViewState

Open = Callable[[Path], MainWindow]
NO_KEYS = Qt.KeyboardModifier.NoModifier


def canvas_of(window: MainWindow, plane: Plane = Plane.AXIAL) -> Canvas:
    return window.view_page.grid.canvas(plane)


def view_of(window: MainWindow) -> ViewState:
    assert window.workbench.view is not None
    return window.workbench.view


def at(canvas: Canvas, v: float, u: float) -> QPoint:
    return canvas.place(v, u).toPoint()


def wheel(
    canvas: Canvas, steps: int, modifiers: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier, where: QPoint | None = None
) -> None:
    place = QPointF(where or canvas.rect().center())
    event = QWheelEvent(
        place,
        QPointF(canvas.mapToGlobal(place.toPoint())),
        QPoint(),
        QPoint(0, 120 * steps),
        Qt.MouseButton.NoButton,
        modifiers,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(canvas, event)


def drag(canvas: Canvas, button: Qt.MouseButton, start: QPoint, end: QPoint, modifiers: Qt.KeyboardModifier | None = None) -> None:
    keys = modifiers or Qt.KeyboardModifier.NoModifier
    QTest.mousePress(canvas, button, keys, start)
    QTest.mouseMove(canvas, end)
    QTest.mouseRelease(canvas, button, keys, end)
    QApplication.processEvents()


def test_a_volume_has_three_planes_and_a_picture_one(opened: Open, volume_file: Path, slice_file: Path) -> None:
    window = opened(volume_file)
    assert [not canvas.isHidden() for canvas in window.view_page.canvases] == [True, True, True]
    window = opened(slice_file)
    assert [not canvas.isHidden() for canvas in window.view_page.canvases] == [True, False, False]


def test_a_click_moves_the_crosshair_and_the_other_planes(opened: Open, volume_file: Path) -> None:
    window = opened(volume_file)
    canvas = canvas_of(window)
    QTest.mouseClick(canvas, Qt.MouseButton.LeftButton, pos=at(canvas, 11, 33))
    assert view_of(window).crosshair == (6, 11, 33)
    assert window.workbench.plane is Plane.AXIAL
    coronal = canvas_of(window, Plane.CORONAL)
    QTest.mouseClick(coronal, Qt.MouseButton.LeftButton, pos=at(coronal, 2, 20))  # head up: v 2 is slice 9
    assert view_of(window).crosshair == (9, 11, 20)
    assert window.workbench.plane is Plane.CORONAL


def test_the_wheel_scrolls_slices_and_stops_at_the_end(opened: Open, volume_file: Path) -> None:
    window = opened(volume_file)
    wheel(canvas_of(window), 1)
    assert view_of(window).crosshair == (7, 20, 25)
    wheel(canvas_of(window), -1)
    wheel(canvas_of(window), -3)
    assert view_of(window).crosshair == (3, 20, 25)
    wheel(canvas_of(window, Plane.SAGITTAL), 100)
    assert view_of(window).crosshair == (3, 20, 49)


def test_ctrl_and_wheel_zoom_at_the_pointer(opened: Open, volume_file: Path) -> None:
    window = opened(volume_file)
    canvas = canvas_of(window)
    zoom, where = view_of(window).zoom, at(canvas, 8, 10)
    before = canvas.pointer(QPointF(where), Qt.MouseButton.NoButton, Qt.KeyboardModifier.NoModifier)
    wheel(canvas, 1, Qt.KeyboardModifier.ControlModifier, where)
    after = canvas.pointer(QPointF(where), Qt.MouseButton.NoButton, Qt.KeyboardModifier.NoModifier)
    assert view_of(window).zoom > zoom
    assert (after.v, after.u) == pytest.approx((before.v, before.u))
    assert view_of(window).crosshair == (6, 20, 25)


def test_right_drag_changes_the_window_and_middle_drag_moves(opened: Open, volume_file: Path) -> None:
    window = opened(volume_file)
    canvas, middle = canvas_of(window), canvas_of(window).rect().center()
    before = view_of(window)
    drag(canvas, Qt.MouseButton.RightButton, middle, middle + QPoint(40, 30))
    assert view_of(window).window == before.window.dragged(40, 30, canvas.pixels)
    assert view_of(window).centres == before.centres
    drag(canvas, Qt.MouseButton.MiddleButton, middle, middle + QPoint(30, 10))
    v, u = before.centres[Plane.AXIAL]
    assert view_of(window).centres[Plane.AXIAL] == pytest.approx((v - 10 / before.zoom, u - 30 / before.zoom))
    assert view_of(window).crosshair == before.crosshair


def test_left_drag_moves_a_plane_picture(opened: Open, slice_file: Path) -> None:
    window = opened(slice_file)
    canvas, before = canvas_of(window), view_of(window)
    middle = canvas.rect().center()
    drag(canvas, Qt.MouseButton.LeftButton, middle, middle + QPoint(25, -15))
    v, u = before.centres[Plane.AXIAL]
    assert view_of(window).centres[Plane.AXIAL] == pytest.approx((v + 15 / before.zoom, u - 25 / before.zoom))


@pytest.mark.parametrize(
    ("key", "modifiers", "crosshair"),
    [
        (Qt.Key.Key_PageUp, Qt.KeyboardModifier.NoModifier, (7, 20, 25)),
        (Qt.Key.Key_S, Qt.KeyboardModifier.NoModifier, (5, 20, 25)),
        (Qt.Key.Key_Home, Qt.KeyboardModifier.NoModifier, (0, 20, 25)),
        (Qt.Key.Key_End, Qt.KeyboardModifier.NoModifier, (11, 20, 25)),
        (Qt.Key.Key_PageDown, Qt.KeyboardModifier.ControlModifier, (0, 20, 25)),
        (Qt.Key.Key_Up, Qt.KeyboardModifier.NoModifier, (6, 19, 25)),
        (Qt.Key.Key_Right, Qt.KeyboardModifier.NoModifier, (6, 20, 26)),
    ],
)
def test_keys_move_through_the_volume(
    opened: Open, volume_file: Path, key: Qt.Key, modifiers: Qt.KeyboardModifier, crosshair: tuple[int, int, int]
) -> None:
    window = opened(volume_file)
    QTest.keyClick(canvas_of(window), key, modifiers)
    assert view_of(window).crosshair == crosshair


def test_keys_act_on_the_plane_that_has_the_focus(opened: Open, volume_file: Path) -> None:
    window = opened(volume_file)
    canvas_of(window).setFocus()
    QTest.keyClick(canvas_of(window), Qt.Key.Key_Tab)
    assert window.workbench.plane is Plane.CORONAL
    QTest.keyClick(canvas_of(window, Plane.CORONAL), Qt.Key.Key_PageUp)
    assert view_of(window).crosshair == (6, 21, 25)


def test_keys_change_what_is_seen(opened: Open, volume_file: Path) -> None:
    window = opened(volume_file)
    canvas = canvas_of(window)
    fitted = view_of(window)
    QTest.keyClick(canvas, Qt.Key.Key_Plus)
    assert view_of(window).zoom == pytest.approx(fitted.zoom * 1.25)
    QTest.keyClick(canvas, Qt.Key.Key_Left, Qt.KeyboardModifier.ShiftModifier)
    QTest.keyClick(canvas, Qt.Key.Key_F)
    assert (view_of(window).zoom, view_of(window).centres) == (pytest.approx(fitted.zoom), fitted.centres)
    QTest.keyClick(canvas, Qt.Key.Key_1, Qt.KeyboardModifier.ControlModifier)
    assert view_of(window).zoom == pytest.approx(1)
    QTest.keyClick(canvas, Qt.Key.Key_1, Qt.KeyboardModifier.AltModifier)
    assert view_of(window).window == PRESETS["lung"]
    QTest.keyClick(canvas, Qt.Key.Key_0, Qt.KeyboardModifier.AltModifier)
    assert view_of(window).window == fitted.window
    QTest.keyClick(canvas, Qt.Key.Key_Right, Qt.KeyboardModifier.AltModifier)
    assert view_of(window).window.width > fitted.window.width
    QTest.keyClick(canvas, Qt.Key.Key_O)
    assert view_of(window).outline
    QTest.keyClick(canvas, Qt.Key.Key_Period)
    assert view_of(window).opacity == pytest.approx(0.5)
    QTest.keyClick(canvas, Qt.Key.Key_X)
    assert view_of(window).show_crosshair
    QTest.keyClick(canvas, Qt.Key.Key_B)
    assert view_of(window).layer == "none"
    QTest.keyClick(canvas, Qt.Key.Key_B)
    assert view_of(window).layer == "edited"


def test_one_plane_alone_by_key_and_double_click(opened: Open, volume_file: Path) -> None:
    window = opened(volume_file)
    shown = lambda: [canvas.plane for canvas in window.view_page.canvases if not canvas.isHidden()]  # noqa: E731
    QTest.keyClick(canvas_of(window), Qt.Key.Key_F3)
    assert shown() == [Plane.CORONAL]
    QTest.keyClick(canvas_of(window, Plane.CORONAL), Qt.Key.Key_F5)
    assert shown() == list(Plane)
    QTest.mouseDClick(canvas_of(window, Plane.SAGITTAL), Qt.MouseButton.LeftButton)
    assert shown() == [Plane.SAGITTAL]
    QTest.mouseDClick(canvas_of(window, Plane.SAGITTAL), Qt.MouseButton.LeftButton)
    assert shown() == list(Plane)


def test_fit_shows_the_whole_of_every_plane(opened: Open, volume_file: Path) -> None:
    window = opened(volume_file)
    for canvas in window.view_page.canvases:
        rows, columns = canvas.frame.shape
        area = canvas.rect().adjusted(-1, -1, 1, 1)
        assert area.contains(at(canvas, -0.5, -0.5))
        assert area.contains(at(canvas, rows - 0.5, columns - 0.5))


def test_the_readout_tells_place_value_and_class(opened: Open, volume_file: Path) -> None:
    window = opened(volume_file)
    document, session = window.workbench.document, window.workbench.session
    assert document is not None
    assert session is not None
    session.do("brush", tools.brush(document, Plane.AXIAL, 6, [(11, 33)], 2, 1))
    canvas = canvas_of(window)
    QTest.mouseMove(canvas, at(canvas, 11, 33))
    text = window.status.readout.text()
    assert text.startswith("(33, 11, 6)")
    assert "R -66.0  A -22.0  S 18.0 mm" in text
    assert "611" in text
    assert "foreground" in text
    QTest.mouseMove(canvas, at(canvas, 30, 10))
    assert "background" in window.status.readout.text()
    QTest.mouseMove(canvas, QPoint(2, 2))
    assert window.status.readout.text() == ""


def test_an_edit_repaints_its_rectangle_to_what_a_whole_repaint_gives(opened: Open, volume_file: Path) -> None:
    window = opened(volume_file)
    document, session = window.workbench.document, window.workbench.session
    assert document is not None
    assert session is not None
    canvas = canvas_of(window)
    rectangles = []
    canvas.update = lambda *where: rectangles.append(where)  # type: ignore[method-assign]
    session.do("brush", tools.brush(document, Plane.AXIAL, 6, [(11, 33)], 3, 1))
    session.do("brush", tools.brush(document, Plane.AXIAL, 2, [(11, 33)], 3, 1))  # another slice: nothing to paint here
    del canvas.update
    ((rectangle,),) = rectangles
    assert rectangle.contains(at(canvas, 11, 33))
    assert rectangle.width() * rectangle.height() < canvas.width() * canvas.height() / 4
    whole = grabbed(canvas)
    part = QImage(whole.size(), whole.format())
    part.fill(Qt.GlobalColor.black)
    canvas.render(part, rectangle.topLeft(), rectangle)  # paints only that part
    cut = lambda picture: array_of(picture.copy(rectangle))  # noqa: E731
    assert np.array_equal(cut(part), cut(whole))


def grabbed(canvas: Canvas) -> QImage:
    return canvas.grab().toImage().convertToFormat(QImage.Format.Format_RGB32)


def array_of(image: QImage) -> np.ndarray:
    image = image.convertToFormat(QImage.Format.Format_RGB888)
    flat = np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), image.bytesPerLine())
    return flat[:, : 3 * image.width()].reshape(image.height(), image.width(), 3).copy()  # Qt frees the bytes with the image


def test_the_picture_is_the_renderers(opened: Open, slice_file: Path) -> None:
    window = opened(slice_file)
    canvas = canvas_of(window)
    assert window.workbench.renderer is not None
    drawn = window.workbench.renderer.draw(view_of(window), Plane.AXIAL, canvas.pixels)
    shown = array_of(grabbed(canvas))
    middle = np.s_[100:-100, 100:-200]  # away from the marks
    assert np.array_equal(shown[middle], drawn[middle])
