"""Learning from corrected masks: which there are, a new run that keeps the held-out patients, and whether its model is better."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QUrl, Signal
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QFileDialog, QFrame, QHBoxLayout, QLabel, QListWidget, QProgressBar, QPushButton, QVBoxLayout, QWidget

from delineate.desktop.icons import wear
from delineate.desktop.jobs import Job
from delineate.desktop.training_setup import free_folder
from delineate.desktop.workbench import Workbench
from delineate.errors import DelineateError
from delineate.recipe import read_json

if TYPE_CHECKING:  # the workflows are loaded by the jobs that need them: statistics take a second to load
    from delineate.workflows.corrected_masks import Correction, LeftOut
    from delineate.workflows.replacing import Verdict
    from delineate.workflows.retraining import Prepared

_SHOWN = 200


class AgainPanel(QWidget):
    """``prepared`` (a run folder that is begun) asks for its training; ``replace`` (a model file) takes it into use; ``back``."""

    prepared = Signal(object)
    replace = Signal(object)
    back = Signal()

    def __init__(self, workbench: Workbench, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._bench = workbench
        self.old: Path | None = None
        self.new: Path | None = None
        self.found: list[Correction] = []
        self.left: list[LeftOut] = []
        self.verdict: Verdict | None = None
        self._places: list[Path] = []
        self._made: Prepared | None = None
        self._job: Job | None = None
        self.headline, self.what, self.counted, self.says, self._doing = (QLabel() for _ in range(5))
        self.headline.setObjectName("headline")
        for label in (self.what, self.counted, self.says, self._doing):
            label.setWordWrap(True)
        self.what.setObjectName("faint")
        self._doing.setObjectName("faint")
        self.listed = QListWidget()
        self.listed.setWordWrap(True)
        self.listed.setSpacing(3)
        self.listed.setSelectionMode(QListWidget.SelectionMode.NoSelection)
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.card = QFrame()
        self.card.setObjectName("message")
        self.buttons = {name: QPushButton() for name in ("folder", "start", "back", "replace", "page")}
        for name, icon in (("folder", "folder"), ("page", "report"), ("replace", "segment")):
            wear(self.buttons[name], icon)
        self.buttons["start"].setObjectName("primary")
        for name, call in (
            ("folder", self._ask),
            ("start", self.start),
            ("back", self.back.emit),
            ("replace", self._replace),
            ("page", self._open_page),
        ):
            self.buttons[name].clicked.connect(lambda _=False, call=call: call())
        self._lay_out()
        self.retranslate()

    def _lay_out(self) -> None:
        row = QHBoxLayout()
        for name in ("start", "folder", "back"):
            row.addWidget(self.buttons[name])
        row.addStretch()
        inside = QVBoxLayout(self.card)
        inside.setContentsMargins(14, 12, 14, 12)
        inside.addWidget(self.says)
        below = QHBoxLayout()
        below.addWidget(self.buttons["replace"])
        below.addWidget(self.buttons["page"])
        below.addStretch()
        inside.addLayout(below)
        column = QVBoxLayout(self)
        column.setContentsMargins(20, 16, 20, 16)
        column.setSpacing(10)
        for widget in (self.headline, self.what, self.card, self.counted, self.listed):
            column.addWidget(widget)
        column.addWidget(self.bar)
        column.addWidget(self._doing)
        column.addLayout(row)
        column.addStretch()
        column.setStretchFactor(self.listed, 1)

    # -- finding and preparing

    def begin(self, run: Path) -> None:
        """Look for reviewed masks beside the images of the run ``run``."""
        self.old, self.new, self.verdict, self._made = run, None, None, None
        try:
            data = Path(str(read_json(run / "options.json")["data"]))
            self._places = [data.parent if data.is_file() else data]  # a table stands for its folder
        except (DelineateError, KeyError):
            self._places = []
        self.look()

    def go_on(self, old: Path, new: Path) -> None:
        """A run that learns from corrections of ``old``'s data was begun before; it is to be judged when it is finished."""
        self.old, self.new, self.verdict, self._made, self.found, self.left = old, new, None, None, [], []
        self.retranslate()

    def look(self) -> None:
        places = list(self._places)

        def done(found: tuple[list[Correction], list[LeftOut]]) -> None:
            self.found, self.left = found
            self.retranslate()

        def work(job: Job) -> tuple[list[Correction], list[LeftOut]]:
            from delineate.workflows.corrected_masks import find_corrections

            return find_corrections(places)

        self._start_job("look", work, done)

    def add_place(self, folder: Path) -> None:
        """Look in another folder too."""
        self._places.append(folder)
        self.look()

    def start(self) -> None:
        """Write the new data set and begin a run on it; :attr:`prepared` tells when."""
        if self.old is None or not self.found or self.busy:
            return
        old, chosen = self.old, [one.path for one in self.found]
        home = old.absolute().parent
        data, run = free_folder(home / f"{old.name}-corrected-data"), free_folder(home / f"{old.name}-corrected")

        def work(job: Job) -> Prepared:
            from delineate.workflows.retraining import prepare_retraining

            return prepare_retraining(old, chosen, data, run, on_event=job.tell)

        def done(made: Prepared) -> None:
            self._made, self.left, self.new = made, list(made.left_out), made.run
            self.retranslate()
            self.prepared.emit(made.run)

        self._start_job("prepare", work, done)

    # -- judging

    def judge(self, new: Path) -> None:
        """Compare the finished run ``new`` with the old one on the held-out patients of both."""
        if self.old is None:
            return
        old, language = self.old, self._bench.texts.language
        self.new = new

        def work(job: Job) -> Verdict:
            from delineate.workflows.replacing import compare_retrained

            return compare_retrained(old, new, free_folder(new / "comparison"), language=language)

        def done(verdict: Verdict) -> None:
            self.verdict = verdict
            self.retranslate()

        self._start_job("compare", work, done)

    @property
    def busy(self) -> bool:
        return self._job is not None and self._job.running

    def _start_job(self, name: str, work: object, done: object) -> None:
        self._doing.setText(self._bench.text(f"desktop.train.again.{name}"))
        title = self._bench.text(f"desktop.train.again.{name}")
        self._job = self._bench.jobs.start(title, work, done, self._failed)  # type: ignore[arg-type]
        self._job.ended.connect(self.retranslate)
        self.retranslate()

    def _failed(self, error: Exception) -> None:
        self._bench.say_error(error)

    # -- showing

    def retranslate(self) -> None:
        words = self._bench.text
        name = self.old.name if self.old is not None else ""
        self.headline.setText(words("desktop.train.again.title", name=name))
        self.what.setText(words("desktop.train.again.what"))
        for key, button in self.buttons.items():
            button.setText(words(f"desktop.train.again.{key}"))
        better = self.verdict is not None and self.verdict.outcome == "better"
        if self.verdict is not None and not better:
            self.buttons["replace"].setText(words("desktop.train.again.replace-anyway"))
        self.buttons["replace"].setEnabled(self.verdict is not None)
        self.buttons["start"].setEnabled(bool(self.found) and not self.busy and self._made is None)
        self.buttons["folder"].setEnabled(not self.busy and self._made is None)
        self.card.setVisible(self.verdict is not None)
        if self.verdict is not None:
            self.says.setText(self.verdict.sentence(self._bench.texts.language))
            self.card.setProperty("level", {"better": "info", "open": "warning", "worse": "error"}[self.verdict.outcome])
            self.card.style().unpolish(self.card)
            self.card.style().polish(self.card)
        self.bar.setVisible(self.busy)
        self.bar.setRange(0, 0)
        self._doing.setVisible(self.busy)
        self._list()

    def _list(self) -> None:
        words, language = self._bench.text, self._bench.texts.language
        self.listed.clear()
        self.listed.setVisible(bool(self.found or self.left))
        self.counted.setVisible(bool(self.found) or self.new is None or self._made is not None)
        if self._made is not None:
            made = self._made
            replaced, added, left = len(made.replaced), len(made.added), len(made.left_out)
            self.counted.setText(words("desktop.train.again.made", replaced=replaced, added=added, left=left, path=made.data))
        else:
            self.counted.setText(words(f"desktop.train.again.{'found' if self.found else 'none'}", n=len(self.found)))
            for one in self.found[:_SHOWN]:
                self.listed.addItem(f"✓  {one.record.image}  —  {one.record.reviewer}, {_local(one.record.when)}")
        for lost in self.left[:_SHOWN]:
            self.listed.addItem(f"–  {lost.name}: {lost.sentence(language)}")

    def _ask(self) -> None:
        if chosen := QFileDialog.getExistingDirectory(self.window(), self._bench.text("desktop.train.again.folder")):
            self.add_place(Path(chosen))

    def _replace(self) -> None:
        if self.verdict is not None and self.new is not None:
            self.replace.emit(self.new / "model.onnx")

    def _open_page(self) -> None:
        if self.verdict is not None:
            QDesktopServices.openUrl(QUrl.fromLocalFile(str(self.verdict.page)))


def _local(when: str) -> str:
    """UTC as a review record has it → the clock on the wall."""
    try:
        return datetime.fromisoformat(when).astimezone().strftime("%Y-%m-%d %H:%M")
    except ValueError:
        return when
