"""What a run came to: Dice with its interval and n, distances, the report, and what to do with the model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from PySide6.QtCore import Qt, QUrl, Signal
from PySide6.QtGui import QDesktopServices, QPixmap
from PySide6.QtWidgets import QFrame, QGridLayout, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from delineate.desktop.icons import wear
from delineate.desktop.training_picture import Picture
from delineate.desktop.workbench import Workbench
from delineate.errors import DelineateError
from delineate.recipe import read_json

_ROWS = ("dice", "iou", "precision", "recall", "hd95", "nsd")
_BUTTONS = {"use": "", "report": "report", "cases": "cases", "again": "add", "folder": "folder", "new": ""}


class ResultPanel(QWidget):
    """``use``, ``again``, ``cases`` and ``new`` are wishes; :attr:`run` is the folder that is shown."""

    use = Signal()
    again = Signal()
    cases = Signal()
    new = Signal()

    def __init__(self, workbench: Workbench, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._bench = workbench
        self.run: Path | None = None
        self.summary: dict[str, Any] = {}
        self.headline, self.sentence, self._note = QLabel(), QLabel(), QLabel()
        self.headline.setObjectName("headline")
        self.sentence.setWordWrap(True)
        self.sentence.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._note.setObjectName("faint")
        self._note.setWordWrap(True)
        self._table = QGridLayout()
        self._table.setHorizontalSpacing(28)
        self._table.setVerticalSpacing(6)
        self.picture = Picture()
        self._picture_words = QLabel()
        self._picture_words.setObjectName("faint")
        self.buttons = {name: QPushButton() for name in _BUTTONS}
        for name, button in self.buttons.items():
            if _BUTTONS[name]:
                wear(button, _BUTTONS[name])
        self.buttons["use"].setObjectName("primary")
        for name, wish in (("use", self.use), ("again", self.again), ("cases", self.cases), ("new", self.new)):
            self.buttons[name].clicked.connect(wish)
        self.buttons["report"].clicked.connect(lambda: self._open("report.html"))
        self.buttons["folder"].clicked.connect(lambda: self._open(""))
        self._lay_out()
        self.retranslate()

    def _lay_out(self) -> None:
        card = QFrame()
        card.setObjectName("card")
        inside = QVBoxLayout(card)
        inside.setContentsMargins(0, 4, 0, 4)
        inside.addLayout(self._table)
        rows = [QHBoxLayout(), QHBoxLayout()]
        for row, names in zip(rows, (("use", "report", "cases"), ("again", "folder", "new")), strict=True):
            row.setSpacing(8)
            for name in names:
                row.addWidget(self.buttons[name])
            row.addStretch()
        column = QVBoxLayout(self)
        column.setContentsMargins(20, 16, 20, 16)
        column.setSpacing(12)
        for widget in (self.headline, self.sentence, card):
            column.addWidget(widget)
        for row in rows:
            column.addLayout(row)
        column.addWidget(self._note)
        column.addWidget(self.picture, 1)
        column.addWidget(self._picture_words)

    def show_run(self, run: Path) -> bool:
        """Show a finished run; whether it is one (what is wrong is said in the message bar)."""
        try:
            summary = read_json(run / "summary.json")
        except DelineateError as error:
            self._bench.say_error(error)
            return False
        self.run, self.summary = run, dict(summary)
        found = sorted((run / "examples").glob("step_*.jpg"))
        self.picture.setVisible(bool(found))
        self._picture_words.setVisible(bool(found))
        self.picture.show_pixmap(QPixmap(str(found[-1])) if found else None)
        self.retranslate()
        return True

    @property
    def part(self) -> dict[str, Any]:
        """The numbers of the test part."""
        return dict(self.summary.get("test") or {})

    @property
    def model(self) -> Path | None:
        return None if self.run is None else self.run / "model.onnx"

    def retranslate(self) -> None:
        words = self._bench.text
        for name, button in self.buttons.items():
            button.setText(words(f"desktop.train.result.{name}"))
            button.setToolTip(words(f"desktop.train.result.{name}.what"))
        self._picture_words.setText(words("desktop.train.result.picture"))
        self._note.setText(words("desktop.train.result.note"))
        while (item := self._table.takeAt(0)) is not None:
            if (widget := item.widget()) is not None:
                widget.deleteLater()
        if self.run is None:
            return
        self.headline.setText(words("desktop.train.result.title", name=self.run.name))
        part = self.part
        dice = dict(part.get("dice") or {})
        n, unit = dice.get("n", 0), part.get("unit", "image")
        unit = words(f"comparison.{'one' if n == 1 else 'unit'}.{unit}")
        interval = _interval(dice)
        key = "sentence" if interval else "sentence-plain"
        self.sentence.setText(
            words(f"desktop.train.result.{key}", dice=_number(dice.get("mean")), interval=interval, n=n, unit=unit)
        )
        for column, name in enumerate(("metric", "mean", "interval", "n")):
            self._table.addWidget(_label(words(f"desktop.train.result.{name}"), "faint"), 0, column)
        place = 1
        for name in _ROWS:
            found = part.get(name)
            if not isinstance(found, dict) or found.get("mean") is None:
                continue
            title = words(f"comparison.metric.{name}") + _measured_in(found)
            cells = (title, _number(found["mean"]), _interval(found) or "–", str(found.get("n", "")))
            for column, text in enumerate(cells):
                self._table.addWidget(_label(text, "heading" if name == "dice" else ""), place, column)
            place += 1
        self._table.setColumnStretch(4, 1)

    def _open(self, name: str) -> None:
        if self.run is not None:
            QDesktopServices.openUrl(QUrl.fromLocalFile(str(self.run / name if name else self.run)))


def _label(text: str, name: str) -> QLabel:
    made = QLabel(text)
    made.setObjectName(name)
    made.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    return made


def _measured_in(found: dict[str, Any]) -> str:
    """`` (mm)``, or for the normalised surface distance its tolerance `` (2 mm)``; empty for a share."""
    unit, tolerance = found.get("unit"), found.get("tolerance")
    if not unit:
        return ""
    return f" ({tolerance:g} {unit})" if isinstance(tolerance, (int, float)) else f" ({unit})"


def _number(value: Any) -> str:
    return "–" if value is None else f"{float(value):.3f}"


def _interval(found: dict[str, Any]) -> str:
    ends = found.get("ci95")
    return f"{float(ends[0]):.3f} – {float(ends[1]):.3f}" if ends and ends[0] is not None else ""
