"""A small line chart: axes with units, a legend, the best point marked. Painted here, since a library for it would weigh more than
the program."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QPainter, QPainterPath, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from delineate.desktop.theme import Theme


@dataclass
class Line:
    """``colour`` is one of the theme's; points are (x, y) in the order of x."""

    name: str
    colour: str
    points: list[tuple[float, float]] = field(default_factory=list)
    dashed: bool = False


class Chart(QWidget):
    """``lines`` on axes from 0; ``top`` fixes the upper end of y (1 for a Dice), else it follows the data."""

    def __init__(self, theme: Theme, *, top: float | None = None, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme, self._top = theme, top
        self.lines: list[Line] = []
        self.title = self.x_name = self.y_name = ""
        self.mark: tuple[float, float] | None = None
        self.mark_name = ""
        self.setMinimumSize(QSize(240, 180))
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        theme.changed.connect(self.update)

    def show_lines(self, lines: Sequence[Line], mark: tuple[float, float] | None = None) -> None:
        self.lines, self.mark = list(lines), mark
        self.update()

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        return QSize(420, 260)

    # -- scales

    def ends(self) -> tuple[float, float, float, float]:
        """(least x, greatest x, least y, greatest y) of the axes."""
        points = [point for line in self.lines for point in line.points if math.isfinite(point[1])]
        if not points:
            return 0.0, 10.0, 0.0, self._top or 1.0
        xs, ys = [x for x, _ in points], [y for _, y in points]
        right = max(5.0, *xs)
        low, high = (0.0, self._top) if self._top is not None else (min(0.0, *ys), max(ys))
        return 0.0, right, low, high if high > low else low + 1.0

    def place(self, x: float, y: float) -> QPointF:
        """Of a point of the chart on the widget."""
        area = self._area()
        left, right, low, high = self.ends()
        return QPointF(
            area.left() + (x - left) / (right - left) * area.width(), area.bottom() - (y - low) / (high - low) * area.height()
        )

    def _area(self) -> QRectF:
        return QRectF(self.rect()).adjusted(58, 52, -14, -44)

    # -- painting

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(self._theme.colour("line"), 1))
        painter.setBrush(self._theme.colour("panel"))
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5), 8, 8)
        self._paint_axes(painter)
        painter.setClipRect(self._area().adjusted(-4, -4, 4, 4))
        for line in self.lines:
            self._paint_line(painter, line)
        if self.mark is not None:
            painter.setPen(QPen(self._theme.colour("panel"), 1.5))
            painter.setBrush(self._theme.colour("warning"))
            painter.drawEllipse(self.place(*self.mark), 5, 5)
        painter.setClipping(False)
        self._paint_head(painter)

    def _paint_axes(self, painter: QPainter) -> None:
        area = self._area()
        left, right, low, high = self.ends()
        font = QFont(self.font())
        font.setPointSizeF(max(7.0, font.pointSizeF() * 0.88))
        painter.setFont(font)
        faint, grid = self._theme.colour("faint"), QColor(self._theme.colour("line"))
        for value in ticks(low, high, max(2, int(area.height() // 38))):
            y = self.place(left, value).y()
            painter.setPen(QPen(grid, 1))
            painter.drawLine(QPointF(area.left(), y), QPointF(area.right(), y))
            painter.setPen(faint)
            box = QRectF(0, y - 9, area.left() - 6, 18)
            painter.drawText(box, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, f"{value:.4g}")
        for value in ticks(left, right, max(2, int(area.width() // 60)), whole=True):
            x = self.place(value, low).x()
            painter.setPen(faint)
            painter.drawText(QRectF(x - 30, area.bottom() + 3, 60, 18), Qt.AlignmentFlag.AlignHCenter, f"{value:g}")
        painter.setPen(QPen(faint, 1))
        painter.drawLine(area.bottomLeft(), area.bottomRight())
        painter.drawText(QRectF(area.left(), area.bottom() + 20, area.width(), 18), Qt.AlignmentFlag.AlignHCenter, self.x_name)
        painter.save()
        painter.translate(13, area.center().y())
        painter.rotate(-90)
        painter.drawText(QRectF(-100, -9, 200, 18), Qt.AlignmentFlag.AlignCenter, self.y_name)
        painter.restore()

    def _paint_line(self, painter: QPainter, line: Line) -> None:
        points = [self.place(x, y) for x, y in line.points if math.isfinite(y)]
        if not points:
            return
        pen = QPen(self._theme.colour(line.colour), 2)
        if line.dashed:
            pen.setStyle(Qt.PenStyle.DashLine)
        painter.setPen(pen)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        path = QPainterPath(points[0])
        for point in points[1:]:
            path.lineTo(point)
        painter.drawPath(path)
        if len(points) <= 25:
            painter.setBrush(self._theme.colour(line.colour))
            painter.setPen(Qt.PenStyle.NoPen)
            for point in points:
                painter.drawEllipse(point, 2.6, 2.6)

    def _paint_head(self, painter: QPainter) -> None:
        bold = QFont(self.font())
        bold.setBold(True)
        painter.setFont(bold)
        painter.setPen(self._theme.colour("text"))
        painter.drawText(
            QRectF(14, 6, self.width() - 28, 20), Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, self.title
        )
        painter.setFont(self.font())
        metrics = QFontMetricsF(self.font())
        x = 14.0
        for line in self.lines:
            last = next((y for _, y in reversed(line.points) if math.isfinite(y)), None)
            words = line.name if last is None else f"{line.name} {last:.3f}"
            pen = QPen(self._theme.colour(line.colour), 2)
            if line.dashed:
                pen.setStyle(Qt.PenStyle.DashLine)
            painter.setPen(pen)
            painter.drawLine(QPointF(x, 38), QPointF(x + 18, 38))
            painter.setPen(self._theme.colour("text"))
            width = metrics.horizontalAdvance(words)
            painter.drawText(QRectF(x + 23, 28, width + 4, 20), Qt.AlignmentFlag.AlignVCenter, words)
            x += width + 40
        if self.mark is not None and self.mark_name:
            painter.setPen(QPen(self._theme.colour("panel"), 1))
            painter.setBrush(self._theme.colour("warning"))
            painter.drawEllipse(QPointF(x + 6, 38), 4.5, 4.5)
            painter.setPen(self._theme.colour("text"))
            painter.drawText(QRectF(x + 16, 28, 160, 20), Qt.AlignmentFlag.AlignVCenter, self.mark_name)


def ticks(low: float, high: float, most: int, *, whole: bool = False) -> list[float]:
    """Round numbers between ``low`` and ``high``, at most about ``most``."""
    if not high > low:
        return [low]
    rough = (high - low) / max(1, most)
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough * 0.999)
    if whole:
        step = max(1.0, math.ceil(step))
    first = math.ceil(low / step - 1e-9)
    return [round(number * step, 10) + 0.0 for number in range(first, math.floor(high / step + 1e-9) + 1)]
