"""How a case looks in the list: thumbnail, name, patient, Dice as a small bar, and marks for "look at it" and "reviewed"."""

from __future__ import annotations

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFont, QFontMetrics, QPainter, QPen, QPixmap
from PySide6.QtWidgets import QStyle, QStyledItemDelegate, QStyleOptionViewItem

from delineate.desktop.cases_model import CASE_ROLE, SIDE
from delineate.desktop.workbench import Workbench
from delineate.editing.case_list import ListedCase

_GAP = 8
_LOW, _MIDDLE = 0.6, 0.8  # a bar's colour: where a person looks first


class CaseRow(QStyledItemDelegate):
    """Paints a :class:`ListedCase`."""

    def __init__(self, workbench: Workbench) -> None:
        super().__init__()
        self._bench = workbench

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> QSize:  # noqa: N802 - Qt's
        return QSize(170, SIDE + 12)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> None:
        case = index.data(CASE_ROLE)
        if not isinstance(case, ListedCase):
            return
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        state, area = option.state, option.rect
        selected = bool(state & QStyle.StateFlag.State_Selected)
        theme = self._bench.theme
        if selected or state & QStyle.StateFlag.State_MouseOver:
            back = QColor(theme.colour("accent" if selected else "raised"))
            back.setAlpha(55 if selected else 160)
            painter.fillRect(area, back)
        if selected:
            painter.fillRect(QRect(area.left(), area.top(), 3, area.height()), theme.colour("accent"))
        self._paint_picture(painter, area, index.data(Qt.ItemDataRole.DecorationRole))
        left = area.left() + SIDE + 2 * _GAP + 4
        words = QRect(left, area.top() + 6, area.right() - left - _GAP, area.height() - 12)
        self._paint_words(painter, words, case, option)
        painter.restore()

    def _paint_picture(self, painter: QPainter, area: QRect, picture: object) -> None:
        box = QRect(area.left() + _GAP + 2, area.top() + 6, SIDE, SIDE)
        painter.fillRect(box, QColor(0, 0, 0))
        if isinstance(picture, QPixmap):
            width, height = picture.width(), picture.height()
            painter.drawPixmap(box.center().x() - width // 2 + 1, box.center().y() - height // 2 + 1, picture)

    def _paint_words(self, painter: QPainter, words: QRect, case: ListedCase, option: QStyleOptionViewItem) -> None:
        theme, texts = self._bench.theme, self._bench.text
        font = QFont(option.font)
        line = QFontMetrics(font).height()
        painter.setFont(font)
        painter.setPen(theme.colour("text"))
        folder, _, name = case.name.rpartition("/")
        elided = QFontMetrics(font).elidedText(name, Qt.TextElideMode.ElideMiddle, words.width())
        painter.drawText(words.left(), words.top() + QFontMetrics(font).ascent(), elided)
        small = QFont(font)
        small.setPointSizeF(font.pointSizeF() * 0.88)
        painter.setFont(small)
        painter.setPen(theme.colour("faint"))
        about = QFontMetrics(small).elidedText(case.patient or folder, Qt.TextElideMode.ElideMiddle, words.width())
        painter.drawText(words.left(), words.top() + line + QFontMetrics(small).ascent() + 1, about)
        base = words.top() + 2 * line + 3
        x = words.left()
        value = case.dice if case.dice is not None else case.predicted_dice
        if value is not None:
            x = self._paint_dice(painter, x, base, value, expected=case.dice is None)
        for key, colour in (("look", "warning"), ("reviewed", "good")):
            if (key == "look" and case.needs_review and not case.reviewed) or (key == "reviewed" and case.reviewed):
                x = self._paint_mark(painter, x, base, texts(f"desktop.cases.{key}"), theme.colour(colour))

    def _paint_dice(self, painter: QPainter, x: int, top: int, value: float, *, expected: bool) -> int:
        """A bar of 44 pixels with the number; what is only expected is written with ≈."""
        theme = self._bench.theme
        colour = theme.colour("error" if value < _LOW else "warning" if value < _MIDDLE else "good")
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme.colour("line"))
        painter.drawRoundedRect(QRectF(x, top + 5, 44, 5), 2.5, 2.5)
        painter.setBrush(colour)
        painter.drawRoundedRect(QRectF(x, top + 5, max(3.0, 44 * min(1.0, max(0.0, value))), 5), 2.5, 2.5)
        text = f"{'≈ ' if expected else ''}{value:.2f}"
        painter.setPen(theme.colour("text"))
        painter.drawText(x + 50, top + painter.fontMetrics().ascent(), text)
        return x + 50 + painter.fontMetrics().horizontalAdvance(text) + 8

    def _paint_mark(self, painter: QPainter, x: int, top: int, text: str, colour: QColor) -> int:
        width = painter.fontMetrics().horizontalAdvance(text) + 12
        painter.setPen(QPen(colour, 1))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawRoundedRect(QRectF(x + 0.5, top + 0.5, width, painter.fontMetrics().height() + 1), 7, 7)
        painter.drawText(x + 6, top + 1 + painter.fontMetrics().ascent(), text)
        return x + width + 6
