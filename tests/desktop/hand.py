"""A mouse and a keyboard on one plane of the window, with what the core's tools would give beside it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from delineate.desktop.canvas import Canvas
from delineate.desktop.correcting import CorrectDock
from delineate.desktop.window import MainWindow
from delineate.editing.changes import Change
from delineate.editing.document import Document
from delineate.editing.planes import Plane
from delineate.editing.view import to_plane

LEFT, NONE, SHIFT, CTRL = (
    Qt.MouseButton.LeftButton,
    Qt.KeyboardModifier.NoModifier,
    Qt.KeyboardModifier.ShiftModifier,
    Qt.KeyboardModifier.ControlModifier,
)


class Hand:
    """A window with a volume, the Correct dock, and a mouse on one plane."""

    def __init__(self, window: MainWindow, plane: Plane) -> None:
        self.window, self.bench, self.plane = window, window.workbench, plane
        window.view_page.show_dock("correct")
        dock = window.view_page.dock("correct")
        assert isinstance(dock, CorrectDock)
        self.dock = dock
        assert self.bench.document is not None
        self.document: Document = self.bench.document
        self.canvas: Canvas = window.view_page.grid.canvas(plane)
        self.canvas.setFocus()
        QApplication.processEvents()

    @property
    def index(self) -> int:
        return self.canvas.view.slice_of(self.canvas.frame)

    @property
    def labels(self) -> np.ndarray:
        return self.document.edited

    @property
    def done(self) -> tuple[str, ...]:
        assert self.bench.session is not None
        return self.bench.session.stack.done

    def on(self, v: float, u: float) -> QPoint:
        return self.canvas.place(v, u).toPoint()

    def under(self, point: QPoint) -> tuple[float, float]:
        """(v, u) of a point of the screen, as the canvas sees it."""
        ratio = self.canvas.devicePixelRatioF()
        return to_plane(self.canvas.view, self.canvas.frame, point.x() * ratio, point.y() * ratio, self.canvas.pixels)

    def drag(self, points: Sequence[QPoint], keys: Qt.KeyboardModifier = NONE) -> list[tuple[float, float]]:
        QTest.mousePress(self.canvas, LEFT, keys, points[0])
        for point in points[1:]:
            QTest.mouseMove(self.canvas, point)
        QTest.mouseRelease(self.canvas, LEFT, keys, points[-1])
        QApplication.processEvents()
        return [self.under(point) for point in points]

    def key(self, key: Qt.Key, keys: Qt.KeyboardModifier = NONE) -> None:
        QTest.keyClick(self.canvas, key, keys)
        QApplication.processEvents()

    def expect(self, *changes: Callable[[Document], Change | None], begin: np.ndarray | None = None) -> np.ndarray:
        """The labels that the core's tools give, one after another."""
        other = Document(self.document.image, self.document.label_set)
        if begin is not None:
            other.edited[:] = begin
        for make in changes:
            change = make(other)
            if change is not None:
                other.apply(change)
        return other.edited
