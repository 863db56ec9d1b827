"""The window of shortcuts: read from the actions there are, so that it never tells of one that is not."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QDialog, QGridLayout, QLabel, QScrollArea, QVBoxLayout, QWidget

from delineate.desktop.actions import plain
from delineate.desktop.workbench import Workbench

#: What the mouse does, (what is done, what it does) as catalogue keys.
MOUSE = ("wheel", "ctrl-wheel", "right", "middle", "left", "shift-left", "double")


class ShortcutsWindow(QDialog):
    def __init__(self, workbench: Workbench, places: Sequence[QWidget], parent: QWidget) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        words = workbench.text
        self.setWindowTitle(words("desktop.shortcuts.title"))
        inside = QWidget()
        columns = QGridLayout(inside)
        columns.setHorizontalSpacing(36)
        columns.setVerticalSpacing(18)
        columns.setContentsMargins(20, 20, 20, 20)
        rows = {title: _pairs(actions) for title, actions in grouped(workbench, places).items()}
        mouse = [(words(f"desktop.mouse.{name}"), words(f"desktop.mouse.{name}.does")) for name in MOUSE]
        blocks = [(words("desktop.shortcuts.mouse"), mouse), *rows.items()]
        heights = [0, 0, 0]
        layouts = [QVBoxLayout() for _ in heights]
        for number, layout in enumerate(layouts):
            layout.setSpacing(18)
            columns.addLayout(layout, 0, number)
        for title, pairs in blocks:
            column = heights.index(min(heights))
            heights[column] += len(pairs) + 2
            layouts[column].addLayout(_block(title, pairs))
        for layout in layouts:
            layout.addStretch()
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setFrameShape(QScrollArea.Shape.NoFrame)
        area.setWidget(inside)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(area)
        wanted = inside.sizeHint()
        self.resize(min(wanted.width() + 30, 1180), min(wanted.height() + 20, 860))


def grouped(workbench: Workbench, places: Sequence[QWidget]) -> dict[str, list[QAction]]:
    """Heading → actions with a shortcut, of the widgets ``places`` and what is inside the last of them."""
    found: dict[str, list[QAction]] = {}
    seen: set[int] = set()
    candidates = [action for place in places for action in place.actions()]
    candidates += [action for child in places[-1].findChildren(QWidget) for action in child.actions()]
    for action in candidates:
        if id(action) in seen or action.shortcut().isEmpty() or not action.text():
            continue
        seen.add(id(action))
        key = action.property("group") or "desktop.menu.other"
        found.setdefault(plain(workbench.text(key)), []).append(action)
    return found


def _pairs(actions: Sequence[QAction]) -> list[tuple[str, str]]:
    native = QKeySequence.SequenceFormat.NativeText
    return [("  ".join(key.toString(native) for key in a.shortcuts()), plain(a.text()).rstrip("…")) for a in actions]


def _block(title: str, pairs: Sequence[tuple[str, str]]) -> QGridLayout:
    grid = QGridLayout()
    grid.setHorizontalSpacing(14)
    grid.setVerticalSpacing(5)
    heading = QLabel(title)
    heading.setObjectName("heading")
    grid.addWidget(heading, 0, 0, 1, 2)
    for row, (keys, does) in enumerate(pairs, start=1):
        key = QLabel(keys)
        key.setObjectName("key")
        grid.addWidget(key, row, 0, Qt.AlignmentFlag.AlignLeft)
        grid.addWidget(QLabel(does), row, 1)
    grid.setColumnStretch(1, 1)
    return grid
