"""The status bar: what the mouse is over, and the work that goes on, with a button that stops it."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel, QProgressBar, QSizePolicy, QStatusBar, QToolButton, QWidget

from delineate.desktop.icons import wear
from delineate.desktop.interaction import Pointer
from delineate.desktop.jobs import Job
from delineate.desktop.workbench import Workbench
from delineate.editing.planes import Plane


class StatusBar(QStatusBar):
    """Shows :attr:`Workbench.jobs` and what :meth:`point` is told."""

    def __init__(self, workbench: Workbench, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._workbench = workbench
        self._job: Job | None = None
        self.hint, self.readout, self._doing = QLabel(), QLabel(), QLabel()
        self.readout.setObjectName("readout")
        for label in (self.hint, self._doing):  # long names must not widen the window
            label.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self._doing.setFixedWidth(220)
        self._doing.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self._bar = QProgressBar()
        self._bar.setFixedWidth(160)
        self._bar.setTextVisible(False)
        self.stop = QToolButton()
        self.stop.setAutoRaise(True)
        wear(self.stop, "stop")
        self.stop.clicked.connect(self._stop)
        self.setSizeGripEnabled(False)
        self.addWidget(self.hint, 1)
        for widget in (self._doing, self._bar, self.stop, self.readout):
            self.addPermanentWidget(widget)
        workbench.jobs.changed.connect(self._jobs_changed)
        workbench.interaction_changed.connect(self.retranslate)
        workbench.document_changed.connect(self.retranslate)
        self._jobs_changed()
        self.retranslate()

    def point(self, plane: Plane, at: Pointer | None) -> None:
        """The mouse is over ``plane``; ``None``: over no picture."""
        self.readout.setText("" if at is None else reading(self._workbench, plane, at))

    def retranslate(self) -> None:
        words = self._workbench.text
        self.stop.setToolTip(words("desktop.job.stop"))
        self.stop.setAccessibleName(words("desktop.job.stop"))
        interaction, document = self._workbench.interaction, self._workbench.document
        if document is None:
            key = ""
        elif interaction is not None:
            key = interaction.hint_key
        else:
            key = "desktop.hint.flat" if document.grid.flat else "desktop.hint.navigate"
        self.hint.setText(words(key) if key else "")

    def _jobs_changed(self) -> None:
        running = self._workbench.jobs.running
        job = running[-1] if running else None
        for widget in (self._doing, self._bar, self.stop):
            widget.setVisible(job is not None)
        if job is None:
            self._job = None
            self._doing.clear()
            self._doing.setToolTip("")
        if job is None or job is self._job:
            return
        self._job = job
        self._doing.setText(self.fontMetrics().elidedText(job.title, Qt.TextElideMode.ElideMiddle, 210))
        self._doing.setToolTip(job.title)
        self._bar.setRange(0, 0)
        self.stop.setEnabled(True)
        job.progress.connect(lambda done, total: self._progress(job, done, total))

    def _progress(self, job: Job, done: int, total: int) -> None:
        if job is self._job:
            self._bar.setRange(0, total)
            self._bar.setValue(done)

    def _stop(self) -> None:
        if self._job is not None:
            self._job.stop()
            self._doing.setText(self._workbench.text("desktop.job.stopping"))
            self.stop.setEnabled(False)


def reading(workbench: Workbench, plane: Plane, at: Pointer) -> str:
    """Place, value and class under the mouse, as one line; empty outside of the image."""
    document, view = workbench.document, workbench.view
    if document is None or view is None:
        return ""
    frame = document.frame(plane)
    where = frame.voxel(at.index, *at.pixel)
    voxel = (int(where[0]), int(where[1]), int(where[2]))
    values = document.values_at(voxel)
    if values is None:
        return ""
    unit = f" {document.unit}" if document.unit else ""
    parts = [", ".join(f"{value:g}" for value in values) + unit]
    names = document.label_set.names
    label = document.label_at(voxel)
    parts.append(names[label - 1] if label else workbench.text("desktop.background"))
    if document.grid.flat:
        parts.insert(0, f"x {voxel[2]}  y {voxel[1]}")
    else:
        parts.insert(0, f"({voxel[2]}, {voxel[1]}, {voxel[0]})")
        place = document.grid.millimetres(voxel)
        if place is not None:
            parts.insert(1, workbench.text("desktop.ras", r=f"{place[0]:.1f}", a=f"{place[1]:.1f}", s=f"{place[2]:.1f}"))
    if document.probabilities is not None and label:
        parts.append(f"p {float(document.probabilities[label - 1][voxel]):.2f}")
    return "   ·   ".join(parts)
