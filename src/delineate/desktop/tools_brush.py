"""Brush, eraser and smart brush: strokes, painted while the mouse moves; a circle shows their size."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal

from PySide6.QtCore import QPointF, QRect, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPen

from delineate.desktop.interaction import Pointer
from delineate.desktop.tools import Tool, ToolOptions
from delineate.editing import tools
from delineate.editing.changes import Change
from delineate.editing.session import Session

if TYPE_CHECKING:
    from delineate.desktop.canvas import Canvas
    from delineate.desktop.workbench import Workbench

Kind = Literal["brush", "eraser", "smart-brush"]


class Brush(Tool):
    """A stroke is one step. With Shift the brush erases; Shift and the wheel change its size."""

    cursor = Qt.CursorShape.BlankCursor
    rapid = True

    def __init__(self, kind: Kind, options: ToolOptions) -> None:
        super().__init__(kind, options)
        self.kind: Kind = kind
        self._stroke: tuple[Workbench, Session, Kind] | None = None
        self._last: tuple[int, float, float] = (0, 0.0, 0.0)
        self._over: tuple[Canvas, float, float] | None = None

    def begin(self, canvas: Canvas, at: Pointer) -> None:
        session = canvas.workbench.session
        if session is None:
            return
        self._finish()
        erase = self.kind != "eraser" and bool(at.modifiers & Qt.KeyboardModifier.ShiftModifier)
        self._stroke = (canvas.workbench, session, "eraser" if erase else self.kind)
        session.begin(self._stroke[2])
        self._last = (at.index, at.v, at.u)
        self._dab(canvas, at)

    def move(self, canvas: Canvas, at: Pointer) -> None:
        self._show_circle(canvas, at)
        if self._stroke is not None:
            if at.index != self._last[0]:  # the wheel went on to another slice
                self._last = (at.index, at.v, at.u)
            self._dab(canvas, at)

    def release(self, canvas: Canvas, at: Pointer) -> None:
        self._finish()

    def hover(self, canvas: Canvas, at: Pointer | None) -> None:
        self._show_circle(canvas, at)

    def wheel(self, canvas: Canvas, at: Pointer, steps: int) -> bool:
        if not at.modifiers & Qt.KeyboardModifier.ShiftModifier:
            return False
        self._show_circle(canvas, None)
        self.options.resize(steps)
        self._show_circle(canvas, at)
        return True

    def paint_over(self, canvas: Canvas, painter: QPainter) -> None:
        if self._over is None or self._over[0] is not canvas:
            return
        middle, radius = canvas.place(self._over[1], self._over[2]), self._radius(canvas)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        for pen in (QPen(QColor(0, 0, 0, 170), 3), QPen(self._colour(canvas), 1.4)):
            painter.setPen(pen)
            painter.drawEllipse(middle, radius, radius)
            painter.drawPoint(middle)

    def refresh(self) -> None:
        """The size changed by a key or in the dock: draw the circle anew."""
        if self._over is not None:
            self._over[0].update()

    def leave(self) -> None:
        self._finish()
        if self._over is not None:
            self._over[0].update()
            self._over = None

    def _dab(self, canvas: Canvas, at: Pointer) -> None:
        document = canvas.workbench.document
        if self._stroke is None or document is None:
            return
        _, session, kind = self._stroke
        points = [self._last[1:], (at.v, at.u)] if self._last[1:] != (at.v, at.u) else [(at.v, at.u)]
        self._last = (at.index, at.v, at.u)
        options = self.options
        change: Change | None
        if kind == "smart-brush":
            change = tools.smart_brush(
                document, canvas.plane, at.index, points, options.radius, options.label, strictness=options.strictness
            )
        else:
            tool = tools.eraser if kind == "eraser" else tools.brush
            change = tool(document, canvas.plane, at.index, points, options.radius, options.label)
        session.add(change)

    def _finish(self) -> None:
        if self._stroke is not None:
            workbench, session, kind = self._stroke
            self._stroke = None
            session.end(kind)
            workbench.labels_changed.emit([])  # nothing to paint, but now it is a step

    def _radius(self, canvas: Canvas) -> float:
        """Of the circle, in the widget's own coordinates: a brush is round on every plane."""
        return self.options.radius * canvas.view.zoom / canvas.devicePixelRatioF()

    def _colour(self, canvas: Canvas) -> QColor:
        if self.kind == "eraser":
            return QColor("#ffffff")
        colours = canvas.view.colours
        return QColor(*colours[self.options.label - 1]) if self.options.label <= len(colours) else QColor("#ffffff")

    def _show_circle(self, canvas: Canvas, at: Pointer | None) -> None:
        """Only where the circle was and where it is now is drawn again."""
        for over in (self._over, None if at is None else (canvas, at.v, at.u)):
            if over is not None:
                over[0].update(self._around(over[0], over[0].place(over[1], over[2])))
        self._over = None if at is None else (canvas, at.v, at.u)

    def _around(self, canvas: Canvas, middle: QPointF) -> QRect:
        reach = math.ceil(self._radius(canvas)) + 4
        return QRectF(middle.x() - reach, middle.y() - reach, 2 * reach, 2 * reach).toAlignedRect()
