"""The left side of the Batch page: images, model, where the masks go, what else is written."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QFileDialog,
    QFrame,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

import delineate.formats as formats
from delineate.desktop.icons import wear
from delineate.desktop.models import DEMO, open_model, remembered
from delineate.desktop.workbench import Workbench

_OTHER = "…"
_CHECKS = ("measure", "overlay", "overwrite")


class BatchSetup(QFrame):
    """``inputs`` are files and folders, ``out`` the folder of the masks; ``changed`` when one of them is another."""

    changed = Signal()

    def __init__(self, workbench: Workbench, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._bench = workbench
        self.inputs: list[Path] = []
        self._headings = {name: QLabel() for name in ("images", "model", "out", "more")}
        for heading in self._headings.values():
            heading.setObjectName("heading")
        self.folder_button, self.files_button, self.where = QPushButton(), QPushButton(), QPushButton()
        for button, call in (
            (self.folder_button, self._ask_folder),
            (self.files_button, self._ask_files),
            (self.where, self._ask_out),
        ):
            button.clicked.connect(call)
        wear(self.folder_button, "folder")
        wear(self.files_button, "open")
        wear(self.where, "folder")
        self.chosen = QLabel()
        self.chosen.setObjectName("faint")
        self.chosen.setWordWrap(True)
        self.models = QComboBox()
        self.models.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.models.activated.connect(self._picked)
        self.folder = QLineEdit()
        self.folder.textChanged.connect(lambda _: self.changed.emit())
        self.checks = {name: QCheckBox() for name in _CHECKS}
        self.checks["measure"].setChecked(True)
        self._lay_out()
        self.setFixedWidth(310)
        workbench.model_changed.connect(self._list_models)

    def _lay_out(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(18, 16, 18, 16)
        column.setSpacing(8)
        column.addWidget(self._headings["images"])
        column.addWidget(self.folder_button)
        column.addWidget(self.files_button)
        column.addWidget(self.chosen)
        column.addSpacing(10)
        column.addWidget(self._headings["model"])
        column.addWidget(self.models)
        column.addSpacing(10)
        column.addWidget(self._headings["out"])
        line = QHBoxLayout()
        line.addWidget(self.folder, 1)
        line.addWidget(self.where)
        column.addLayout(line)
        column.addSpacing(10)
        column.addWidget(self._headings["more"])
        for check in self.checks.values():
            column.addWidget(check)
        column.addStretch()

    # -- values

    @property
    def out(self) -> Path:
        return Path(self.folder.text().strip() or "masks").expanduser()

    @property
    def model(self) -> str:
        """The chosen model file, or the demonstration's name."""
        return str(self.models.currentData() or DEMO)

    def options(self) -> dict[str, Any]:
        return {name: check.isChecked() for name, check in self.checks.items()}

    def set_inputs(self, paths: Sequence[Path]) -> None:
        self.inputs = list(paths)
        if self.inputs:
            first = self.inputs[0].absolute()
            name = f"{first.name}-masks" if first.is_dir() and len(self.inputs) == 1 else "masks"
            self.folder.setText(str(first.parent / name))
        self.retranslate()
        self.changed.emit()

    def set_busy(self, busy: bool) -> None:
        for widget in (self.folder_button, self.files_button, self.where, self.models, self.folder, *self.checks.values()):
            widget.setEnabled(not busy)

    # -- words

    def retranslate(self) -> None:
        words = self._bench.text
        for name, heading in self._headings.items():
            heading.setText(words(f"desktop.batch.heading.{name}"))
        self.folder_button.setText(words("desktop.batch.choose-folder"))
        self.files_button.setText(words("desktop.batch.choose-files"))
        self.where.setToolTip(words("desktop.batch.where"))
        self.where.setAccessibleName(words("desktop.batch.where"))
        for name, check in self.checks.items():
            check.setText(words(f"desktop.batch.check.{name}"))
            check.setToolTip(words(f"desktop.batch.check.{name}.what"))
        if not self.inputs:
            self.chosen.setText(words("desktop.batch.none"))
        elif len(self.inputs) == 1:
            self.chosen.setText(str(self.inputs[0]))
        else:
            self.chosen.setText(words("desktop.batch.several", n=len(self.inputs), folder=self.inputs[0].parent))
        self._list_models()

    def _list_models(self) -> None:
        self.models.clear()
        self.models.addItem(self._bench.text("desktop.model.demo"), DEMO)
        current, found = self._bench.model, remembered(self._bench)
        demo = current is not None and "demo_model" in current.path.parts
        if current is not None and not demo and current.path not in found:
            found.insert(0, current.path)
        for path in found:
            self.models.addItem(path.parent.name if path.name == "model.onnx" else path.name, str(path))
            self.models.setItemData(self.models.count() - 1, str(path), Qt.ItemDataRole.ToolTipRole)
        self.models.addItem(self._bench.text("desktop.model.other"), _OTHER)
        if current is None:
            place = 1 if found else 0
        else:
            place = self.models.findData(DEMO if demo else str(current.path))
        self.models.setCurrentIndex(max(0, place))

    # -- asking

    def _picked(self, index: int) -> None:
        choice = str(self.models.itemData(index))
        if choice == _OTHER:
            words = self._bench.text
            kinds = f"{words('desktop.ask.models')} (*.onnx)"
            choice, _ = QFileDialog.getOpenFileName(self.window(), words("desktop.ask.model"), "", kinds)
        if choice:
            open_model(self._bench, choice)
        else:
            self._list_models()

    def _ask_folder(self) -> None:
        if chosen := QFileDialog.getExistingDirectory(self.window(), self._bench.text("desktop.batch.choose-folder")):
            self.set_inputs([Path(chosen)])

    def _ask_files(self) -> None:
        words = self._bench.text
        patterns = " ".join(f"*{suffix}" for suffix in sorted(formats.IMAGE_SUFFIXES))
        kinds = f"{words('desktop.ask.images')} ({patterns});;{words('desktop.ask.all')} (*)"
        names, _ = QFileDialog.getOpenFileNames(self.window(), words("desktop.batch.choose-files"), "", kinds)
        if names:
            self.set_inputs([Path(name) for name in names])

    def _ask_out(self) -> None:
        if chosen := QFileDialog.getExistingDirectory(self.window(), self._bench.text("desktop.batch.where"), str(self.out.parent)):
            self.folder.setText(chosen)
