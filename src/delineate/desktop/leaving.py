"""The question before corrections would be left behind."""

from __future__ import annotations

from PySide6.QtWidgets import QMessageBox, QWidget

from delineate.desktop.workbench import Workbench


def may_leave(workbench: Workbench, parent: QWidget) -> bool:
    """Whether the open document may be closed. Where corrections are unsaved the person is asked: save them (where a dock can),
    keep them for the next start, or give them up."""
    if not workbench.unsaved or workbench.keep_unsaved:
        return True
    words = workbench.text
    box = QMessageBox(parent)
    box.setObjectName("leave")
    box.setIcon(QMessageBox.Icon.Question)
    box.setWindowTitle(words("desktop.leave.title"))
    box.setText(words("desktop.leave.question"))
    save = keep = None
    if workbench.save_corrections is not None:
        save = box.addButton(words("desktop.leave.save"), QMessageBox.ButtonRole.AcceptRole)
    keep = box.addButton(words("desktop.leave.keep"), QMessageBox.ButtonRole.YesRole)
    drop = box.addButton(words("desktop.leave.drop"), QMessageBox.ButtonRole.DestructiveRole)
    stay = box.addButton(words("desktop.leave.stay"), QMessageBox.ButtonRole.RejectRole)
    box.setDefaultButton(save or keep)
    box.setEscapeButton(stay)
    box.exec()
    chosen = box.clickedButton()
    if chosen is drop:
        return True
    if chosen is keep:
        workbench.keep_unsaved = True
        return True
    return chosen is not None and chosen is save and workbench.save_corrections is not None and workbench.save_corrections()
