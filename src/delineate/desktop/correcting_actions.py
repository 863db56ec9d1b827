"""What correcting can do by menu, toolbar and keys: tools, operations, undo and redo, classes and sizes, saving."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from PySide6.QtCore import QSize
from PySide6.QtGui import QAction, QActionGroup, QKeySequence
from PySide6.QtWidgets import QMenu, QToolBar, QWidget

from delineate.desktop.actions import make_action, make_menu
from delineate.desktop.correcting_steps import Steps
from delineate.desktop.interaction import Interaction
from delineate.desktop.tools import Tool, ToolOptions, show_edited
from delineate.desktop.tools_brush import Brush
from delineate.desktop.tools_click import Component, Fill
from delineate.desktop.tools_outline import Lasso, Polygon
from delineate.desktop.workbench import Workbench
from delineate.editing import tools
from delineate.editing.between import interpolate
from delineate.editing.document import Document

_EDIT = "desktop.menu.edit"
_KEYS = {"brush": "D", "eraser": "E", "smart-brush": "A", "lasso": "L", "polygon": "G", "fill": "K", "component": "C"}


class CorrectActions:
    """``menu`` and ``toolbar``; :meth:`use` takes a tool in hand. ``owner`` is the dock's inside."""

    def __init__(self, owner: QWidget, workbench: Workbench, options: ToolOptions, steps: Steps) -> None:
        self._owner, self._workbench, self.options, self._steps = owner, workbench, options, steps
        made: tuple[Tool, ...] = (
            *(Brush(kind, options) for kind in ("brush", "eraser", "smart-brush")),
            Lasso(options),
            Polygon(options),
            Fill(options, steps),
            Component(options, steps),
        )
        self.tools: dict[str, Tool] = {tool.name: tool for tool in made}
        self._wanted: Tool | None = None
        self.menu = make_menu(owner, workbench.texts, _EDIT)
        self.toolbar = QToolBar(owner)
        self.toolbar.setObjectName("toolbar-correct")
        self.toolbar.setMovable(False)
        self.toolbar.setIconSize(QSize(20, 20))
        self._undo_and_redo()
        self._choosing()
        self._whole_class()
        self._small_keys()
        workbench.document_changed.connect(self._document_changed)
        workbench.labels_changed.connect(lambda _: self.refresh())
        workbench.interaction_changed.connect(self._follow)
        options.changed.connect(self._options_changed)
        self.refresh()

    # -- tools

    def use(self, name: str) -> None:
        """Take a tool in hand; ``look`` puts it down, or first gives up what is half drawn."""
        half_drawn = getattr(self._workbench.interaction, "escape", None)
        if name == "look" and half_drawn is not None and half_drawn():
            self._follow()
            return
        tool = self.tools.get(name)
        self._wanted = tool
        if self._workbench.document is None:
            self._follow()
            return
        if tool is not None:
            show_edited(self._workbench)
        self._workbench.set_interaction(tool)
        self._follow()

    def _choosing(self) -> None:
        self.menu.addSeparator()
        self.toolbar.addSeparator()
        group = QActionGroup(self._owner)
        self.choices: dict[str, QAction] = {}
        for name in ("look", *self.tools):
            act = self._add(f"tool-{name}", partial(self.use, name), icon=name, keys=_KEYS.get(name, "Esc"))
            act.setCheckable(True)
            group.addAction(act)
            self.menu.addAction(act)
            self.toolbar.addAction(act)
            self.choices[name] = act
        self._follow()

    def _follow(self) -> None:
        """The tool that is in hand is the one that is marked."""
        current = self._workbench.interaction
        name = next((name for name, tool in self.tools.items() if tool is current), "look" if current is None else "")
        for known, act in self.choices.items():
            act.setChecked(known == name)
        if current is not None and not name:
            self._wanted = None  # a ruler was taken in hand

    def _document_changed(self) -> None:
        """The next image is corrected with the same tool."""
        document = self._workbench.document
        if document is not None:
            self.options.set(label=min(self.options.label, document.label_set.classes))
            if self._wanted is not None:
                self._workbench.set_interaction(self._wanted)
        self.refresh()

    def _options_changed(self) -> None:
        current: Interaction | None = self._workbench.interaction
        if isinstance(current, Brush):
            current.refresh()

    # -- steps

    def _undo_and_redo(self) -> None:
        self.undo = self._add("undo", self._steps.undo, icon="undo", keys="Ctrl+Z")
        self.redo = self._add("redo", self._steps.redo, icon="redo", keys=("Ctrl+Shift+Z", "Ctrl+Y"))
        self.menu.addActions([self.undo, self.redo])
        self.toolbar.addActions([self.undo, self.redo])

    def _whole_class(self) -> None:
        self.menu.addSeparator()
        self.operations: dict[str, QAction] = {}
        for name, keys in (("grow", "Ctrl+]"), ("shrink", "Ctrl+["), ("holes", "H"), ("interpolate", "I")):
            act = self._add(name, partial(self.operate, name), icon=name, keys=keys)
            self.operations[name] = act
            self.menu.addAction(act)

    def operate(self, name: str) -> None:
        """Grow, shrink, fill the holes of, or interpolate the chosen class: on the slice that is shown, or in the volume."""
        bench, options = self._workbench, self.options
        document, view = bench.document, bench.view
        if document is None or view is None:
            return
        show_edited(bench, options.label)
        plane, at, label, distance = bench.plane, view.crosshair, options.label, options.distance
        frame = document.frame(plane)
        volume = options.volume or name == "interpolate"
        scope = "volume" if volume else "slice"
        work: dict[str, Callable[[Document], object]] = {
            "grow": lambda d: tools.grow(d, label, distance, scope, at, plane),  # type: ignore[arg-type]
            "shrink": lambda d: tools.grow(d, label, -distance, scope, at, plane),  # type: ignore[arg-type]
            "holes": lambda d: tools.fill_holes(d, label, scope, at, plane),  # type: ignore[arg-type]
            "interpolate": lambda d: interpolate(d, plane, label, 0, frame.depth - 1),
        }
        looked_at = document.edited[0].size if volume else frame.shape[0] * frame.shape[1]
        self._steps.do(name, work[name], looked_at)  # type: ignore[arg-type]

    def _small_keys(self) -> None:
        self.menu.addSeparator()
        sizes = make_menu(self._owner, self._workbench.texts, "desktop.menu.brush")
        self.menu.addMenu(sizes)
        sizes.addAction(self._add("brush-smaller", lambda: self.options.resize(-1), keys="["))
        sizes.addAction(self._add("brush-larger", lambda: self.options.resize(1), keys="]"))
        self.classes = make_menu(self._owner, self._workbench.texts, "desktop.menu.class")
        self.menu.addMenu(self.classes)
        for number in range(1, 10):
            act = QAction(self._owner)
            act.setShortcut(QKeySequence(str(number)))
            act.setProperty("group", "desktop.menu.class")
            act.triggered.connect(lambda _=False, number=number: self.options.set(label=number))
            self._owner.addAction(act)
            self.classes.addAction(act)

    # -- what can be done now

    def refresh(self) -> None:
        document, session = self._workbench.document, self._workbench.session
        self.undo.setEnabled(session is not None and bool(session.stack.done))
        self.redo.setEnabled(session is not None and bool(session.stack.undone))
        for act in (*self.choices.values(), *self.operations.values()):
            act.setEnabled(document is not None)
        self.operations["interpolate"].setEnabled(document is not None and not document.grid.flat)
        names = () if document is None else document.label_set.names
        for number, act in enumerate(self.classes.actions(), start=1):
            act.setVisible(number <= len(names))
            act.setEnabled(number <= len(names))
            act.setText(names[number - 1] if number <= len(names) else "")

    def add_files(self, save: Callable[[], object], elsewhere: Callable[[], object], begin: Callable[[], object]) -> QAction:
        """The last entries of the menu; saving in the toolbar too."""
        self.menu.addSeparator()
        self.menu.addAction(self._add("mask-open", begin, keys="Ctrl+L"))
        self.toolbar.addSeparator()
        first = self._add("save-reviewed", save, icon="reviewed", keys="Ctrl+R")
        self.menu.addActions([first, self._add("save-reviewed-in", elsewhere)])
        self.toolbar.addAction(first)
        return first

    def _add(self, name: str, call: Callable[[], object], *, icon: str | None = None, keys: str | tuple[str, ...] = ()) -> QAction:
        return make_action(self._owner, self._workbench.texts, f"desktop.act.{name}", call, icon=icon, keys=keys, group=_EDIT)

    def menus(self) -> list[QMenu]:
        return [self.menu]
