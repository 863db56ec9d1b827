"""The case list as Qt's views want it; thumbnails are read in a thread when a row is first seen."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import (
    QAbstractListModel,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    QRunnable,
    QSize,
    Qt,
    QThreadPool,
    Signal,
)
from PySide6.QtGui import QImage, QPixmap

from delineate.editing.case_list import ListedCase
from delineate.editing.thumbnails import thumbnail

SIDE = 56
#: Beyond so many kept thumbnails (12 kB each) those seen longest ago are forgotten.
_KEPT = 3000
CASE_ROLE = Qt.ItemDataRole.UserRole + 1
_Index = QModelIndex | QPersistentModelIndex
_Key = tuple[Path, int | None, str | None]


class _Loaded(QObject):
    """Carries thumbnails from their threads to the window's."""

    done = Signal(object, object)


class _Loader(QRunnable):
    def __init__(self, key: _Key, carrier: _Loaded) -> None:
        super().__init__()
        self._key, self._carrier = key, carrier

    def run(self) -> None:
        path, index, item = self._key
        try:
            found = thumbnail(path, SIDE, index=index, item=item)
        except Exception:  # noqa: BLE001 - a picture that cannot be made is none; opening the case says why
            found = None
        self._carrier.done.emit(self._key, found)


class CasesModel(QAbstractListModel):
    """Rows are :class:`ListedCase`; ``DecorationRole`` is the thumbnail (``None`` until it is read), :data:`CASE_ROLE` the case."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.cases: list[ListedCase] = []
        self._pictures: OrderedDict[_Key, QPixmap | None] = OrderedDict()
        self._wanted: set[_Key] = set()
        self._pool = QThreadPool(self)
        self._pool.setMaxThreadCount(1)  # reading is disk and Python; the window needs its share of both
        self._carrier = _Loaded()
        self._carrier.done.connect(self._take)

    def show_cases(self, cases: Sequence[ListedCase]) -> None:
        self.beginResetModel()
        self.cases = list(cases)
        self.endResetModel()

    def forget(self) -> None:
        """Another folder: thumbnails that nobody waits for any more are not read."""
        self._pool.clear()
        self._wanted.clear()

    def wait(self, milliseconds: int = 30_000) -> bool:
        return self._pool.waitForDone(milliseconds)

    def row_of(self, path: Path | None, index: int | None = None) -> int:
        """−1 where the image is not in the list."""
        rows = [row for row, case in enumerate(self.cases) if case.path == path]
        return next((row for row in rows if self.cases[row].index == index), rows[0] if rows else -1)

    # -- Qt's

    def rowCount(self, parent: _Index = QModelIndex()) -> int:  # noqa: N802, B008 - Qt's name and default
        return 0 if parent.isValid() else len(self.cases)

    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid() or index.row() >= len(self.cases):
            return None
        case = self.cases[index.row()]
        if role == Qt.ItemDataRole.DisplayRole or role == Qt.ItemDataRole.AccessibleTextRole:
            return case.name
        if role == Qt.ItemDataRole.ToolTipRole:
            return "\n".join(part for part in (str(case.path), case.review) if part)
        if role == Qt.ItemDataRole.DecorationRole:
            return self._picture(case)
        if role == Qt.ItemDataRole.SizeHintRole:
            return QSize(180, SIDE + 12)
        return case if role == CASE_ROLE else None

    def _picture(self, case: ListedCase) -> QPixmap | None:
        key = (case.path, case.index, case.item)
        if key in self._pictures:
            self._pictures.move_to_end(key)
            return self._pictures[key]
        if key not in self._wanted:
            self._wanted.add(key)
            self._pool.start(_Loader(key, self._carrier))
        return None

    def _take(self, key: _Key, picture: NDArray[np.uint8] | None) -> None:
        self._wanted.discard(key)
        self._pictures[key] = None if picture is None else _pixmap(picture)
        while len(self._pictures) > _KEPT:
            self._pictures.popitem(last=False)
        for row, case in enumerate(self.cases):
            if (case.path, case.index, case.item) == key:
                place = self.index(row, 0)
                self.dataChanged.emit(place, place, [Qt.ItemDataRole.DecorationRole])


def _pixmap(picture: NDArray[np.uint8]) -> QPixmap:
    height, width = picture.shape[:2]
    return QPixmap.fromImage(QImage(picture.tobytes(), width, height, 3 * width, QImage.Format.Format_RGB888))
