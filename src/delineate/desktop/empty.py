"""What stands in the page while nothing is open: what to do, and what was open lately."""

from __future__ import annotations

import os
from pathlib import Path

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from delineate.desktop.icons import program_icon, wear
from delineate.desktop.workbench import Workbench

_MOST = 6


class EmptyState(QFrame):
    """``wanted`` is one of the words ``image``, ``folder``, ``example``; ``recent`` a path that was clicked."""

    wanted = Signal(str)
    recent = Signal(str)

    def __init__(self, workbench: Workbench, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("empty")
        self._workbench = workbench
        self._title, self._what = QLabel(), QLabel()
        self._title.setObjectName("headline")
        self._what.setObjectName("faint")
        self._what.setWordWrap(True)
        self._heading = QLabel()
        self._heading.setObjectName("faint")
        self._picture = QLabel()
        self._picture.setPixmap(program_icon().pixmap(QSize(96, 96)))
        for label in (self._picture, self._title, self._what, self._heading):
            label.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._buttons = {name: QPushButton() for name in ("image", "folder", "example")}
        row = QHBoxLayout()
        row.setSpacing(10)
        row.addStretch()
        for name, button in self._buttons.items():
            button.clicked.connect(lambda _=False, name=name: self.wanted.emit(name))
            row.addWidget(button)
        row.addStretch()
        self._buttons["image"].setObjectName("primary")
        wear(self._buttons["folder"], "folder")
        self._list = QVBoxLayout()
        self._list.setSpacing(0)
        column = QVBoxLayout(self)
        column.setSpacing(12)
        column.addStretch(3)
        for widget in (self._picture, self._title, self._what):
            column.addWidget(widget)
        column.addLayout(row)
        column.addSpacing(16)
        column.addWidget(self._heading)
        column.addLayout(self._list)
        column.addStretch(4)
        self.retranslate()

    def retranslate(self) -> None:
        words = self._workbench.text
        self._title.setText(words("desktop.empty.title"))
        self._what.setText(words("desktop.empty.what"))
        for name, button in self._buttons.items():
            button.setText(words(f"desktop.empty.{name}"))
        self._heading.setText(words("desktop.empty.recent"))
        self.refresh()

    def refresh(self) -> None:
        """List the recent files that are still there."""
        while (item := self._list.takeAt(0)) is not None:
            if (widget := item.widget()) is not None:
                widget.hide()
                widget.deleteLater()
        found = [Path(text) for text in self._workbench.settings.value.recent if Path(text).exists()][:_MOST]
        self._heading.setVisible(bool(found))
        for path in found:
            button = QPushButton(f"{_short(path.name, 30)}   —   {_short(_homely(path.parent), 36)}")
            button.setObjectName("link")
            button.setToolTip(str(path))
            button.setCursor(Qt.CursorShape.PointingHandCursor)
            button.clicked.connect(lambda _=False, path=path: self.recent.emit(str(path)))
            self._list.addWidget(button, 0, Qt.AlignmentFlag.AlignCenter)


def _homely(folder: Path) -> str:
    text, home = str(folder), str(Path.home())
    return "~" + text[len(home) :] if text.startswith(home + os.sep) else text


def _short(text: str, most: int) -> str:
    """Its end tells names and folders apart better than its beginning."""
    return text if len(text) <= most else "…" + text[1 - most :]
