"""Every tool by real mouse and key events: the labels afterwards are what the core's tool gives."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import QMouseEvent, QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QInputDialog, QWidget
from tests.desktop.hand import CTRL, LEFT, NONE, SHIFT, Hand

from delineate.desktop.window import MainWindow
from delineate.domain import LabelSet
from delineate.editing import tools
from delineate.editing.between import interpolate
from delineate.editing.changes import Change
from delineate.editing.document import Document
from delineate.editing.planes import Plane

Open = Callable[[Path], MainWindow]
PLANES = pytest.mark.parametrize("plane", list(Plane))
TWO = LabelSet(kind="exclusive", names=("one", "two"))


@pytest.fixture
def hand(opened: Open, volume_file: Path) -> Callable[[Plane], Hand]:
    def taken(plane: Plane = Plane.AXIAL) -> Hand:
        window = opened(volume_file)
        document = window.workbench.document
        assert document is not None
        document.label_set = TWO
        window.workbench.document_changed.emit()
        QApplication.processEvents()
        return Hand(window, plane)

    return taken


def stroke(
    hand: Hand, tool: Callable[..., Change | None], points: list[tuple[float, float]], label: int = 1
) -> list[Callable[[Document], Change | None]]:
    radius, plane, index = hand.dock.options.radius, hand.plane, hand.index
    pairs = [points[:1], *([a, b] for a, b in pairwise(points) if a != b)]
    return [lambda document, pair=pair: tool(document, plane, index, pair, radius, label) for pair in pairs]  # type: ignore[misc]


@PLANES
def test_brush_and_eraser_on_every_plane(hand: Callable[[Plane], Hand], plane: Plane) -> None:
    it = hand(plane)
    it.dock.options.set(radius=3.0)
    it.key(Qt.Key.Key_D)
    assert it.bench.interaction is it.dock.actions_.tools["brush"]
    v, u = (n / 2 for n in it.canvas.frame.shape)
    painted = it.drag([it.on(v, u - 6), it.on(v + 1, u), it.on(v + 1, u + 5)])
    wanted = it.expect(*stroke(it, tools.brush, painted))
    assert wanted.any()
    assert np.array_equal(it.labels, wanted)
    assert it.done == ("brush",)
    it.key(Qt.Key.Key_E)
    erased = it.drag([it.on(v, u), it.on(v + 2, u + 2)])
    assert np.array_equal(it.labels, it.expect(*stroke(it, tools.eraser, erased), begin=wanted))
    it.key(Qt.Key.Key_Z, CTRL)
    assert np.array_equal(it.labels, wanted)
    it.key(Qt.Key.Key_Z, CTRL)
    assert not it.labels.any()
    it.key(Qt.Key.Key_Z, CTRL | SHIFT)
    assert np.array_equal(it.labels, wanted)
    it.key(Qt.Key.Key_D)
    erased = it.drag([it.on(v, u)], SHIFT)
    assert np.array_equal(it.labels, it.expect(*stroke(it, tools.eraser, erased), begin=wanted))
    assert it.dock.actions_.redo.isEnabled() is False


@PLANES
def test_smart_brush(hand: Callable[[Plane], Hand], plane: Plane) -> None:
    it = hand(plane)
    it.dock.options.set(radius=4.0, strictness=1.0)
    it.key(Qt.Key.Key_A)
    v, u = (n / 2 for n in it.canvas.frame.shape)
    painted = it.drag([it.on(v, u), it.on(v, u + 4)])
    wanted = it.expect(*stroke(it, lambda *a: tools.smart_brush(*a, strictness=1.0), painted))
    plain = it.expect(*stroke(it, tools.brush, painted))
    assert np.array_equal(it.labels, wanted)
    assert 0 < wanted.sum() < plain.sum()


@PLANES
def test_lasso_and_polygon(hand: Callable[[Plane], Hand], plane: Plane) -> None:
    it = hand(plane)
    v, u = (n / 2 for n in it.canvas.frame.shape)
    corners = [it.on(v - 3, u - 6), it.on(v - 3, u + 6), it.on(v + 3, u + 6), it.on(v + 3, u - 6)]
    it.key(Qt.Key.Key_L)
    drawn = it.drag(corners)
    wanted = it.expect(lambda d: tools.lasso(d, plane, it.index, drawn, 1))
    assert wanted.sum() >= 5 * 11
    assert np.array_equal(it.labels, wanted)
    it.key(Qt.Key.Key_2)
    it.key(Qt.Key.Key_G)
    for point in corners[:3]:
        QTest.mouseClick(it.canvas, LEFT, NONE, point)
    assert np.array_equal(it.labels, wanted)  # not closed yet
    it.key(Qt.Key.Key_Return)
    points = [it.under(point) for point in corners[:3]]
    second = it.expect(lambda d: tools.lasso(d, plane, it.index, points, 2), begin=wanted)
    assert np.array_equal(it.labels, second)
    assert (second == 2).any()
    assert it.done == ("lasso", "polygon")


def test_a_polygon_is_closed_and_taken_back_in_every_way(hand: Callable[[Plane], Hand]) -> None:
    it = hand(Plane.AXIAL)
    it.key(Qt.Key.Key_G)
    corners = [it.on(10, 10), it.on(10, 30), it.on(25, 30), it.on(25, 10)]

    def click(which: Sequence[QPoint]) -> None:
        for point in which:
            QTest.mouseClick(it.canvas, LEFT, NONE, point)

    click([*corners, corners[0]])  # on the first corner
    whole = it.labels.copy()
    assert whole.any()
    it.key(Qt.Key.Key_Z, CTRL)
    click(corners[:3])
    QTest.mouseDClick(it.canvas, LEFT, NONE, corners[3])
    three = it.labels.copy()
    assert 0 < three.sum() < whole.sum()
    it.key(Qt.Key.Key_Z, CTRL)
    click(corners)
    it.key(Qt.Key.Key_Backspace)
    it.key(Qt.Key.Key_Return)
    assert np.array_equal(it.labels, three)
    it.key(Qt.Key.Key_Z, CTRL)
    click(corners)
    it.key(Qt.Key.Key_Escape)  # gives the outline up, and keeps the tool
    assert it.bench.interaction is it.dock.actions_.tools["polygon"]
    it.key(Qt.Key.Key_Return)
    assert not it.labels.any()
    it.key(Qt.Key.Key_Escape)
    assert it.bench.interaction is None


@PLANES
def test_fill_and_component(hand: Callable[[Plane], Hand], plane: Plane) -> None:
    it = hand(plane)
    it.key(Qt.Key.Key_K)
    it.dock.options.set(tolerance=2.0 if plane is Plane.AXIAL else 100.0)
    place = it.on(it.canvas.frame.shape[0] / 2, 12)
    QTest.mouseClick(it.canvas, LEFT, NONE, place)
    v, u = (round(x) for x in it.under(place))
    wanted = it.expect(lambda d: tools.fill(d, plane, it.index, (v, u), it.dock.options.tolerance, 1))
    assert wanted.any()
    assert np.array_equal(it.labels, wanted)
    QTest.mouseClick(it.canvas, LEFT, NONE, QPoint(1, 1))  # beside the image
    it.key(Qt.Key.Key_C)
    QTest.mouseClick(it.canvas, LEFT, NONE, place)
    assert not it.labels.any()
    assert it.done == ("fill", "component")


def test_components_of_the_volume_or_of_the_slice(hand: Callable[[Plane], Hand]) -> None:
    it = hand(Plane.CORONAL)
    it.labels[0, 2:9, 18:23, 20:30] = 1
    it.labels[0, 2:9, 18:23, 40:45] = 2
    begin = it.labels.copy()
    it.key(Qt.Key.Key_C)
    v, u = it.canvas.frame.point((5, 20, 25))
    QTest.mouseClick(it.canvas, LEFT, NONE, it.on(v, u))
    assert np.array_equal(
        it.labels, it.expect(lambda d: tools.delete_component(d, (5, 20, 25), "slice", Plane.CORONAL), begin=begin)
    )
    assert (it.labels == 1).any()
    it.key(Qt.Key.Key_Z, CTRL)
    it.dock.where.setCurrentIndex(1)
    it.dock.where.activated.emit(1)
    QTest.mouseClick(it.canvas, LEFT, NONE, it.on(v, u))
    assert not (it.labels == 1).any()
    assert np.array_equal(it.labels == 2, begin == 2)


def test_grow_shrink_holes_and_interpolation(hand: Callable[[Plane], Hand]) -> None:
    it = hand(Plane.AXIAL)
    for index in (2, 9):
        it.labels[0, index, 10:25, 10:30] = 1
        it.labels[0, index, 15:18, 15:18] = 0
    begin = it.labels.copy()
    it.bench.set_view(it.canvas.view.scrolled(it.canvas.frame, 2 - it.index))
    it.key(Qt.Key.Key_H)
    holes = it.expect(lambda d: tools.fill_holes(d, 1, "slice", (2, 0, 0)), begin=begin)
    assert np.array_equal(it.labels, holes)
    assert holes[0, 2].sum() == 15 * 20
    QTest.mouseClick(it.dock.buttons["grow"], LEFT)
    grown = it.expect(lambda d: tools.grow(d, 1, 1, "slice", (2, 0, 0)), begin=holes)
    assert np.array_equal(it.labels, grown)
    it.key(Qt.Key.Key_BracketLeft, CTRL)
    assert np.array_equal(it.labels, holes)
    it.key(Qt.Key.Key_I)
    between = it.expect(lambda d: interpolate(d, Plane.AXIAL, 1, 0, 11), begin=holes)
    assert between[0, 5].any()
    assert np.array_equal(it.labels, between)
    assert it.done == ("holes", "grow", "shrink", "interpolate")


def test_work_on_much_is_a_job(hand: Callable[[Plane], Hand], wait: Callable[[], None], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("delineate.desktop.correcting_steps.AT_ONCE", 10)
    it = hand(Plane.AXIAL)
    it.labels[0, 3:8, 10:25, 10:30] = 1
    begin = it.labels.copy()
    it.dock.options.set(volume=True, distance=2.0)
    it.dock.actions_.operations["grow"].trigger()
    assert np.array_equal(it.labels, begin)
    wait()
    assert np.array_equal(it.labels, it.expect(lambda d: tools.grow(d, 1, 2), begin=begin))
    it.dock.actions_.operations["shrink"].trigger()
    it.document.apply(tools.brush(it.document, Plane.AXIAL, 0, [(3, 3)], 2, 1))  # type: ignore[arg-type] - painted meanwhile
    kept = it.labels.copy()
    wait()
    assert np.array_equal(it.labels, kept)
    assert it.window.message.level == "warning"


def test_sizes_and_classes_by_keys_and_wheel(hand: Callable[[Plane], Hand]) -> None:
    it = hand(Plane.AXIAL)
    it.key(Qt.Key.Key_D)
    before = it.dock.options.radius
    it.key(Qt.Key.Key_BracketRight)
    assert it.dock.options.radius > before
    assert it.dock.radius.value() == it.dock.options.radius
    it.key(Qt.Key.Key_BracketLeft)
    assert it.dock.options.radius == pytest.approx(before, abs=0.5)
    place = QPointF(it.on(20, 20))
    event = QWheelEvent(place, place, QPoint(), QPoint(0, 120), Qt.MouseButton.NoButton, SHIFT, Qt.ScrollPhase.NoScrollPhase, False)
    index = it.index
    QApplication.sendEvent(it.canvas, event)
    assert it.dock.options.radius > before
    assert it.index == index
    it.key(Qt.Key.Key_2)
    assert it.dock.options.label == 2
    assert it.dock.classes.currentRow() == 1
    it.drag([it.on(20, 20)])
    assert set(np.unique(it.labels)) == {0, 2}
    it.dock.classes.setCurrentRow(0)
    assert it.dock.options.label == 1
    QTest.mouseClick(it.canvas, LEFT, CTRL, it.on(20, 20))
    assert it.dock.options.label == 2
    for key in (Qt.Key.Key_3, Qt.Key.Key_9):
        it.key(key)
        assert it.dock.options.label == 2


def test_only_what_changed_is_painted_again(hand: Callable[[Plane], Hand]) -> None:
    it = hand(Plane.AXIAL)
    it.key(Qt.Key.Key_D)
    it.dock.options.set(radius=2.0)
    QTest.mouseMove(it.canvas, it.on(20, 20))
    QApplication.processEvents()
    renderer = it.bench.renderer
    assert renderer is not None
    parts: list[tuple[int, int]] = []
    draw = renderer.draw

    def noted(view, plane, size, part=None):  # type: ignore[no-untyped-def]
        if plane is Plane.AXIAL:
            parts.append((size[0] * size[1], part[2] * part[3]))
        return draw(view, plane, size, part)

    renderer.draw = noted  # type: ignore[method-assign]
    it.drag([it.on(20, 20), it.on(20, 22)])
    assert parts
    assert all(part < whole / 4 for whole, part in parts)


def test_quick_clicks_are_dabs(hand: Callable[[Plane], Hand]) -> None:
    """The second press of what the system takes for a double click paints too, and goes on while it moves."""
    it = hand(Plane.AXIAL)
    it.key(Qt.Key.Key_D)
    it.dock.options.set(radius=1.0)
    place = it.on(20, 10)
    for kind in (QEvent.Type.MouseButtonPress, QEvent.Type.MouseButtonRelease, QEvent.Type.MouseButtonDblClick):
        buttons = LEFT if kind is not QEvent.Type.MouseButtonRelease else Qt.MouseButton.NoButton
        QApplication.sendEvent(it.canvas, QMouseEvent(kind, QPointF(place), QPointF(place), LEFT, buttons, NONE))
    QTest.mouseMove(it.canvas, it.on(20, 30))
    QTest.mouseRelease(it.canvas, LEFT, NONE, it.on(20, 30))
    assert it.labels[0, it.index, 20, 10:31].all()
    assert it.done == ("brush", "brush")
    assert it.window.view_page.grid.alone is None


def test_undo_goes_to_the_slice_it_changes(hand: Callable[[Plane], Hand]) -> None:
    it = hand(Plane.AXIAL)
    it.key(Qt.Key.Key_D)
    index = it.index
    it.drag([it.on(20, 20)])
    it.bench.set_view(it.canvas.view.scrolled(it.canvas.frame, 4))
    assert it.index == index + 4
    it.key(Qt.Key.Key_Z, CTRL)
    assert it.index == index


def test_painting_shows_what_is_painted(hand: Callable[[Plane], Hand]) -> None:
    from dataclasses import replace

    it = hand(Plane.AXIAL)
    it.key(Qt.Key.Key_D)
    it.bench.set_view(replace(it.canvas.view, layer="none", hidden=frozenset({1, 2})))
    it.drag([it.on(20, 20)])
    assert it.canvas.view.layer == "edited"
    assert it.canvas.view.hidden == {2}


def test_the_tool_stays_in_hand_for_the_next_image(hand: Callable[[Plane], Hand], opened: Open, slice_file: Path) -> None:
    it = hand(Plane.AXIAL)
    it.key(Qt.Key.Key_E)
    opened(slice_file)
    assert it.bench.interaction is it.dock.actions_.tools["eraser"]
    assert it.dock.actions_.choices["eraser"].isChecked()
    assert not it.dock.actions_.operations["interpolate"].isEnabled()


def test_classes_can_be_added_where_no_model_named_them(opened: Open, slice_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    it = Hand(opened(slice_file), Plane.AXIAL)
    it.key(Qt.Key.Key_D)
    it.drag([it.on(20, 20)])
    monkeypatch.setattr(QInputDialog, "getText", lambda *_: ("rim", True))
    QTest.mouseClick(it.dock.add, LEFT)
    assert it.document.label_set.names == ("foreground", "rim")
    assert it.dock.options.label == 2
    assert it.dock.classes.count() == 2
    it.drag([it.on(60, 60)])
    assert it.labels[0, 0, 60, 60] == 2
    assert it.labels[0, 0, 20, 20] == 1
    QTest.mouseClick(it.dock.add, LEFT)  # the same name again
    assert it.window.message.level == "error"
    assert it.bench.session is not None
    it.bench.session.saved()


def test_no_two_actions_of_a_page_have_the_same_keys(hand: Callable[[Plane], Hand]) -> None:
    """Two would be ambiguous, and then neither works."""
    window = hand(Plane.AXIAL).window
    for name in ("view", "compare"):
        window.show_page(name)
        page = window.page(name)
        actions = {id(a): a for w in (window, page, *page.findChildren(QWidget)) for a in w.actions()}
        owners: dict[str, set[str]] = {}
        for action in actions.values():
            for keys in action.shortcuts():
                owners.setdefault(keys.toString(), set()).add(f"{action.text()}#{id(action)}")
        assert len(owners) > 10
        assert {keys: found for keys, found in owners.items() if len(found) > 1} == {}
