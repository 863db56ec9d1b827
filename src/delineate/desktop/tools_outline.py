"""Lasso and polygon: an outline is drawn, and what it encloses becomes the class."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QKeyEvent, QPainter, QPen, QPolygonF

from delineate.desktop.interaction import Pointer
from delineate.desktop.tools import Tool, ToolOptions
from delineate.editing import tools

if TYPE_CHECKING:
    from delineate.desktop.canvas import Canvas

_CLOSE = 9.0  # from the first corner in the widget's pixels: a click there closes the polygon


class Outline(Tool):
    """Base: points on one slice of one plane."""

    def __init__(self, name: str, options: ToolOptions) -> None:
        super().__init__(name, options)
        self.points: list[tuple[float, float]] = []
        self._canvas: Canvas | None = None
        self._index = 0
        self._mouse: tuple[float, float] | None = None

    def start(self, canvas: Canvas, at: Pointer) -> None:
        self.give_up()
        self._canvas, self._index, self.points = canvas, at.index, [(at.v, at.u)]

    def is_here(self, canvas: Canvas, at: Pointer) -> bool:
        return self._canvas is canvas and self._index == at.index

    def close(self) -> None:
        """Fill the outline, as one step."""
        canvas, points = self._canvas, self.points
        self.give_up()
        if canvas is None:
            return
        document, session = canvas.workbench.document, canvas.workbench.session
        if document is not None and session is not None and len(points) > 2:
            session.do(self.name, tools.lasso(document, canvas.plane, self._index, points, self.options.label))

    def escape(self) -> bool:
        """Give up what is half drawn; whether there was anything."""
        there = bool(self.points)
        self.give_up()
        return there

    def give_up(self) -> None:
        if self._canvas is not None:
            self._canvas.update()
        self._canvas, self.points, self._mouse = None, [], None

    def leave(self) -> None:
        self.give_up()

    def paint_over(self, canvas: Canvas, painter: QPainter) -> None:
        if self._canvas is not canvas or not self.points or canvas.view.slice_of(canvas.frame) != self._index:
            return
        points = [*self.points, self._mouse] if self._mouse is not None else self.points
        line = QPolygonF([canvas.place(v, u) for v, u in points])
        colours, label = canvas.view.colours, self.options.label
        colour = QColor(*colours[label - 1]) if label <= len(colours) else QColor("#ffffff")
        painter.setBrush(QColor(colour.red(), colour.green(), colour.blue(), 50))
        painter.setPen(Qt.PenStyle.NoPen)
        painter.drawPolygon(line)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        for pen in (QPen(QColor(0, 0, 0, 170), 3.4), QPen(colour, 1.6)):
            painter.setPen(pen)
            painter.drawPolyline(line)
        self.paint_corners(canvas, painter, colour)

    def paint_corners(self, canvas: Canvas, painter: QPainter, colour: QColor) -> None:
        """Marks on the points."""


class Lasso(Outline):
    """Drawn with the button down; letting go closes it."""

    rapid = True

    def __init__(self, options: ToolOptions) -> None:
        super().__init__("lasso", options)

    def begin(self, canvas: Canvas, at: Pointer) -> None:
        self.start(canvas, at)

    def move(self, canvas: Canvas, at: Pointer) -> None:
        if self.points and self.is_here(canvas, at) and self.points[-1] != (at.v, at.u):
            self.points.append((at.v, at.u))
            canvas.update()

    def release(self, canvas: Canvas, at: Pointer) -> None:
        if self.points:
            self.close()


class Polygon(Outline):
    """A corner a click. A double click, Return, or a click on the first corner closes it; Backspace takes the last corner back,
    Escape all."""

    def __init__(self, options: ToolOptions) -> None:
        super().__init__("polygon", options)

    def begin(self, canvas: Canvas, at: Pointer) -> None:
        if not self.points or not self.is_here(canvas, at):
            self.start(canvas, at)
        elif len(self.points) > 2 and self._near_first(canvas, at):
            self.close()
        else:
            self.points.append((at.v, at.u))
        canvas.update()

    def hover(self, canvas: Canvas, at: Pointer | None) -> None:
        if self.points and self._canvas is canvas:
            self._mouse = None if at is None else (at.v, at.u)
            canvas.update()

    def move(self, canvas: Canvas, at: Pointer) -> None:
        self.hover(canvas, at)

    def double(self, canvas: Canvas, at: Pointer) -> bool:
        if self.points:
            self.close()
        return True

    def key(self, canvas: Canvas, event: QKeyEvent) -> bool:
        if not self.points:
            return False
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.close()
        elif event.key() == Qt.Key.Key_Backspace:
            self.points.pop()
            canvas.update()
        else:
            return False
        return True

    def paint_corners(self, canvas: Canvas, painter: QPainter, colour: QColor) -> None:
        painter.setPen(QPen(QColor(0, 0, 0, 170), 1))
        for number, (v, u) in enumerate(self.points):
            painter.setBrush(QColor("#ffffff") if number == 0 else colour)
            painter.drawEllipse(canvas.place(v, u), 3.5, 3.5)

    def _near_first(self, canvas: Canvas, at: Pointer) -> bool:
        away = canvas.place(*self.points[0]) - canvas.place(at.v, at.u)
        return away.x() ** 2 + away.y() ** 2 <= _CLOSE**2
