"""The Batch page: a folder or many files through the model, a row each; what failed says why and can be tried again."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QModelIndex, Qt, QUrl, Signal
from PySide6.QtGui import QDesktopServices, QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QProgressBar,
    QPushButton,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from delineate.desktop.batch_rows import COLUMNS, BatchRows
from delineate.desktop.batch_setup import BatchSetup
from delineate.desktop.icons import wear
from delineate.desktop.jobs import Job
from delineate.desktop.models import DEMO, open_model
from delineate.desktop.training_live import clock
from delineate.desktop.workbench import Workbench
from delineate.events import Event, InputFinished, Note, Progress, StageStarted
from delineate.workflows.predicting import Predictions

_BUTTONS = {"start": "", "stop": "stop", "retry": "retry", "cases": "cases", "folder": "folder", "measures": "table"}


class BatchPage(QWidget):
    """``rows`` is what is shown, ``setup`` what was asked for, ``finished`` comes after the last row."""

    finished = Signal()
    _told = Signal(object)

    def __init__(self, workbench: Workbench, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.workbench = workbench
        self.rows = BatchRows(workbench, self)
        self.setup = BatchSetup(workbench)
        self._job: Job | None = None
        self._began, self._stage, self._done, self._total = 0.0, "", 0, 0
        self._measures: Path | None = None
        self._place: Path | None = None
        self.headline, self.doing, self._drop = QLabel(), QLabel(), QLabel()
        self.headline.setObjectName("headline")
        for label in (self.doing, self._drop):
            label.setObjectName("faint")
        self._drop.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.table = QTableView()
        self.buttons = {name: QPushButton() for name in _BUTTONS}
        for name, button in self.buttons.items():
            if _BUTTONS[name]:
                wear(button, _BUTTONS[name])
        self.buttons["start"].setObjectName("primary")
        self._lay_out()
        for name, call in (
            ("start", self.start),
            ("stop", self.stop),
            ("retry", self.retry),
            ("cases", self._show_cases),
            ("folder", lambda: self._open(self._place)),
            ("measures", lambda: self._open(self._measures)),
        ):
            self.buttons[name].clicked.connect(lambda _=False, call=call: call())
        self.setup.changed.connect(self._changed)
        self._told.connect(self._take, Qt.ConnectionType.QueuedConnection)
        self.setAcceptDrops(True)
        self.retranslate()

    def _lay_out(self) -> None:
        table = self.table
        table.setModel(self.rows)
        table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        table.setShowGrid(False)
        table.setAlternatingRowColors(True)
        table.setWordWrap(False)
        table.verticalHeader().hide()
        table.verticalHeader().setDefaultSectionSize(27)
        table.horizontalHeader().setSectionResizeMode(COLUMNS.index("reason"), QHeaderView.ResizeMode.Stretch)
        table.horizontalHeader().setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        table.setColumnWidth(0, 240)
        table.setColumnWidth(1, 130)
        table.activated.connect(self._activated)
        table.doubleClicked.connect(self._activated)
        top = QHBoxLayout()
        top.addWidget(self.headline, 1)
        for name in ("start", "stop"):
            top.addWidget(self.buttons[name])
        below = QHBoxLayout()
        for name in ("retry", "cases", "measures", "folder"):
            below.addWidget(self.buttons[name])
        below.addStretch()
        column = QVBoxLayout()
        column.setContentsMargins(20, 16, 20, 16)
        column.setSpacing(10)
        column.addLayout(top)
        column.addWidget(self.doing)
        column.addWidget(self.bar)
        column.addWidget(self._drop, 1)
        column.addWidget(self.table, 1)
        column.addLayout(below)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(0)
        row.addWidget(self.setup)
        row.addLayout(column, 1)

    # -- for the window

    def retranslate(self) -> None:
        words = self.workbench.text
        for name, button in self.buttons.items():
            button.setText(words(f"desktop.batch.{name}"))
        self._drop.setText(words("desktop.batch.drop"))
        self.setup.retranslate()
        self._tell()

    def may_close(self) -> bool:
        if self.working:
            self.stop()
        return True

    @property
    def working(self) -> bool:
        return self._job is not None and self._job.running

    # -- work

    def add(self, paths: Sequence[Path]) -> None:
        """Take files and folders as the input."""
        if not self.working:
            self.rows.begin([])
            self._measures = self._place = None
            self.setup.set_inputs(paths)

    def start(self) -> None:
        """Segment everything that was chosen."""
        if self.setup.inputs and not self.working:
            self._with_model(lambda: self._begin(self.setup.inputs, fresh=True))

    def retry(self) -> None:
        """Once more what failed; the files may have been mended, or the model changed."""
        failed = self.rows.paths("failed")
        if failed and not self.working:
            self._with_model(lambda: self._begin(failed, fresh=False))

    def stop(self) -> None:
        """End after the image at work; masks that are written stay."""
        if self._job is not None and self._job.running:
            self._job.stop()
            self.doing.setText(self.workbench.text("desktop.job.stopping"))
            self.buttons["stop"].setEnabled(False)

    def _with_model(self, then: object) -> None:
        if self.workbench.model is not None and callable(then):
            then()
        elif callable(then):
            open_model(self.workbench, self.setup.model or DEMO, then)

    def _begin(self, inputs: Sequence[Path], *, fresh: bool) -> None:
        from delineate.inference.inputs import collect
        from delineate.workflows import predict

        model, out = self.workbench.model, self.setup.out
        if model is None:
            return
        options = self.setup.options()
        language, told = self.workbench.texts.language, self._told
        self._began, self._done, self._total, self._stage = time.monotonic(), 0, 0, ""
        self._place, self._measures = out, None
        given = list(inputs)
        if fresh:
            self.rows.begin([])
        else:
            self.rows.wait_again(given)

        def work(job: Job) -> Predictions:
            if fresh:
                told.emit([one.path for one in collect(given, out).jobs])
            job.check()
            return predict(model.path, given, out=out, language=language, on_event=told.emit, stop=lambda: job.stopping, **options)

        title = self.workbench.text("desktop.batch.job", n=len(given))
        self._job = self.workbench.jobs.start(title, work, self._finished, self._failed)
        self._job.ended.connect(self._ended)
        self.setup.set_busy(True)
        self.bar.setRange(0, 0)
        self._tell()

    def _take(self, event: list[Path] | Event) -> None:
        if isinstance(event, list):
            self.rows.begin(event)
        elif isinstance(event, InputFinished):
            place = self.rows.take(event)
            self.table.scrollTo(self.rows.index(place, 0))
        elif isinstance(event, StageStarted):
            self._stage = event.name
            self.bar.setRange(0, event.total or 0)
        elif isinstance(event, Progress):
            self._done, self._total = event.done, event.total or 0
            self.bar.setRange(0, self._total)
            self.bar.setValue(self._done)
        elif isinstance(event, Note) and event.level == "warning" and self._stage == "predict":
            self.workbench.say("warning", f"note.{event.code}", **event.params)
        self._tell()

    def _finished(self, found: Predictions) -> None:
        if found.measures is not None and found.measures.table is not None:
            self._measures = found.measures.table

    def _failed(self, error: Exception) -> None:
        self.workbench.say_error(error)

    def _ended(self) -> None:
        self.setup.set_busy(False)
        self._tell()
        self.finished.emit()

    # -- showing

    def _changed(self) -> None:
        self._tell()

    def _tell(self) -> None:
        words, rows = self.workbench.text, self.rows
        counts = {state: rows.count(state) for state in ("done", "failed", "skipped", "waiting")}
        started = bool(rows.rows) or self.working
        self._drop.setVisible(not started)
        self.table.setVisible(started)
        self.bar.setVisible(self.working)
        key = "running" if self.working else "over" if started else "ready" if self.setup.inputs else "empty"
        self.headline.setText(words(f"desktop.batch.{key}"))
        parts = [words("desktop.batch.counts", **counts)] if started else []
        if self.working and self._stage == "predict" and self._done and self._total > self._done:
            spent = time.monotonic() - self._began
            parts.append(words("desktop.train.left", time=clock(spent / self._done * (self._total - self._done))))
        elif self.working and self._stage and self._stage != "predict":
            parts.append(words(f"stage.{self._stage}"))
        self.doing.setText("  ·  ".join(parts))
        self.doing.setVisible(bool(parts))
        self.buttons["start"].setEnabled(bool(self.setup.inputs) and not self.working)
        self.buttons["stop"].setEnabled(self.working)
        self.buttons["retry"].setVisible(counts["failed"] > 0)
        self.buttons["retry"].setEnabled(not self.working)
        over = started and not self.working and self._place is not None
        for name in ("cases", "folder"):
            self.buttons[name].setVisible(over)
        self.buttons["measures"].setVisible(over and self._measures is not None)

    def _activated(self, index: QModelIndex) -> None:
        """Open the image of a row on the View page."""
        row = self.rows.rows[index.row()]
        if self.workbench.open_among is not None:
            if (show := getattr(self.window(), "show_page", None)) is not None:
                show("view")
            self.workbench.open_among(row.path, [one.path for one in self.rows.rows], None)

    def _show_cases(self) -> None:
        if self._place is not None and self.workbench.show_cases is not None:
            self.workbench.show_cases(self._place)

    def _open(self, path: Path | None) -> None:
        if path is not None:
            QDesktopServices.openUrl(QUrl.fromLocalFile(str(path)))

    # -- what is dropped

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:  # noqa: N802 - Qt's name
        if not self.working and any(url.isLocalFile() for url in event.mimeData().urls()):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:  # noqa: N802
        paths = [Path(url.toLocalFile()) for url in event.mimeData().urls() if url.isLocalFile()]
        if paths and not self.working:
            event.acceptProposedAction()
            self.add(paths)
