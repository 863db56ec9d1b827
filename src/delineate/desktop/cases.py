"""The Cases dock: the cases of a folder with thumbnails, Dice and marks; worst first, filtered, opened by a click or by N and P."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QModelIndex, Qt, QTimer
from PySide6.QtGui import QDragEnterEvent, QDropEvent, QKeyEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QComboBox,
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QListView,
    QPushButton,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from delineate.desktop.cases_model import CasesModel
from delineate.desktop.cases_row import CaseRow
from delineate.desktop.icons import wear
from delineate.desktop.jobs import Job
from delineate.desktop.training_setup import dropped_folder
from delineate.desktop.workbench import Workbench
from delineate.editing.case_list import ORDERS, ListedCase, list_cases, matching, sort_cases, with_reviewed

_TYPING_MS = 150  # after the last letter of the filter


class CasesDock(QWidget):
    """``folder`` is whose cases are listed; ``model`` holds those that are shown, in their order."""

    def __init__(self, workbench: Workbench) -> None:
        super().__init__()
        self.workbench = workbench
        self.folder: Path | None = None
        self.cases: tuple[ListedCase, ...] = ()
        self._job: Job | None = None
        self.model = CasesModel(self)
        self.choose = QPushButton()
        wear(self.choose, "folder")
        self.choose.clicked.connect(self._ask)
        self.refresh_button = QToolButton()
        self.refresh_button.setAutoRaise(True)
        wear(self.refresh_button, "retry")
        self.refresh_button.clicked.connect(self.reload)
        self.filter = QLineEdit()
        self.filter.setClearButtonEnabled(True)
        self.order = QComboBox()
        self.order.activated.connect(lambda _: self._arrange())
        self._count = QLabel()
        self._count.setObjectName("faint")
        self._count.setWordWrap(True)
        self.view = _View()
        self.view.setModel(self.model)
        self._row = CaseRow(workbench)
        self.view.setItemDelegate(self._row)
        self.view.clicked.connect(self._clicked)
        self.view.activated.connect(self._clicked)
        self._typing = QTimer(self)
        self._typing.setSingleShot(True)
        self._typing.timeout.connect(self._arrange)
        self.filter.textChanged.connect(lambda _: self._typing.start(_TYPING_MS))
        self._lay_out()
        self.setAcceptDrops(True)
        workbench.show_cases = self.show_folder
        workbench.document_changed.connect(self._document_changed)
        workbench.labels_changed.connect(self._labels_changed)
        workbench.theme.changed.connect(self.view.viewport().update)
        self.retranslate()

    def _lay_out(self) -> None:
        top = QHBoxLayout()
        top.addWidget(self.choose, 1)
        top.addWidget(self.refresh_button)
        column = QVBoxLayout(self)
        column.setContentsMargins(10, 10, 10, 10)
        column.setSpacing(8)
        column.addLayout(top)
        column.addWidget(self.order)
        column.addWidget(self.filter)
        column.addWidget(self._count)
        column.addWidget(self.view, 1)
        self.setMinimumWidth(250)

    # -- what is listed

    def show_folder(self, folder: Path) -> None:
        """List the cases of a run, a data set, a folder of images or of predictions, and bring this dock up front."""
        self._load(folder, up_front=True)

    def reload(self) -> None:
        if self.folder is not None:
            self._load(self.folder, up_front=False)

    def _load(self, folder: Path, *, up_front: bool) -> None:
        if self._job is not None and self._job.running:
            self._job.stop()
        fresh = folder != self.folder

        def done(found: tuple[ListedCase, ...]) -> None:
            self.folder, self.cases = folder, found
            if fresh:
                scored = any(case.dice is not None for case in found)
                asked = any(case.needs_review for case in found)
                self.order.setCurrentIndex(ORDERS.index("worst" if scored else "review" if asked else "name"))
                self.filter.clear()
            self._arrange()
            self.retranslate()
            if up_front:
                self._come_up()

        self.model.forget()
        title = self.workbench.text("desktop.cases.job", name=folder.name)
        self._job = self.workbench.jobs.start(title, lambda job: list_cases(folder, job.check), done, self.workbench.say_error)

    def _arrange(self) -> None:
        """Sort and filter anew; the keys N and P follow the order that is seen."""
        shown = sort_cases(matching(self.cases, self.filter.text()), ORDERS[max(0, self.order.currentIndex())])
        self.model.show_cases(shown)
        self._select_open()
        if self._open_path() in self._paths():
            self.workbench.siblings = self._paths()
        self._tell()

    def _paths(self) -> tuple[Path, ...]:
        return tuple(dict.fromkeys(case.path for case in self.model.cases))

    def _come_up(self) -> None:
        window = self.window()
        if (show := getattr(window, "show_page", None)) is not None:
            show("view")
            window.view_page.show_dock("cases")  # type: ignore[attr-defined]

    # -- the open case

    def _clicked(self, index: QModelIndex) -> None:
        case = self.model.cases[index.row()]
        if self.workbench.open_among is not None and case.path != self._open_path():
            self.workbench.open_among(case.path, self._paths(), case.item)

    def _open_path(self) -> Path | None:
        document = self.workbench.document
        return None if document is None else document.image.path

    def _document_changed(self) -> None:
        self._select_open()
        self._mark_reviewed()

    def _labels_changed(self, boxes: Sequence[object]) -> None:
        if not boxes:  # something was saved
            self._mark_reviewed()

    def _select_open(self) -> None:
        row = self.model.row_of(self._open_path())
        if row < 0:
            self.view.clearSelection()
            return
        place = self.model.index(row, 0)
        self.view.setCurrentIndex(place)
        self.view.scrollTo(place, QAbstractItemView.ScrollHint.EnsureVisible)

    def _mark_reviewed(self) -> None:
        """Look again whether the open image has been reviewed: quick, for it reads the names of one or two folders."""
        path = self._open_path()
        known = [case for case in self.cases if case.path == path]
        if not known:
            return
        fresh = {case: new for case, new in zip(known, with_reviewed(known), strict=True) if new != case}
        if fresh:
            self.cases = tuple(fresh.get(case, case) for case in self.cases)
            self.model.cases = [fresh.get(case, case) for case in self.model.cases]
            self.view.viewport().update()
            self._tell()

    # -- words

    def retranslate(self) -> None:
        words = self.workbench.text
        self.choose.setText(self.folder.name if self.folder is not None else words("desktop.cases.choose"))
        self.choose.setToolTip(str(self.folder) if self.folder is not None else words("desktop.cases.choose.what"))
        for widget, key in ((self.refresh_button, "refresh"), (self.order, "order"), (self.filter, "filter")):
            widget.setToolTip(words(f"desktop.cases.{key}"))
            widget.setAccessibleName(words(f"desktop.cases.{key}"))
        self.refresh_button.setEnabled(self.folder is not None)
        self.filter.setPlaceholderText(words("desktop.cases.filter"))
        current = max(0, self.order.currentIndex())
        self.order.clear()
        self.order.addItems([words(f"desktop.cases.order.{order}") for order in ORDERS])
        self.order.setCurrentIndex(current)
        self._tell()
        self.view.viewport().update()

    def _tell(self) -> None:
        words = self.workbench.text
        if self.folder is None:
            self._count.setText(words("desktop.cases.empty"))
            return
        reviewed = sum(case.reviewed for case in self.cases)
        shown = len(self.model.cases)
        self._count.setText(words("desktop.cases.count", shown=shown, all=len(self.cases), reviewed=reviewed))

    # -- asking

    def _ask(self) -> None:
        begin = str(self.folder.parent) if self.folder is not None else ""
        if chosen := QFileDialog.getExistingDirectory(self.window(), self.workbench.text("desktop.cases.choose"), begin):
            self.show_folder(Path(chosen))

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:  # noqa: N802 - Qt's name
        folder = dropped_folder(event)
        if folder is not None and folder.is_dir():
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:  # noqa: N802
        folder = dropped_folder(event)
        if folder is not None and folder.is_dir():
            event.acceptProposedAction()
            self.show_folder(folder)


class _View(QListView):
    """A list whose letters are left to the window: N and P must go on, not search."""

    def __init__(self) -> None:
        super().__init__()
        self.setUniformItemSizes(True)
        self.setMouseTracking(True)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setMinimumHeight(160)

    def keyboardSearch(self, search: str) -> None:  # noqa: N802 - Qt's name
        """No searching by letters."""

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self.currentIndex().isValid():
            self.activated.emit(self.currentIndex())
        else:
            super().keyPressEvent(event)
