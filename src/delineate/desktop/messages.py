"""The message bar: what went wrong or well, above the page, until it is closed. Nothing has to be clicked away to go on."""

from __future__ import annotations

from PySide6.QtCore import Qt, QTimer
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QToolButton, QWidget

from delineate.desktop.icons import wear

_INFO_MS = 8000  # good news leave by themselves; warnings and errors stay


class MessageBar(QFrame):
    """``tell`` shows a sentence; the next one takes its place."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("message")
        self._label = QLabel()
        self._label.setWordWrap(True)
        self._label.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
        self._close = QToolButton()
        self._close.setAutoRaise(True)
        wear(self._close, "close")
        self._close.clicked.connect(self.hide)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self.hide)
        row = QHBoxLayout(self)
        row.setContentsMargins(12, 4, 6, 4)
        row.addWidget(self._label, 1)
        row.addWidget(self._close, 0, Qt.AlignmentFlag.AlignTop)
        self.level = ""
        self.hide()

    @property
    def sentence(self) -> str:
        """What is shown; empty where nothing is."""
        return "" if self.isHidden() else self._label.text()

    def tell(self, level: str, sentence: str) -> None:
        """``level``: ``info``, ``warning`` or ``error``."""
        self.level = level
        self._label.setTextFormat(Qt.TextFormat.PlainText)
        self._label.setText(sentence)
        self.setProperty("level", level)
        self.style().unpolish(self)
        self.style().polish(self)
        self.show()
        if level == "info":
            self._timer.start(_INFO_MS)
        else:
            self._timer.stop()

    def set_close_words(self, words: str) -> None:
        self._close.setToolTip(words)
        self._close.setAccessibleName(words)
