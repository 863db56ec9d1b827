"""The Segment dock: choose a model, segment the open image, move the threshold, save."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QComboBox, QFileDialog, QLabel, QProgressBar, QPushButton, QVBoxLayout, QWidget

from delineate.desktop import predicting
from delineate.desktop.actions import make_action
from delineate.desktop.jobs import Job
from delineate.desktop.leaving import may_leave
from delineate.desktop.models import DEMO, open_model, remembered
from delineate.desktop.predicting import Segmented
from delineate.desktop.saving import Saving
from delineate.desktop.thresholds import Thresholds
from delineate.desktop.workbench import Workbench
from delineate.i18n import has

_OTHER = "…"


class SegmentDock(QWidget):
    """The model, the button, progress; below it thresholds and what can be saved."""

    def __init__(self, workbench: Workbench) -> None:
        super().__init__()
        self.workbench = workbench
        self._job: Job | None = None
        self.models = QComboBox()
        self.models.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.models.setMinimumContentsLength(16)
        self.models.activated.connect(self._picked)
        self._about = QLabel()
        self._about.setObjectName("faint")
        self._about.setWordWrap(True)
        self.button = QPushButton()
        self.button.setObjectName("primary")
        self.button.clicked.connect(self._clicked)
        self._bar = QProgressBar()
        self._bar.setTextVisible(False)
        self._bar.hide()
        self._took = QLabel()
        self._took.setObjectName("faint")
        self._took.setWordWrap(True)
        self._heading = QLabel()
        self._heading.setObjectName("heading")
        self.thresholds = Thresholds(workbench)
        self.saving = Saving(workbench, self)
        column = QVBoxLayout(self)
        column.setContentsMargins(12, 10, 12, 10)
        column.setSpacing(8)
        for widget in (self._heading, self.models, self._about, self.button, self._bar, self._took, self.thresholds, self.saving):
            column.addWidget(widget)
        column.addStretch()
        run = make_action(
            self,
            workbench.texts,
            "desktop.act.segment",
            self.segment,
            icon="segment",
            keys="Ctrl+Return",
            group="desktop.dock.segment",
        )
        self._run = run
        workbench.model_changed.connect(self._model_changed)
        workbench.document_changed.connect(self._refresh)
        workbench.jobs.changed.connect(self._refresh)
        self.retranslate()

    def segment(self) -> None:
        """Segment the open image with the chosen model, in a job."""
        bench = self.workbench
        if bench.document is None or self.working or not may_leave(bench, self.window()):
            return
        if bench.model is None:
            self._take(self.models.currentData() or DEMO, self.segment)
            return
        document, renderer, view, model = bench.document, bench.renderer, bench.view, bench.model
        assert renderer is not None
        assert view is not None

        def done(found: Segmented) -> None:
            if bench.document is not document:  # another image was opened meanwhile
                return
            current = bench.view or view
            shown = replace(
                current,
                layer="edited",
                colours=found.colours,
                thresholds=found.document.model.thresholds if found.document.model else (),
            )
            bench.show(found.document, renderer=found.renderer, view=shown)
            self._took.setText(bench.text("desktop.segment.took", seconds=f"{found.seconds:.1f}", engine=found.engine))
            for key, values in found.notes:
                bench.say("warning", key, **values)

        title = bench.text("desktop.job.segment", name=document.image.path.name if document.image.path else "")
        self._job = bench.jobs.start(title, lambda job: predicting.segment(document, renderer, model, job), done, bench.say_error)
        self._job.progress.connect(self._progress)
        self._job.failed.connect(self._gave_up)
        self._job.stopped.connect(self._gave_up)
        self._bar.setRange(0, 0)
        self._took.clear()
        self._refresh()

    def _gave_up(self) -> None:
        self.workbench.keep_unsaved = False  # the document stays, and so do its corrections

    @property
    def working(self) -> bool:
        return self._job is not None and self._job.running

    def retranslate(self) -> None:
        words = self.workbench.text
        self._heading.setText(words("desktop.segment.model"))
        self._list_models()
        self._model_changed()
        self.thresholds.retranslate()
        self.saving.retranslate()
        self._refresh()

    # -- models

    def _list_models(self) -> None:
        self.models.clear()
        self.models.addItem(self.workbench.text("desktop.model.demo"), DEMO)
        found = remembered(self.workbench)
        current = self.workbench.model
        if current is not None and current.path not in found and not _is_demo(current.path):
            found.insert(0, current.path)
        for path in found:
            name = path.parent.name if path.name == "model.onnx" else path.name
            self.models.addItem(name, str(path))
            self.models.setItemData(self.models.count() - 1, str(path), Qt.ItemDataRole.ToolTipRole)
        self.models.addItem(self.workbench.text("desktop.model.other"), _OTHER)
        if current is not None:
            place = self.models.findData(DEMO if _is_demo(current.path) else str(current.path))
        else:
            place = 1 if found else 0
        self.models.setCurrentIndex(max(place, 0))

    def _picked(self, index: int) -> None:
        choice = self.models.itemData(index)
        if choice != _OTHER:
            self._take(choice)
            return
        words = self.workbench.text
        kinds = f"{words('desktop.ask.models')} (*.onnx)"
        name, _ = QFileDialog.getOpenFileName(self.window(), words("desktop.ask.model"), "", kinds)
        if name:
            self._take(name)
        else:
            self._list_models()

    def _take(self, choice: str, then: object = None) -> None:
        open_model(self.workbench, choice, then if callable(then) else None)

    def _model_changed(self) -> None:
        self._list_models()
        model = self.workbench.model
        if model is None:
            self._about.setText(self.workbench.text("desktop.model.not-yet"))
            return
        record = model.record
        lines = [self.workbench.text("desktop.model.classes", names=", ".join(record.labels.names))]
        mean = record.scores.get("test", {}).get("dice", {})
        if isinstance(mean, dict) and isinstance(mean.get("mean"), float):
            lines.append(self.workbench.text("desktop.model.dice", dice=f"{mean['mean']:.3f}", n=mean.get("n", "?")))
        lines += [self.workbench.text(key) if has(key := f"desktop.note.{note}") else note for note in record.notes]
        self._about.setText("\n".join(lines))

    # -- the button

    def _clicked(self) -> None:
        if self.working and self._job is not None:
            self._job.stop()
            self.button.setEnabled(False)
        else:
            self.segment()

    def _progress(self, done: int, total: int) -> None:
        self._bar.setRange(0, total)
        self._bar.setValue(done)

    def _refresh(self) -> None:
        document = self.workbench.document
        working = self.working
        self.button.setText(self.workbench.text("desktop.segment.stop" if working else "desktop.segment.run"))
        self.button.setEnabled(document is not None)
        self._run.setEnabled(document is not None and not working)
        self._bar.setVisible(working)
        if document is None or document.model is None:
            self._took.clear()


def _is_demo(path: Path) -> bool:
    return path.parent.name == "demo_model"
