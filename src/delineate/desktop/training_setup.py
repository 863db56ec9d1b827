"""The left side of the Train page: the data folder, the time it may take, where the run goes, Start."""

from __future__ import annotations

import os
from pathlib import Path

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QDropEvent
from PySide6.QtWidgets import (
    QCheckBox,
    QFileDialog,
    QFrame,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QSlider,
    QVBoxLayout,
    QWidget,
)

from delineate.desktop.icons import wear
from delineate.desktop.workbench import Workbench

#: What the slider can say, in minutes: fine where it matters.
MINUTES = (3, 5, 8, 10, 15, 20, 30, 45, 60, 90, 120, 180, 240)
_USUAL = 15


class SetupPanel(QFrame):
    """``data_chosen`` (folder), ``start`` and ``open_run`` (a run folder to go on with or to look at) are wishes."""

    data_chosen = Signal(object)
    start = Signal()
    open_run = Signal(object)

    def __init__(self, workbench: Workbench, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._bench = workbench
        self.data: Path | None = None
        self._own_folder = False  # a run folder that the person typed stays when other data are chosen
        self._headings = {name: QLabel() for name in ("data", "time", "run")}
        for heading in self._headings.values():
            heading.setObjectName("heading")
        self.choose, self.start_button, self.where, self.other = (QPushButton() for _ in range(4))
        self.choose.clicked.connect(self._ask_data)
        wear(self.choose, "folder")
        self.start_button.setObjectName("primary")
        self.start_button.clicked.connect(self.start)
        wear(self.where, "folder")
        self.where.clicked.connect(self._ask_folder)
        self.other.setObjectName("link")
        self.other.clicked.connect(self._ask_run)
        self.path, self.expect, self.minutes_label, self.hint = (QLabel() for _ in range(4))
        for label in (self.path, self.expect, self.hint):
            label.setWordWrap(True)
            label.setObjectName("faint")
        self._patients_label, self.patients = QLabel(), QLineEdit()
        self.patients.setPlaceholderText("{patient}_*")
        self.patients.editingFinished.connect(self._patients_typed)
        self._patients_known = ""  # the pattern of the last check
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setRange(0, len(MINUTES) - 1)
        self.slider.setPageStep(2)
        self.slider.setValue(MINUTES.index(_USUAL))
        self.slider.valueChanged.connect(lambda _: self._tell_time())
        self.folder = QLineEdit()
        self.folder.textEdited.connect(self._typed)
        self.folder.textChanged.connect(lambda _: self.refresh())
        self.anyway = QCheckBox()
        self.anyway.toggled.connect(lambda _: self.refresh())
        self._blocked = self._checked = self._busy = False
        self._lay_out()
        self.setFixedWidth(330)
        self.retranslate()

    def _lay_out(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(18, 16, 18, 16)
        column.setSpacing(8)
        for widget in (self._headings["data"], self.choose, self.path, self._patients_label, self.patients):
            column.addWidget(widget)
        column.addSpacing(10)
        line = QHBoxLayout()
        line.addWidget(self._headings["time"], 1)
        line.addWidget(self.minutes_label)
        column.addLayout(line)
        column.addWidget(self.slider)
        column.addWidget(self.expect)
        column.addSpacing(10)
        column.addWidget(self._headings["run"])
        line = QHBoxLayout()
        line.addWidget(self.folder, 1)
        line.addWidget(self.where)
        column.addLayout(line)
        column.addSpacing(10)
        column.addWidget(self.anyway)
        column.addWidget(self.start_button)
        column.addWidget(self.hint)
        column.addStretch()
        column.addWidget(self.other, 0, Qt.AlignmentFlag.AlignLeft)

    # -- values

    @property
    def minutes(self) -> int:
        return MINUTES[self.slider.value()]

    @property
    def run_folder(self) -> Path:
        return Path(self.folder.text().strip()).expanduser()

    @property
    def ready(self) -> bool:
        """Whether everything is known that a run needs."""
        known = self.data is not None and self._checked and bool(self.folder.text().strip())
        return known and (not self._blocked or self.anyway.isChecked())

    def set_data(self, folder: Path) -> None:
        self.data, self._checked, self._blocked = folder, False, False
        self._patients_known = self.patients.text().strip()
        self.anyway.setChecked(False)
        if not self._own_folder:
            self.folder.setText(str(usual_folder(folder)))
        self.retranslate()

    @property
    def reading(self) -> list[str]:
        """Arguments of the command that say how the folder is to be read."""
        pattern = self.patients.text().strip()
        return ["--patient-pattern", pattern] if pattern else []

    def _patients_typed(self) -> None:
        """Another pattern: the patients are others, so the folder is looked at anew."""
        if self.data is not None and self.patients.text().strip() != self._patients_known:
            self.data_chosen.emit(self.data)

    def set_data_again(self) -> None:
        """The same data for another run, in a folder that is free."""
        if self.folder.text().strip():
            self.folder.setText(str(free_folder(self.run_folder)))

    def set_checked(self, blocked: bool) -> None:
        """The check is over; ``blocked``: it found what stops a run."""
        self._checked, self._blocked = True, blocked
        self.refresh()

    def set_busy(self, busy: bool) -> None:
        self._busy = busy
        for widget in (self.choose, self.patients, self.slider, self.folder, self.where, self.other, self.anyway):
            widget.setEnabled(not busy)
        self.refresh()

    # -- words

    def retranslate(self) -> None:
        words = self._bench.text
        for name, heading in self._headings.items():
            heading.setText(words(f"desktop.train.setup.{name}"))
        self.choose.setText(words("desktop.train.setup.choose"))
        self._patients_label.setText(words("desktop.train.setup.patients"))
        self.patients.setToolTip(words("desktop.train.setup.patients.what"))
        self._patients_label.setToolTip(words("desktop.train.setup.patients.what"))
        self.path.setText(str(self.data) if self.data is not None else words("desktop.train.setup.drop"))
        self.path.setToolTip(str(self.data or ""))
        self.where.setToolTip(words("desktop.train.setup.where"))
        self.where.setAccessibleName(words("desktop.train.setup.where"))
        self.start_button.setText(words("desktop.train.setup.start"))
        self.other.setText(words("desktop.train.setup.other"))
        self.anyway.setText(words("desktop.train.setup.anyway"))
        self._tell_time()
        self.refresh()

    def refresh(self) -> None:
        words = self._bench.text
        self.anyway.setVisible(self._blocked)
        self.start_button.setEnabled(self.ready and not self._busy)
        key = "blocked" if self._blocked and not self.ready else "unchecked" if self.data is not None and not self._checked else ""
        self.hint.setText(words(f"desktop.train.setup.{key}") if key else "")
        self.hint.setVisible(bool(key))

    def _tell_time(self) -> None:
        words = self._bench.text
        minutes = self.minutes
        shown = words("desktop.train.minutes", n=minutes) if minutes < 90 else words("desktop.train.hours", n=f"{minutes / 60:g}")
        self.minutes_label.setText(shown)
        kind = "short" if minutes <= 5 else "usual" if minutes <= 30 else "long"
        self.expect.setText(words(f"desktop.train.expect.{kind}"))
        self.slider.setAccessibleName(f"{words('desktop.train.setup.time')}: {shown}")

    # -- asking

    def _ask_data(self) -> None:
        begin = str(self.data.parent) if self.data is not None else ""
        if chosen := QFileDialog.getExistingDirectory(self.window(), self._bench.text("desktop.train.setup.choose"), begin):
            self.data_chosen.emit(Path(chosen))

    def _ask_folder(self) -> None:
        begin = str(self.run_folder.parent)
        if chosen := QFileDialog.getExistingDirectory(self.window(), self._bench.text("desktop.train.setup.where"), begin):
            name = self.data.name if self.data is not None else "run"
            self.folder.setText(str(free_folder(Path(chosen) / name)))
            self._own_folder = True

    def _ask_run(self) -> None:
        begin = str(self.run_folder.parent) if self.folder.text() else ""
        if chosen := QFileDialog.getExistingDirectory(self.window(), self._bench.text("desktop.train.setup.other"), begin):
            self.open_run.emit(Path(chosen))

    def _typed(self, text: str) -> None:
        self._own_folder = bool(text.strip())


def dropped_folder(event: QDropEvent) -> Path | None:
    """The folder (or table of cases) that is dropped."""
    paths = [Path(url.toLocalFile()) for url in event.mimeData().urls() if url.isLocalFile()]
    return next((path for path in paths if path.is_dir() or path.suffix.lower() in (".csv", ".tsv")), None)


def usual_folder(data: Path) -> Path:
    """Where a run on ``data`` goes when nobody says otherwise: beside the data, or in the home folder where nothing may be written
    there."""
    home = data.absolute().parent
    return free_folder((home if os.access(home, os.W_OK) else Path.home()) / "delineate-runs" / data.stem)


def free_folder(wanted: Path) -> Path:
    """``wanted``, or that name with a number where something is there already."""
    number, found = 2, wanted
    while found.exists():
        found, number = wanted.with_name(f"{wanted.name}-{number}"), number + 1
    return found
