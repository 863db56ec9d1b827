"""The images of a batch and what became of each, as Qt's views want it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt

from delineate.desktop.workbench import Workbench
from delineate.events import InputFinished
from delineate.i18n import translate

COLUMNS = ("image", "state", "reason")
#: waiting, done, skipped, failed: how they are marked and coloured.
_MARKS = {"waiting": "·", "done": "✓", "skipped": "–", "failed": "✕"}
_COLOURS = {"waiting": "faint", "done": "good", "skipped": "faint", "failed": "error"}
_Index = QModelIndex | QPersistentModelIndex


@dataclass(frozen=True)
class Row:
    """``key`` and ``params`` are of the sentence that says why it was skipped or failed."""

    path: Path
    state: str = "waiting"
    key: str = ""
    params: tuple[tuple[str, Any], ...] = ()
    outputs: tuple[Path, ...] = ()


class BatchRows(QAbstractTableModel):
    """One row an image, in the order in which they are computed."""

    def __init__(self, workbench: Workbench, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._bench = workbench
        self.rows: list[Row] = []
        self._places: dict[str, int] = {}
        self._counts: Counter[str] = Counter()
        workbench.texts.changed.connect(self.layoutChanged)
        workbench.theme.changed.connect(self.layoutChanged)

    def begin(self, paths: Sequence[Path]) -> None:
        """These are to be computed; nothing is known of them yet."""
        self.beginResetModel()
        self.rows = [Row(path) for path in dict.fromkeys(paths)]
        self._places = {str(row.path): place for place, row in enumerate(self.rows)}
        self._counts = Counter(row.state for row in self.rows)
        self.endResetModel()

    def wait_again(self, paths: Sequence[Path]) -> None:
        """These rows are tried once more; the others stay."""
        for path in paths:
            self._set(self._places[str(path)], Row(path))

    def take(self, event: InputFinished) -> int:
        """The row of an input, added where it was not expected."""
        row = Row(
            Path(event.path), event.status, event.key, tuple(event.params.items()), tuple(Path(name) for name in event.outputs)
        )
        place = self._places.get(event.path)
        if place is None:
            place = len(self.rows)
            self.beginInsertRows(QModelIndex(), place, place)
            self.rows.append(row)
            self._places[event.path] = place
            self._counts[row.state] += 1
            self.endInsertRows()
        else:
            self._set(place, row)
        return place

    def _set(self, place: int, row: Row) -> None:
        self._counts[self.rows[place].state] -= 1
        self._counts[row.state] += 1
        self.rows[place] = row
        self.dataChanged.emit(self.index(place, 0), self.index(place, len(COLUMNS) - 1))

    def count(self, state: str) -> int:
        return self._counts[state]

    def paths(self, state: str) -> list[Path]:
        return [row.path for row in self.rows if row.state == state]

    # -- Qt's

    def rowCount(self, parent: _Index = QModelIndex()) -> int:  # noqa: N802, B008 - Qt's name and default
        return 0 if parent.isValid() else len(self.rows)

    def columnCount(self, parent: _Index = QModelIndex()) -> int:  # noqa: N802, B008
        return 0 if parent.isValid() else len(COLUMNS)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:  # noqa: N802
        if role == Qt.ItemDataRole.DisplayRole and orientation == Qt.Orientation.Horizontal:
            return self._bench.text(f"desktop.batch.column.{COLUMNS[section]}")
        return None

    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid():
            return None
        row, column = self.rows[index.row()], COLUMNS[index.column()]
        if role == Qt.ItemDataRole.DisplayRole:
            return self._text(row, column)
        if role == Qt.ItemDataRole.ToolTipRole:
            return str(row.path) if column == "image" else self._text(row, column)
        if role == Qt.ItemDataRole.ForegroundRole and column == "state":
            return self._bench.theme.colour(_COLOURS[row.state])
        return None

    def _text(self, row: Row, column: str) -> str:
        if column == "image":
            return row.path.name
        if column == "state":
            return f"{_MARKS[row.state]}  {self._bench.text(f'desktop.batch.state.{row.state}')}"
        if row.key:
            return translate(row.key, self._bench.texts.language, **dict(row.params))
        return ", ".join(path.name for path in row.outputs)
