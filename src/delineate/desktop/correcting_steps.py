"""Edits that may take a while: small ones at once, large ones in a job, always one step that can be undone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from PySide6.QtCore import QObject

from delineate.desktop.jobs import Job
from delineate.desktop.workbench import Workbench
from delineate.editing.changes import Change
from delineate.editing.document import Document
from delineate.editing.planes import Box

Edit = Callable[[Document], Change | Sequence[Change] | None]

#: More voxels than this are not looked at in the window's thread: about 20 ms of work.
AT_ONCE = 1 << 20


class Steps(QObject):
    """Does edits on the workbench's document; undo and redo, which go to what they changed."""

    def __init__(self, workbench: Workbench, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._workbench = workbench
        self._going: list[Box] | None = None
        self._told = False
        self._job: Job | None = None
        workbench.labels_changed.connect(self._heard)
        workbench.document_changed.connect(self._begin)

    @property
    def busy(self) -> bool:
        return self._job is not None and self._job.running

    def do(self, name: str, edit: Edit, voxels: int = 0) -> None:
        """``edit`` as the step ``name``; ``voxels`` says how many it looks at."""
        bench = self._workbench
        document, session = bench.document, bench.session
        if document is None or session is None or self.busy:
            return
        if voxels <= AT_ONCE:
            if not session.do(name, edit(document)):
                bench.say("info", "desktop.correct.nothing")
            return
        revision = document.revision

        def done(changes: Change | Sequence[Change] | None) -> None:
            if bench.document is not document or bench.session is not session:
                return
            if document.revision != revision:  # painted meanwhile: the change would undo it
                bench.say("warning", "desktop.correct.meanwhile")
            elif not session.do(name, changes):
                bench.say("info", "desktop.correct.nothing")

        title = bench.text("desktop.job.edit", what=bench.text(f"desktop.step.{name}"))
        self._job = bench.jobs.start(title, lambda job: edit(document), done, bench.say_error)

    def undo(self) -> bool:
        session = self._workbench.session
        return session is not None and not session.stack.in_stroke and self._go(session.undo)

    def redo(self) -> bool:
        session = self._workbench.session
        return session is not None and not session.stack.in_stroke and self._go(session.redo)

    def _go(self, step: Callable[[], bool]) -> bool:
        """Take a step back or again, and show the slice where that was."""
        boxes: list[Box] = []
        self._going = boxes
        try:
            if not step():
                return False
        finally:
            self._going = None
        bench = self._workbench
        document, view = bench.document, bench.view
        if document is not None and view is not None and boxes:
            box = max(boxes, key=lambda box: (box[0][1] - box[0][0]) * (box[1][1] - box[1][0]) * (box[2][1] - box[2][0]))
            normal = document.frame(bench.plane).normal
            if not any(one[normal][0] <= view.crosshair[normal] < one[normal][1] for one in boxes):
                middle = list(view.crosshair)
                middle[normal] = (box[normal][0] + box[normal][1] - 1) // 2
                bench.set_view(replace(view, crosshair=(middle[0], middle[1], middle[2])))
        return True

    def _begin(self) -> None:
        """Another document: its journal is made ready while the person looks."""
        self._told = False
        if self._workbench.session is not None:
            self._workbench.session.prepare()

    def _heard(self, boxes: list[Box]) -> None:
        if self._going is not None:
            self._going += boxes
        session = self._workbench.session
        if session is not None and session.unprotected is not None and not self._told:
            self._told = True
            self._workbench.say("warning", "desktop.correct.unprotected", reason=self._workbench.texts.error(session.unprotected))
