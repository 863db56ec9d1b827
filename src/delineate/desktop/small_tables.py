"""Small tables in docks and pages."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QIcon, QPixmap
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTableWidget, QTableWidgetItem


def small_table() -> QTableWidget:
    """To be read and copied, not edited."""
    table = QTableWidget()
    table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
    table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
    table.setShowGrid(False)
    table.verticalHeader().hide()
    table.verticalHeader().setDefaultSectionSize(25)
    table.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
    table.horizontalHeader().setHighlightSections(False)
    return table


def add_row(table: QTableWidget, cells: list[str], colour: tuple[int, int, int] | None = None) -> None:
    """A row of text, the first cell with a swatch; numbers to the right."""
    row = table.rowCount()
    table.insertRow(row)
    for column, text in enumerate(cells):
        item = QTableWidgetItem(text)
        if column:
            item.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        elif colour is not None and not text.startswith(" "):
            pixmap = QPixmap(10, 10)
            pixmap.fill(QColor(*colour))
            item.setIcon(QIcon(pixmap))
        table.setItem(row, column, item)


def content(table: QTableWidget) -> tuple[list[str], list[list[str]]]:
    """Heads and cells, as they are read."""
    columns = range(table.columnCount())
    heads = [_text(table.horizontalHeaderItem(column)) for column in columns]
    cells = [[_text(table.item(row, column)).strip() for column in columns] for row in range(table.rowCount())]
    return heads, cells


def number_text(value: object) -> str:
    """As many figures as mean something."""
    if isinstance(value, int):
        return f"{value:,}".replace(",", " ")
    if isinstance(value, float):
        return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.1f}" if abs(value) >= 100 else f"{value:.2f}"
    return ""


def _text(item: QTableWidgetItem | None) -> str:
    return "" if item is None else item.text()
