"""While it trains: curves of loss, Dice and mIoU, pictures of validation planes growing better, time left, pause and stop."""

from __future__ import annotations

import csv
import math
from pathlib import Path
from typing import Any

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QPixmap
from PySide6.QtWidgets import (
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QSlider,
    QVBoxLayout,
    QWidget,
)

from delineate.desktop.icons import wear
from delineate.desktop.training_chart import Chart, Line
from delineate.desktop.training_picture import Picture
from delineate.desktop.workbench import Workbench


class LivePanel(QWidget):
    """``pause`` and ``stop`` are wishes; :meth:`take` is told every event of the run, :meth:`begin` its folder."""

    pause = Signal()
    resume = Signal()
    stop = Signal()

    def __init__(self, workbench: Workbench, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._bench = workbench
        self._folder: Path | None = None
        self._stage, self._left = "", math.nan
        self._note: dict[str, str] = {}
        self._epochs: list[dict[str, float]] = []
        self._best = 0
        self._state = "running"
        self.headline, self.doing, self.note = QLabel(), QLabel(), QLabel()
        self.headline.setObjectName("headline")
        self.doing.setObjectName("faint")
        self.doing.setWordWrap(True)
        self.note.setObjectName("faint")
        self.note.setWordWrap(True)
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.pause_button, self.stop_button = QPushButton(), QPushButton()
        self.pause_button.clicked.connect(lambda: (self.resume if self._state == "paused" else self.pause).emit())
        self.stop_button.clicked.connect(self.stop)
        wear(self.stop_button, "stop")
        self.loss, self.scores = Chart(workbench.theme), Chart(workbench.theme, top=1.0)
        self.picture = Picture()
        self.legend = QLabel()
        self.legend.setTextFormat(Qt.TextFormat.RichText)
        self.epoch = QLabel()
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.valueChanged.connect(self._show_picture)
        self._lay_out()
        # Slow disks: a picture may come a moment after its event.
        self._again = QTimer(self)
        self._again.setSingleShot(True)
        self._again.timeout.connect(self._find_pictures)
        self._pictures: list[Path] = []
        workbench.theme.changed.connect(self.retranslate)
        self.retranslate()

    def _lay_out(self) -> None:
        top = QHBoxLayout()
        words = QVBoxLayout()
        words.addWidget(self.headline)
        words.addWidget(self.doing)
        top.addLayout(words, 1)
        top.addWidget(self.pause_button)
        top.addWidget(self.stop_button)
        grid = QGridLayout()
        grid.setSpacing(12)
        grid.addWidget(self.loss, 0, 0)
        grid.addWidget(self.scores, 0, 1)
        below = QVBoxLayout()
        below.addWidget(self.picture, 1)
        line = QHBoxLayout()
        line.addWidget(self.epoch)
        line.addWidget(self.slider, 1)
        line.addWidget(self.legend)
        below.addLayout(line)
        column = QVBoxLayout(self)
        column.setContentsMargins(20, 16, 20, 16)
        column.setSpacing(10)
        column.addLayout(top)
        column.addWidget(self.bar)
        column.addWidget(self.note)
        column.addLayout(grid, 3)
        column.addLayout(below, 2)

    # -- told by the page

    def begin(self, folder: Path) -> None:
        """A run begins (or goes on) in ``folder``; what it has learned already is shown."""
        self._folder, self._stage, self._left, self._note = folder, "", math.nan, {}
        self._epochs, self._best = _history(folder / "history.csv")
        self._state = "running"
        self.bar.setRange(0, 0)
        self._find_pictures()
        self._draw()
        self.retranslate()

    def set_state(self, state: str) -> None:
        """``running``, ``pausing``, ``stopping`` or ``paused``."""
        self._state = state
        self.retranslate()

    def take(self, event: dict[str, Any]) -> None:
        kind = event["event"]
        if kind == "stage-started":
            self._stage, self._left = str(event.get("name")), math.nan
            self.bar.setRange(0, int(event.get("total") or 0))
            self.bar.setValue(0)
        elif kind == "progress":
            self._stage = str(event.get("stage"))
            self.bar.setRange(0, int(event.get("total") or 0))
            self.bar.setValue(int(event.get("done") or 0))
            left = (event.get("values") or {}).get("seconds_left")
            self._left = math.nan if left is None else float(left)
        elif kind == "epoch":
            self._epoch(event)
        elif kind == "note":
            self._note = dict(event.get("sentences") or {})
        self._tell()

    def _epoch(self, event: dict[str, Any]) -> None:
        numbers = {name: float(value) for name, value in (event.get("metrics") or {}).items() if isinstance(value, (int, float))}
        number = int(event.get("epoch") or 0)
        self._epochs = [one for one in self._epochs if one["epoch"] < number]  # a resumed run repeats its last epoch
        self._epochs.append({**numbers, "epoch": float(number)})
        if event.get("best"):
            self._best = number
        self._draw()
        self._find_pictures()
        self._again.start(600)

    # -- showing

    def retranslate(self) -> None:
        words = self._bench.text
        for chart, name in ((self.loss, "loss"), (self.scores, "score")):
            chart.title = words(f"desktop.train.chart.{name}")
            chart.x_name = words("desktop.train.chart.epoch")
            chart.y_name = words(f"desktop.train.chart.{name}.y")
        self.scores.mark_name = words("desktop.train.chart.best")
        self.pause_button.setText(words(f"desktop.train.{'resume' if self._state == 'paused' else 'pause'}"))
        self.pause_button.setToolTip(words("desktop.train.pause.what"))
        self.pause_button.setEnabled(self._state in ("running", "paused"))
        wear(self.pause_button, "play" if self._state == "paused" else "pause")
        self.stop_button.setText(words("desktop.train.stop"))
        self.stop_button.setToolTip(words("desktop.train.stop.what"))
        self.stop_button.setEnabled(self._state in ("running", "paused"))
        truth, predicted = words("desktop.train.truth"), words("desktop.train.predicted")
        self.legend.setText(f'<span style="color:#19a53a">━</span> {truth} &nbsp; <span style="color:#e0402f">━</span> {predicted}')
        self.picture.empty = words("desktop.train.no-picture")
        self._show_picture()
        self._draw()
        self._tell()

    def _tell(self) -> None:
        words = self._bench.text
        name = self._folder.name if self._folder is not None else ""
        self.headline.setText(words(f"desktop.train.state.{self._state}", name=name))
        stage = words(f"stage.{self._stage}") if self._stage else ""
        parts = [stage] if self._state != "paused" else [words("desktop.train.paused.what")]
        if self._stage == "train" and self._epochs and self._state != "paused":
            parts.append(words("desktop.train.epoch", epoch=int(self._epochs[-1]["epoch"])))
        if math.isfinite(self._left) and self._left > 0 and self._state == "running":
            parts.append(words("desktop.train.left", time=clock(self._left)))
        self.doing.setText("  ·  ".join(part for part in parts if part))
        self.note.setText(self._note.get(self._bench.texts.language, ""))
        self.note.setVisible(bool(self.note.text()))

    def _draw(self) -> None:
        words = self._bench.text
        pairs = {
            name: [(one["epoch"], one[name]) for one in self._epochs if name in one]
            for name in ("loss", "val_loss", "val_dice", "val_iou")
        }
        self.loss.show_lines(
            [
                Line(words("desktop.train.line.loss"), "accent", pairs["loss"]),
                Line(words("desktop.train.line.val-loss"), "warning", pairs["val_loss"]),
            ]
        )
        best = next((point for point in pairs["val_dice"] if point[0] == self._best), None)
        self.scores.show_lines(
            [
                Line("Dice", "accent", pairs["val_dice"]),
                Line("mIoU", "good", pairs["val_iou"], dashed=True),
            ],
            best,
        )

    def _find_pictures(self) -> None:
        found = sorted((self._folder / "examples").glob("step_*.jpg")) if self._folder is not None else []
        if found == self._pictures and found:
            return
        latest = self.slider.value() >= self.slider.maximum()
        self._pictures = found
        self.slider.setEnabled(len(found) > 1)
        self.slider.setRange(0, max(0, len(found) - 1))
        if latest:
            self.slider.setValue(self.slider.maximum())
        self._show_picture()

    def _show_picture(self) -> None:
        number = min(self.slider.value(), len(self._pictures) - 1)
        if number < 0:
            self.picture.show_pixmap(None)
            self.epoch.setText("")
            return
        self.picture.show_pixmap(QPixmap(str(self._pictures[number])))
        self.epoch.setText(self._bench.text("desktop.train.after-epoch", epoch=number + 1))


def clock(seconds: float) -> str:
    """``75`` → ``1:15``."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def _history(path: Path) -> tuple[list[dict[str, float]], int]:
    """Epochs of a run that was begun before, and the best of them."""
    rows = []
    try:
        with path.open(encoding="utf-8", newline="") as file:
            for number, row in enumerate(csv.DictReader(file), 1):
                rows.append({**{name: float(value) for name, value in row.items() if name and value}, "epoch": float(number)})
    except (OSError, ValueError, csv.Error):
        return [], 0
    scored = [row for row in rows if "val_dice" in row]
    return rows, int(max(scored, key=lambda row: row["val_dice"])["epoch"]) if scored else 0
