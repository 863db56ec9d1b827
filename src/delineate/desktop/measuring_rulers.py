"""Distances and angles drawn on the picture: they stay on their slice until they are deleted, and are never in a mask."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from PySide6.QtCore import QObject, QPointF, QRectF, Qt, Signal
from PySide6.QtGui import QColor, QPainter, QPen

from delineate.desktop.interaction import Interaction, Pointer
from delineate.desktop.marks import write
from delineate.desktop.workbench import Workbench
from delineate.editing import rulers
from delineate.editing.planes import Grid, Plane

if TYPE_CHECKING:
    from delineate.desktop.canvas import Canvas

Kind = Literal["distance", "angle"]
_POINTS = {"distance": 2, "angle": 3}
_INK, _SHADE = QColor("#ffe066"), QColor(0, 0, 0, 190)
_CLICK = 4.0  # device pixels: less is a click, more a drag


@dataclass(frozen=True)
class Ruler:
    """``points`` (v, u) on slice ``index`` of a plane; the corner of an angle is the second of three."""

    kind: Kind
    plane: Plane
    index: int
    points: tuple[tuple[float, float], ...]

    def value(self, grid: Grid) -> tuple[float, str] | None:
        """The length with ``"mm"`` or ``"px"``, or degrees with ``"°"``; ``None`` while points are missing or are one."""
        if len(self.points) < _POINTS[self.kind]:
            return None
        frame = grid.frame(self.plane)
        places = [frame.voxel(self.index, v, u) for v, u in self.points]
        if self.kind == "distance":
            return rulers.distance(grid, places[0], places[1])
        found = rulers.angle(grid, places[0], places[1], places[2])
        return None if found is None else (found, "°")


class Rulers(QObject):
    """The rulers on the open image; ``changed`` when there are others. They go with the image."""

    changed = Signal()

    def __init__(self, workbench: Workbench, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._workbench = workbench
        self._image: object = None
        self.kept: list[Ruler] = []
        workbench.overlays.append(self.paint)
        workbench.document_changed.connect(self._document_changed)

    def add(self, ruler: Ruler) -> None:
        self.kept.append(ruler)
        self._tell()

    def remove(self, number: int) -> None:
        if 0 <= number < len(self.kept):
            del self.kept[number]
            self._tell()

    def clear(self) -> None:
        self.kept.clear()
        self._tell()

    def paint(self, canvas: Canvas, painter: QPainter) -> None:
        """Those on the slice that ``canvas`` shows."""
        index = canvas.view.slice_of(canvas.frame)
        for number, ruler in enumerate(self.kept, start=1):
            if ruler.plane is canvas.plane and ruler.index == index:
                paint_ruler(canvas, painter, ruler, str(number))

    def _document_changed(self) -> None:
        document = self._workbench.document
        image = None if document is None else document.image
        if image is not self._image:  # segmenting makes another document of the same image
            self._image = image
            self.clear()

    def _tell(self) -> None:
        self.changed.emit()
        self._workbench.view_changed.emit()


class RulerTool(Interaction):
    """Clicks, or a drag from one end to the other, make a ruler. Escape gives up what is half drawn."""

    cursor = Qt.CursorShape.CrossCursor
    rapid = True

    def __init__(self, kind: Kind, kept: Rulers) -> None:
        self.kind: Kind = kind
        self.hint_key = f"desktop.hint.{kind}"
        self._rulers = kept
        self._canvas: Canvas | None = None
        self._index = 0
        self._points: list[tuple[float, float]] = []
        self._mouse: tuple[float, float] | None = None
        self._pressed = QPointF()

    def press(self, canvas: Canvas, at: Pointer) -> None:
        if canvas is not self._canvas or at.index != self._index:
            self.escape()
            self._canvas, self._index = canvas, at.index
        self._points.append((at.v, at.u))
        self._pressed = QPointF(at.x, at.y)
        self._finish_if_whole()

    def move(self, canvas: Canvas, at: Pointer) -> None:
        self.hover(canvas, at)

    def release(self, canvas: Canvas, at: Pointer) -> None:
        away = QPointF(at.x, at.y) - self._pressed
        if self._points and canvas is self._canvas and max(abs(away.x()), abs(away.y())) > _CLICK:
            self._points.append((at.v, at.u))  # dragged from one point to the next
            self._finish_if_whole()

    def hover(self, canvas: Canvas, at: Pointer | None) -> None:
        if self._points and canvas is self._canvas:
            self._mouse = None if at is None else (at.v, at.u)
            canvas.update()

    def escape(self) -> bool:
        """Give up what is half drawn; whether there was anything."""
        there = bool(self._points)
        if self._canvas is not None:
            self._canvas.update()
        self._canvas, self._points, self._mouse = None, [], None
        return there

    def leave(self) -> None:
        self.escape()

    def paint_over(self, canvas: Canvas, painter: QPainter) -> None:
        if canvas is self._canvas and self._points and canvas.view.slice_of(canvas.frame) == self._index:
            points = (*self._points, self._mouse) if self._mouse is not None else tuple(self._points)
            paint_ruler(canvas, painter, Ruler(self.kind, canvas.plane, self._index, points), "")

    def _finish_if_whole(self) -> None:
        if self._canvas is not None and len(self._points) >= _POINTS[self.kind]:
            made = Ruler(self.kind, self._canvas.plane, self._index, tuple(self._points[: _POINTS[self.kind]]))
            self.escape()
            self._rulers.add(made)


def shown_value(value: tuple[float, str] | None) -> str:
    """``12.3 mm``, ``45.0°``."""
    if value is None:
        return ""
    number, unit = value
    return f"{number:.1f}{'' if unit == '°' else ' '}{unit}"


def paint_ruler(canvas: Canvas, painter: QPainter, ruler: Ruler, number: str) -> None:
    """Line or legs, ends, and the value beside them."""
    document = canvas.workbench.document
    if document is None:
        return
    places = [canvas.place(v, u) for v, u in ruler.points]
    for pen in (QPen(_SHADE, 4), QPen(_INK, 1.6)):
        painter.setPen(pen)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawPolyline(places)
        for place in places:
            painter.drawLine(place - QPointF(4, 0), place + QPointF(4, 0))
            painter.drawLine(place - QPointF(0, 4), place + QPointF(0, 4))
    text = shown_value(ruler.value(document.grid))
    if text:
        label = f"{number}: {text}" if number else text
        corner = places[-1] if ruler.kind == "distance" else places[1]
        metrics = painter.fontMetrics()
        width = metrics.horizontalAdvance(label) + 4
        left = min(max(corner.x() + 8, 4.0), canvas.width() - width - 4)
        top = min(max(corner.y() + 6, 4.0), canvas.height() - metrics.height() - 4)
        area = QRectF(left, top, width, metrics.height())
        write(painter, area, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, label, _INK)
