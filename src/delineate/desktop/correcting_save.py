"""Saving a correction as a new reviewed mask: who, when, from which model; nothing is ever overwritten."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QEventLoop, QObject, Signal
from PySide6.QtWidgets import QFileDialog, QInputDialog, QWidget

from delineate.desktop.jobs import Job
from delineate.desktop.workbench import Workbench
from delineate.editing.document import Document
from delineate.editing.reviewed import save_reviewed

FOLDER = "reviewed"


def folder_for(image: Path | None) -> Path:
    """Where reviewed masks of an image go when nobody says otherwise: ``reviewed`` beside it."""
    return Path.cwd() / FOLDER if image is None else image.absolute().parent / FOLDER


class Reviewing(QObject):
    """``saved`` (masks, record) tells what was written."""

    saved = Signal(object, object)

    def __init__(self, workbench: Workbench, widget: QWidget) -> None:
        super().__init__(widget)
        self._workbench, self._widget = workbench, widget
        self._job: Job | None = None
        workbench.save_corrections = self.save_and_wait

    @property
    def busy(self) -> bool:
        return self._job is not None and self._job.running

    def save(self, folder: Path | None = None, then: Callable[[bool], None] | None = None) -> bool:
        """Begin to save, having asked for the reviewer's name where it is not known; whether it was begun."""
        bench = self._workbench
        document, session = bench.document, bench.session
        if document is None or session is None or self.busy:
            return False
        reviewer = bench.settings.value.reviewer.strip() or self.ask_name()
        if not reviewer:
            return False
        revision = document.revision
        kept = frozen(document)  # painting may go on while the file is written
        place = folder or folder_for(document.image.path)

        def done(written: tuple[list[Path], Path]) -> None:
            if document.revision == revision:
                session.saved()
            if bench.document is document:
                bench.labels_changed.emit([])
            masks, record = written
            bench.say("info", "desktop.reviewed.saved", path=masks[0], reviewer=reviewer)
            self.saved.emit(masks, record)
            if then is not None:
                then(document.revision == revision)

        def failed(error: Exception) -> None:
            bench.say_error(error)
            if then is not None:
                then(False)

        title = bench.text("desktop.job.save", name=f"{FOLDER}/")
        self._job = bench.jobs.start(title, lambda job: save_reviewed(kept, place, reviewer), done, failed)
        return True

    def save_elsewhere(self) -> None:
        """Save in a folder that is asked for."""
        document = self._workbench.document
        if document is None:
            return
        begin = document.image.path.absolute().parent if document.image.path is not None else Path.cwd()
        chosen = QFileDialog.getExistingDirectory(self._widget.window(), self._workbench.text("desktop.reviewed.where"), str(begin))
        if chosen:
            self.save(Path(chosen))

    def save_and_wait(self) -> bool:
        """Save, and return when it is done: whether all is saved. For a window that is about to close."""
        loop = QEventLoop()
        answer: list[bool] = []

        def ended(saved: bool) -> None:
            answer.append(saved)
            loop.quit()

        if not self.save(then=ended):
            return False
        if not answer:
            loop.exec(QEventLoop.ProcessEventsFlag.ExcludeUserInputEvents)
        return answer == [True]

    def ask_name(self) -> str:
        """Ask who reviews, and remember it; empty where nobody said."""
        words, settings = self._workbench.text, self._workbench.settings
        name, said = QInputDialog.getText(
            self._widget.window(), words("desktop.reviewed.who"), words("desktop.reviewed.who-why"), text=settings.value.reviewer
        )
        name = name.strip()
        if not said or not name:
            return ""
        if (error := settings.keep(reviewer=name)) is not None:
            self._workbench.say_error(error)
        return name


def frozen(document: Document) -> Document:
    """The document with its labels as they are now; pixels and prediction are shared."""
    kept = copy.copy(document)
    kept.edited = document.edited.copy()
    return kept
