"""What lies over a picture: the patient's sides, the scale bar, the slice's number, the frame of the plane that has the focus."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QPainter, QPen

from delineate.editing.planes import Plane
from delineate.editing.view import scale_bar

if TYPE_CHECKING:
    from delineate.desktop.canvas import Canvas

PLANE_COLOURS = {Plane.AXIAL: "#ff6b6b", Plane.CORONAL: "#69db7c", Plane.SAGITTAL: "#74c0fc"}
_INK, _SHADE = QColor("#ffffff"), QColor(0, 0, 0, 190)
_EDGE = 10.0


def paint_marks(canvas: Canvas, painter: QPainter) -> None:
    """Draw the marks of ``canvas`` in its own coordinates."""
    document = canvas.workbench.document
    if document is None:
        return
    font = QFont(canvas.font())
    font.setPointSizeF(max(8.0, font.pointSizeF()))
    font.setBold(True)
    painter.setFont(font)
    area = QRectF(canvas.rect()).adjusted(_EDGE, _EDGE, -_EDGE, -_EDGE)
    flag = Qt.AlignmentFlag
    sides = document.grid.sides(canvas.plane)
    if sides is not None:
        places = (
            flag.AlignLeft | flag.AlignVCenter,
            flag.AlignRight | flag.AlignVCenter,
            flag.AlignHCenter | flag.AlignTop,
            flag.AlignHCenter | flag.AlignBottom,
        )
        for letter, place in zip(sides, places, strict=True):
            write(painter, area, place, letter)
    if not document.grid.flat:
        name = canvas.workbench.text(f"desktop.plane.{canvas.plane.value}")
        label = f"{name}  {canvas.view.slice_of(canvas.frame) + 1}/{canvas.frame.depth}"
        write(painter, area, flag.AlignLeft | flag.AlignTop, label, QColor(PLANE_COLOURS[canvas.plane]))
    _paint_scale(canvas, painter, area)
    if canvas.hasFocus() and not document.grid.flat:
        painter.setPen(QPen(canvas.workbench.theme.colour("accent"), 2))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawRect(QRectF(canvas.rect()).adjusted(1, 1, -1, -1))


def write(painter: QPainter, area: QRectF, place: Qt.AlignmentFlag, text: str, colour: QColor = _INK) -> None:
    """Text that is read on black and on white."""
    painter.setPen(_SHADE)
    for dx, dy in ((-1, 0), (1, 0), (0, -1), (0, 1)):
        painter.drawText(area.translated(dx, dy), place, text)
    painter.setPen(colour)
    painter.drawText(area, place, text)


def _paint_scale(canvas: Canvas, painter: QPainter, area: QRectF) -> None:
    document = canvas.workbench.document
    if document is None or area.width() < 120:
        return
    ratio = canvas.devicePixelRatioF()
    length, unit, pixels = scale_bar(document, canvas.view, round(min(160.0, area.width() / 3) * ratio))
    wide = pixels / ratio
    right, y = area.right(), area.bottom() - 4
    for pen in (QPen(_SHADE, 5), QPen(_INK, 2)):
        painter.setPen(pen)
        painter.drawLine(QPointF(right - wide, y), QPointF(right, y))
        for x in (right - wide, right):
            painter.drawLine(QPointF(x, y - 4), QPointF(x, y + 4))
    text = QRectF(right - max(wide, 80), y - 24, max(wide, 80), 18)
    write(painter, text, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignBottom, f"{length:g} {unit}")
