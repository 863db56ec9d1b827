"""Sliders that move the threshold of each class, seen at once on the slices that are shown."""

from __future__ import annotations

from dataclasses import replace

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QLabel, QPushButton, QSlider, QVBoxLayout, QWidget

from delineate.desktop.jobs import Job
from delineate.desktop.workbench import Workbench
from delineate.editing import tools
from delineate.editing.changes import Change

_STEPS = 1000


class Thresholds(QWidget):
    """Shown where there are probabilities whose thresholds count. Moving a slider only looks; "Use" makes it the mask, as a step
    that can be undone."""

    def __init__(self, workbench: Workbench) -> None:
        super().__init__()
        self._workbench = workbench
        self._heading, self._what = QLabel(), QLabel()
        self._heading.setObjectName("heading")
        self._what.setObjectName("faint")
        self._what.setWordWrap(True)
        self._grid = QGridLayout()
        self.sliders: list[QSlider] = []
        self._numbers: list[QLabel] = []
        self.use, self.back = QPushButton(), QPushButton()
        self.use.clicked.connect(self._use)
        self.back.clicked.connect(self._back)
        row = QHBoxLayout()
        row.addWidget(self.use)
        row.addWidget(self.back)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 8, 0, 0)
        column.addWidget(self._heading)
        column.addLayout(self._grid)
        column.addWidget(self._what)
        column.addLayout(row)
        workbench.document_changed.connect(self._rebuild)
        workbench.view_changed.connect(self._follow)
        self._rebuild()

    def retranslate(self) -> None:
        words = self._workbench.text
        self._heading.setText(words("desktop.threshold.title"))
        self._what.setText(words("desktop.threshold.what"))
        self.use.setText(words("desktop.threshold.use"))
        self.back.setText(words("desktop.threshold.back"))

    def _rebuild(self) -> None:
        while (item := self._grid.takeAt(0)) is not None:
            if (widget := item.widget()) is not None:
                widget.deleteLater()
        self.sliders, self._numbers = [], []
        document = self._workbench.document
        counts = document is not None and document.probabilities is not None
        counts = counts and not (document.label_set.kind == "exclusive" and document.label_set.classes > 1)  # type: ignore[union-attr]
        self.setVisible(counts)
        if not counts or document is None:
            return
        for row, name in enumerate(document.label_set.names):
            slider = QSlider(Qt.Orientation.Horizontal)
            slider.setRange(1, _STEPS - 1)
            slider.setPageStep(50)
            slider.setSingleStep(10)
            slider.setAccessibleName(name)
            slider.valueChanged.connect(self._moved)
            number = QLabel()
            number.setMinimumWidth(36)
            number.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
            self._grid.addWidget(QLabel(name), row, 0)
            self._grid.addWidget(slider, row, 1)
            self._grid.addWidget(number, row, 2)
            self.sliders.append(slider)
            self._numbers.append(number)
        self._follow()

    def _follow(self) -> None:
        """Sliders as the view has them."""
        view = self._workbench.view
        if view is None or len(view.thresholds) != len(self.sliders):
            return
        for slider, number, value in zip(self.sliders, self._numbers, view.thresholds, strict=True):
            slider.blockSignals(True)
            slider.setValue(round(value * _STEPS))
            slider.blockSignals(False)
            number.setText(f"{value:.2f}")
        looking = view.layer == "threshold"
        self.use.setEnabled(looking)
        self.back.setEnabled(looking)

    def _moved(self) -> None:
        view = self._workbench.view
        if view is not None:
            values = tuple(slider.value() / _STEPS for slider in self.sliders)
            self._workbench.set_view(replace(view, layer="threshold", thresholds=values))

    def _back(self) -> None:
        document, view = self._workbench.document, self._workbench.view
        if document is not None and view is not None and document.model is not None:
            self._workbench.set_view(replace(view, layer="edited", thresholds=document.model.thresholds))

    def _use(self) -> None:
        bench = self._workbench
        document, view = bench.document, bench.view
        if document is None or view is None:
            return
        thresholds, revision = view.thresholds, document.revision

        def work(job: Job) -> list[Change]:
            return tools.use_threshold(document, thresholds)

        def done(changes: list[Change]) -> None:
            # A stroke made meanwhile would be lost under it: then the person presses the button again.
            if (
                bench.document is document
                and document.revision == revision
                and bench.session is not None
                and bench.view is not None
            ):
                bench.session.do("threshold", changes)
                bench.set_view(replace(bench.view, layer="edited"))

        bench.jobs.start(bench.text("desktop.job.threshold"), work, done, bench.say_error)
