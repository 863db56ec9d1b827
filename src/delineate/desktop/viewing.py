"""The View page: the planes of the open image, with docks around them."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QDockWidget, QMainWindow, QMenu, QScrollArea, QStackedWidget, QWidget

from delineate.desktop import docks
from delineate.desktop.canvas import Canvas
from delineate.desktop.empty import EmptyState
from delineate.desktop.icons import wear
from delineate.desktop.leaving import may_leave
from delineate.desktop.pages import load
from delineate.desktop.planes_grid import PlanesGrid
from delineate.desktop.view_actions import ViewActions
from delineate.desktop.workbench import Workbench

_SIDES = {"left": Qt.DockWidgetArea.LeftDockWidgetArea, "right": Qt.DockWidgetArea.RightDockWidgetArea}


class ViewPage(QMainWindow):
    """``pointed`` is the canvases' (plane, pointer or ``None``)."""

    pointed = Signal(object, object)

    def __init__(self, workbench: Workbench, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowFlags(Qt.WindowType.Widget)  # a page, though Qt thinks main windows are windows
        self.setObjectName("viewpage")
        self.workbench = workbench
        self.empty = EmptyState(workbench)
        self.grid = PlanesGrid(workbench)
        self.grid.pointed.connect(self.pointed)
        self._stack = QStackedWidget()
        self._stack.addWidget(self.empty)
        self._stack.addWidget(self.grid)
        self.setCentralWidget(self._stack)
        self.setDockNestingEnabled(True)
        self.actions_ = ViewActions(self, workbench, self.grid)
        self.addToolBar(self.actions_.toolbar)
        self._docks: list[tuple[docks.DockEntry, QDockWidget, QWidget]] = []
        self._dock_menu = self.actions_.menu_docks
        for entry in docks.DOCKS:
            self._add_dock(entry)
        self._narrow()
        workbench.document_changed.connect(self._document_changed)
        self._image: object = None
        self._document_changed()
        self.retranslate()

    @property
    def canvases(self) -> tuple[Canvas, ...]:
        """Those of the planes there are, axial first."""
        return self.grid.canvases

    def dock(self, name: str) -> QWidget:
        """The inside of a dock."""
        return next(widget for entry, _, widget in self._docks if entry.name == name)

    def show_dock(self, name: str) -> None:
        """Open a dock and bring it before the tabs it shares its place with."""
        holder = next(holder for entry, holder, _ in self._docks if entry.name == name)
        holder.show()
        holder.raise_()

    def menus(self) -> list[QMenu]:
        """For the menu bar: the page's own, then the docks'."""
        found = [self.actions_.menu]
        for _, _, widget in self._docks:
            if (more := getattr(widget, "menus", None)) is not None:
                found += more()
        return found

    def retranslate(self) -> None:
        self.empty.retranslate()
        for entry, holder, widget in self._docks:
            title = self.workbench.text(entry.title_key)
            holder.setWindowTitle(title)
            holder.toggleViewAction().setText(title)
            widget.retranslate()  # type: ignore[attr-defined]  # the Dock protocol

    def may_close(self) -> bool:
        asked = [check for _, _, widget in self._docks if (check := getattr(widget, "may_close", None)) is not None]
        return all(check() for check in asked) and may_leave(self.workbench, self)

    def _add_dock(self, entry: docks.DockEntry) -> None:
        widget = load(entry.place)(self.workbench)
        holder = QDockWidget(self)
        holder.setObjectName(f"dock-{entry.name}")
        area = QScrollArea()  # docks may be taller than the window
        area.setWidgetResizable(True)
        area.setFrameShape(QScrollArea.Shape.NoFrame)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setWidget(widget)
        area.setMinimumWidth(widget.minimumSizeHint().width() + 18)
        holder.setWidget(area)
        partner = next((other for known, other, _ in self._docks if entry.tab and known.tab == entry.tab), None)
        self.addDockWidget(_SIDES[entry.side], holder)
        if partner is not None:
            self.tabifyDockWidget(partner, holder)
            partner.raise_()
        holder.setVisible(entry.shown)
        toggle = holder.toggleViewAction()
        wear(toggle, entry.icon_name)
        toggle.setProperty("group", "desktop.menu.docks")
        if entry.keys:
            toggle.setShortcut(entry.keys)
        self.addAction(toggle)
        self._dock_menu.addAction(toggle)
        self._docks.append((entry, holder, widget))
        for bar in getattr(widget, "toolbars", list)():
            self.addToolBar(bar)

    def _narrow(self) -> None:
        """Docks as narrow as they may be: the pictures are what is looked at."""
        holders = [holder for _, holder, _ in self._docks]
        self.resizeDocks(holders, [holder.minimumSizeHint().width() for holder in holders], Qt.Orientation.Horizontal)

    def _document_changed(self) -> None:
        document = self.workbench.document
        self._stack.setCurrentWidget(self.empty if document is None else self.grid)
        self.empty.refresh()
        image = None if document is None else document.image
        if image is not self._image:
            self._image = image
            self.grid.begin()
