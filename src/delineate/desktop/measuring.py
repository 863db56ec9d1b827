"""The Measure dock: sizes of the classes, distances and angles, copy and export, the surfaces as a page."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QSize, QTimer, QUrl
from PySide6.QtGui import QAction, QActionGroup, QDesktopServices, QGuiApplication
from PySide6.QtWidgets import (
    QFileDialog,
    QGridLayout,
    QLabel,
    QMenu,
    QPushButton,
    QToolBar,
    QVBoxLayout,
    QWidget,
)

from delineate.desktop.actions import make_action, make_menu
from delineate.desktop.icons import wear
from delineate.desktop.jobs import Job
from delineate.desktop.measuring_rulers import Kind, Rulers, RulerTool, shown_value
from delineate.desktop.small_tables import add_row, content, number_text, small_table
from delineate.desktop.workbench import Workbench
from delineate.editing import sizes
from delineate.editing.folders import state_folder
from delineate.editing.session import Session
from delineate.measures import CaseMeasures, Measured

_MENU = "desktop.menu.measure"
#: Up to so many voxels the table follows the mask by itself; above it is measured when it is asked for.
FOLLOWED = 4 << 20
_WAIT_MS = 500


class MeasureDock(QWidget):
    """``measures`` are the last ones; ``rulers`` those on the image."""

    def __init__(self, workbench: Workbench) -> None:
        super().__init__()
        self.workbench = workbench
        self.measures: CaseMeasures | None = None
        self.rulers = Rulers(workbench, self)
        self.tools: dict[str, RulerTool] = {kind: RulerTool(kind, self.rulers) for kind in _kinds()}
        self._revision: tuple[object, int] | None = None
        self._job: Job | None = None
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(_WAIT_MS)
        self._soon.timeout.connect(self._follow_mask)
        self._headings = {name: QLabel() for name in ("sizes", "rulers")}
        for heading in self._headings.values():
            heading.setObjectName("heading")
        self.table, self.list = small_table(), small_table()
        self.list.setMaximumHeight(150)
        self._state = QLabel()
        self._state.setObjectName("faint")
        self._state.setWordWrap(True)
        self.buttons = {name: QPushButton() for name in ("measure", "copy", "export", "surface", "delete", "clear")}
        self._make_actions()
        self._lay_out()
        workbench.document_changed.connect(self._document_changed)
        workbench.labels_changed.connect(lambda _: self._labels_changed())
        workbench.interaction_changed.connect(self._mark_tool)
        workbench.jobs.changed.connect(self._refresh)
        self.rulers.changed.connect(self._list_rulers)
        self.retranslate()

    # -- for the page

    def menus(self) -> list[QMenu]:
        return [self.menu]

    def toolbars(self) -> list[QToolBar]:
        return [self.toolbar]

    def retranslate(self) -> None:
        words = self.workbench.text
        for name, heading in self._headings.items():
            heading.setText(words(f"desktop.measure.{name}"))
        for name, button in self.buttons.items():
            button.setText(words(f"desktop.measure.{name}"))
        self.toolbar.setWindowTitle(words("desktop.dock.measure"))
        self._fill_table()
        self._list_rulers()
        self._refresh()

    # -- what can be done

    def measure(self) -> None:
        """Measure the mask as it is, in a job."""
        bench = self.workbench
        document = bench.document
        if document is None or self._working:
            return
        revision = (document, document.revision)
        labels = document.edited.copy()  # it may be painted on meanwhile

        def done(found: CaseMeasures) -> None:
            if bench.document is document:
                self.measures, self._revision = found, revision
                self._fill_table()
                self._labels_changed()

        title = bench.text("desktop.job.measure")
        self._job = bench.jobs.start(title, lambda job: sizes.measure(document, labels), done, bench.say_error)
        self._refresh()

    def use(self, kind: Kind) -> None:
        """Take the distance or the angle tool in hand."""
        if self.workbench.document is not None:
            self.workbench.set_interaction(self.tools[kind])
        self._mark_tool()

    def copy(self) -> None:
        """Both tables to the clipboard, tab-separated."""
        QGuiApplication.clipboard().setText(self.text())
        self.workbench.say("info", "desktop.measure.copied")

    def text(self) -> str:
        parts = [sizes.tsv(*content(table)) for table in (self.table, self.list) if table.rowCount()]
        return "\n".join(parts)

    def export(self) -> None:
        """All columns as CSV, into a file that is asked for."""
        document, measures, bench = self.workbench.document, self.measures, self.workbench
        if document is None or measures is None:
            return
        path = document.image.path
        begin = "measures.csv" if path is None else str(path.absolute().parent / f"{path.name.split('.')[0]}-measures.csv")
        name, _ = QFileDialog.getSaveFileName(self.window(), bench.text("desktop.measure.export"), begin, "CSV (*.csv)")
        if name:
            bench.jobs.start(
                bench.text("desktop.job.save", name=Path(name).name),
                lambda job: sizes.write_csv(Path(name), document, measures),
                lambda _: bench.say("info", "desktop.saved", path=name),
                bench.say_error,
            )

    def show_surfaces(self) -> None:
        """The classes' surfaces as a page that turns in the browser; made in a job."""
        bench = self.workbench
        document = bench.document
        if document is None or self._working:
            return
        stem = "image" if document.image.path is None else document.image.path.name.split(".")[0]
        target, language = state_folder() / "surfaces" / f"{stem}.html", bench.texts.language

        def done(path: Path) -> None:
            bench.say("info", "desktop.saved", path=path)
            QDesktopServices.openUrl(QUrl.fromLocalFile(str(path)))

        title = bench.text("desktop.job.surface")
        self._job = bench.jobs.start(
            title, lambda job: sizes.write_surfaces_page(document, target, language), done, bench.say_error
        )
        self._refresh()

    # -- how it is made

    def _make_actions(self) -> None:
        texts = self.workbench.texts
        self.menu = make_menu(self, texts, _MENU)
        self.toolbar = QToolBar(self)
        self.toolbar.setObjectName("toolbar-measure")
        self.toolbar.setMovable(False)
        self.toolbar.setIconSize(QSize(20, 20))
        group = QActionGroup(self)
        group.setExclusionPolicy(QActionGroup.ExclusionPolicy.ExclusiveOptional)
        self.choices: dict[str, QAction] = {}
        for kind, keys in (("distance", "M"), ("angle", "J")):
            act = make_action(
                self, texts, f"desktop.act.tool-{kind}", lambda kind=kind: self.use(kind), icon=kind, keys=keys, group=_MENU
            )
            act.setCheckable(True)
            group.addAction(act)
            self.choices[kind] = act
        self.actions_ = {
            "measure": make_action(self, texts, "desktop.act.measure", self.measure, icon="table", keys="Ctrl+M", group=_MENU),
            "copy": make_action(self, texts, "desktop.act.measure-copy", self.copy, icon="copy", keys="Ctrl+Shift+C", group=_MENU),
            "export": make_action(self, texts, "desktop.act.measure-export", self.export, group=_MENU),
            "surface": make_action(
                self, texts, "desktop.act.surface", self.show_surfaces, icon="surface", keys="Ctrl+3", group=_MENU
            ),
            "delete": make_action(self, texts, "desktop.act.ruler-delete", self._delete, keys="Del", group=_MENU),
            "clear": make_action(self, texts, "desktop.act.ruler-clear", self.rulers.clear, group=_MENU),
        }
        self.menu.addActions([*self.choices.values()])
        self.menu.addSeparator()
        self.menu.addActions([*self.actions_.values()])
        self.toolbar.addActions([*self.choices.values(), self.actions_["surface"]])

    def _lay_out(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(12, 10, 12, 10)
        column.setSpacing(8)
        column.addWidget(self._headings["sizes"])
        column.addWidget(self.table, 1)
        column.addWidget(self._state)
        column.addLayout(self._row("measure", "copy", "export", "surface"))
        column.addWidget(self._headings["rulers"])
        column.addWidget(self.list)
        column.addLayout(self._row("delete", "clear"))

    def _row(self, *names: str) -> QGridLayout:
        grid = QGridLayout()
        grid.setSpacing(6)
        icons = {"measure": "table", "copy": "copy", "surface": "surface"}
        for number, name in enumerate(names):
            button = self.buttons[name]
            if name in icons:
                wear(button, icons[name])
            button.clicked.connect(self.actions_[name].trigger)
            grid.addWidget(button, number // 2, number % 2)
        return grid

    # -- following

    @property
    def _working(self) -> bool:
        return self._job is not None and self._job.running

    def _document_changed(self) -> None:
        self.measures, self._revision = None, None
        self._fill_table()
        self._labels_changed()

    def _labels_changed(self) -> None:
        self._refresh()
        self._soon.start()

    def _follow_mask(self) -> None:
        """Small masks are measured again by themselves, where the table is seen and nobody paints."""
        document, session = self.workbench.document, self.workbench.session
        if document is None or self.visibleRegion().isEmpty() or self._current:  # behind another tab it is "visible" too
            return
        painting = isinstance(session, Session) and session.stack.in_stroke
        if painting or self._working:
            self._soon.start()
        elif document.edited.size <= FOLLOWED and document.edited.any():
            self.measure()

    def showEvent(self, event: object) -> None:  # noqa: N802 - Qt's name
        super().showEvent(event)  # type: ignore[arg-type]
        self._soon.start()

    @property
    def _current(self) -> bool:
        document = self.workbench.document
        return document is not None and self._revision == (document, document.revision)

    def _refresh(self) -> None:
        words, document = self.workbench.text, self.workbench.document
        there = document is not None
        self.setEnabled(there)
        able = {
            "measure": there and not self._working,
            "copy": bool(self.table.rowCount() or self.list.rowCount()),
            "export": self.measures is not None,
            "surface": document is not None and not document.grid.flat and not self._working,
            "delete": bool(self.rulers.kept),
            "clear": bool(self.rulers.kept),
        }
        for name, act in self.actions_.items():
            act.setEnabled(able[name])
            self.buttons[name].setEnabled(able[name])
        for act in self.choices.values():
            act.setEnabled(there)
        if self._working:
            key = "working"
        elif self.measures is None:
            key = "not-yet"
        else:
            key = "current" if self._current else "changed"
        unknown = document is not None and document.grid.spacing is None
        self._state.setText(
            words(f"desktop.measure.state.{key}") + (" " + words("desktop.measure.state.pixels") if unknown else "")
        )

    def _fill_table(self) -> None:
        words, measures, view = self.workbench.text, self.measures, self.workbench.view
        self.table.setRowCount(0)
        if measures is None:
            self.table.setColumnCount(0)
            return
        names = sizes.columns(measures)
        heads = [words("desktop.measure.class"), *(words(f"desktop.measure.column.{name}") for name in names)]
        self.table.setColumnCount(len(heads))
        self.table.setHorizontalHeaderLabels(heads)
        for row in sizes.rows(measures):
            cells = [self._name(row), *(number_text(row.values.get(name)) for name in names)]
            add_row(self.table, cells, view.colours[row.label - 1] if view is not None and row.label <= len(view.colours) else None)
        self.table.resizeColumnsToContents()

    def _name(self, row: Measured) -> str:
        if row.part == "component":
            return f"    {self.workbench.text('desktop.measure.component', n=row.component)}"
        return row.name if row.part == "all" else f"    {self.workbench.text(f'desktop.measure.part.{row.part}')}"

    def _list_rulers(self) -> None:
        words, document = self.workbench.text, self.workbench.document
        self.list.setRowCount(0)
        self.list.setColumnCount(3)
        self.list.setHorizontalHeaderLabels([words(f"desktop.measure.ruler.{name}") for name in ("kind", "value", "slice")])
        if document is not None:
            for number, ruler in enumerate(self.rulers.kept, start=1):
                kind = f"{number}: {words(f'desktop.measure.ruler.{ruler.kind}')}"
                place = f"{words(f'desktop.plane.{ruler.plane.value}')} {ruler.index + 1}"
                add_row(self.list, [kind, shown_value(ruler.value(document.grid)), place])
        self.list.resizeColumnsToContents()
        self._refresh()

    def _delete(self) -> None:
        """The ruler that is chosen in the list, or the last one."""
        row = self.list.currentRow()
        self.rulers.remove(row if row >= 0 else len(self.rulers.kept) - 1)

    def _mark_tool(self) -> None:
        current = self.workbench.interaction
        for kind, act in self.choices.items():
            act.setChecked(self.tools[kind] is current)


def _kinds() -> tuple[Kind, ...]:
    return "distance", "angle"
