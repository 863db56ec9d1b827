"""Correcting a mask that is there already: a file's labels become the ones that are edited."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from PySide6.QtWidgets import QFileDialog, QWidget

from delineate.desktop.jobs import Job
from delineate.desktop.leaving import may_leave
from delineate.desktop.workbench import Workbench
from delineate.editing.document import Document, begun_from
from delineate.editing.view import ViewState


def ask(workbench: Workbench, widget: QWidget) -> None:
    """Choose a mask file, on the image's grid."""
    document = workbench.document
    if document is None:
        return
    begin = "" if document.image.path is None else str(document.image.path.absolute().parent)
    name, _ = QFileDialog.getOpenFileName(widget.window(), workbench.text("desktop.mask.ask"), begin)
    if name:
        begin_from(workbench, Path(name), widget)


def begin_from(workbench: Workbench, path: Path, widget: QWidget) -> None:
    """Go on with the labels of ``path``, read in a job; unsaved corrections are asked about before."""
    document, renderer = workbench.document, workbench.renderer
    if document is None or renderer is None or not may_leave(workbench, widget.window()):
        return

    def work(job: Job) -> Document:
        return begun_from(document, path)

    def done(fresh: Document) -> None:
        view = workbench.view
        if workbench.document is not document or view is None:
            return
        own = ViewState.of(fresh)
        shown = replace(view, layer="edited", colours=own.colours, thresholds=own.thresholds, hidden=frozenset())
        workbench.show(fresh, renderer=renderer.with_labels_of(fresh), view=shown)

    workbench.jobs.start(workbench.text("desktop.job.open", name=path.name), work, done, workbench.say_error)
