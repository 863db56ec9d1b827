"""The question at the start: corrections that a crash left unsaved."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from pathlib import Path

from PySide6.QtWidgets import QMessageBox, QWidget

from delineate.desktop.jobs import Job
from delineate.desktop.workbench import Workbench
from delineate.editing.document import open_document
from delineate.editing.journal import Unsaved, unsaved
from delineate.editing.recovery import restore
from delineate.editing.session import Session


def offer(workbench: Workbench, parent: QWidget) -> QMessageBox | None:
    """Ask about the newest unsaved corrections, without blocking the window; the box, or ``None`` where there is nothing to ask."""
    found = unsaved()
    if not found:
        return None
    lost = found[0]
    words = workbench.text
    when = datetime.fromtimestamp(lost.written).strftime("%Y-%m-%d %H:%M")
    name = Path(str(lost.about.get("image") or "-")).name
    box = QMessageBox(parent)
    box.setObjectName("recovery")
    box.setIcon(QMessageBox.Icon.Question)
    box.setWindowTitle(words("desktop.recovery.title"))
    box.setText(words("desktop.recovery.question", name=name, n=lost.steps, when=when))
    model = str(lost.about.get("model") or "")
    more = [words("desktop.recovery.model", model=model)] if model else []
    if len(found) > 1:
        more.append(words("desktop.recovery.others", n=len(found) - 1))
    box.setInformativeText("\n".join(more))
    take = box.addButton(words("desktop.recovery.restore"), QMessageBox.ButtonRole.AcceptRole)
    drop = box.addButton(words("desktop.recovery.delete"), QMessageBox.ButtonRole.DestructiveRole)
    later = box.addButton(words("desktop.recovery.later"), QMessageBox.ButtonRole.RejectRole)
    for button, role in ((take, "restore"), (drop, "delete"), (later, "later")):
        button.setObjectName(role)
    box.setDefaultButton(take)
    box.setEscapeButton(later)
    take.clicked.connect(partial(recover, workbench, lost))
    drop.clicked.connect(partial(_delete, workbench, lost, parent))
    box.open()
    return box


def recover(workbench: Workbench, lost: Unsaved, _: bool = False) -> Job:
    """Open the image and go on where the corrections stopped, in a job."""

    def work(job: Job) -> Session:
        document = open_document(Path(str(lost.about.get("image", ""))))
        job.check()
        return restore(lost.path, document, changed=workbench.tell_changes)

    def done(session: Session) -> None:
        workbench.show(session.document, session=session)
        workbench.siblings = ()
        workbench.say("info", "desktop.recovery.done", n=len(session.stack.done))

    title = workbench.text("desktop.job.recover")
    return workbench.jobs.start(title, work, done, workbench.say_error)


def _delete(workbench: Workbench, lost: Unsaved, parent: QWidget, _: bool = False) -> None:
    words = workbench.text
    sure = QMessageBox.question(parent, words("desktop.recovery.title"), words("desktop.recovery.sure", n=lost.steps))
    if sure == QMessageBox.StandardButton.Yes:
        lost.path.unlink(missing_ok=True)
