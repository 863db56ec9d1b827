"""The main window: page bar, menus, message bar, status bar; what is dropped on it is opened."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QByteArray, QSize, Qt
from PySide6.QtGui import QAction, QActionGroup, QCloseEvent, QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import QApplication, QMainWindow, QStackedWidget, QToolBar, QVBoxLayout, QWidget

from delineate.desktop import icons, pages
from delineate.desktop.actions import make_action
from delineate.desktop.files import Files
from delineate.desktop.language import Texts
from delineate.desktop.menus import Menus
from delineate.desktop.messages import MessageBar
from delineate.desktop.status import StatusBar
from delineate.desktop.theme import Theme
from delineate.desktop.viewing import ViewPage
from delineate.desktop.workbench import Workbench
from delineate.editing.settings import SettingsFile


class MainWindow(QMainWindow):
    """``workbench`` is what all parts share; ``files`` opens things; :meth:`page` gives a page, built when first asked for."""

    def __init__(
        self, app: QApplication, settings: SettingsFile | None = None, language: str | None = None, theme: str = ""
    ) -> None:
        super().__init__()
        settings = settings or SettingsFile()
        kept = settings.value
        texts = Texts(language or kept.language or None, self)
        self.workbench = Workbench(texts, Theme(app, theme or kept.theme, self), settings, parent=self)
        self.files = Files(self.workbench, self)
        self.message = MessageBar()
        self.status = StatusBar(self.workbench)
        self.setStatusBar(self.status)
        self._stack = QStackedWidget()
        inside = QWidget()
        column = QVBoxLayout(inside)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.message)
        column.addWidget(self._stack, 1)
        self.setCentralWidget(inside)
        self._pages: dict[str, QWidget] = {}
        self._page_actions: dict[str, QAction] = {}
        self.page_bar = self._make_page_bar()
        self.menus = Menus(self)
        self.setAcceptDrops(True)
        self.setWindowIcon(icons.program_icon())
        self.resize(1280, 820)
        self.workbench.said.connect(self.message.tell)
        self.workbench.document_changed.connect(self._title)
        self.workbench.labels_changed.connect(lambda _: self._title())
        self.workbench.theme.changed.connect(icons.retint)
        texts.settled.connect(self._retranslate)
        self.show_page("view")
        self._restore_layout()
        self._retranslate()
        if settings.trouble is not None:
            self.workbench.said.emit("warning", texts.error(settings.trouble))

    # -- pages

    @property
    def view_page(self) -> ViewPage:
        page = self.page("view")
        assert isinstance(page, ViewPage)
        return page

    def page(self, name: str) -> QWidget:
        """The page ``name``, built when first asked for."""
        if name not in self._pages:
            entry = next(entry for entry in pages.PAGES if entry.name == name)
            made = pages.make(entry, self.workbench)
            self._pages[name] = made
            self._stack.addWidget(made)
            if (pointed := getattr(made, "pointed", None)) is not None:
                pointed.connect(self.status.point)
            if isinstance(made, ViewPage):
                bar = made.actions_.toolbar
                bar.insertActions(bar.actions()[0], [self.menus.open, self.menus.folder])
                bar.insertSeparator(made.actions_.first)
                made.empty.wanted.connect(self.files.ask)
                made.empty.recent.connect(lambda text: self.files.open([Path(text)]))
        return self._pages[name]

    def show_page(self, name: str) -> None:
        self._stack.setCurrentWidget(self.page(name))
        self._page_actions[name].setChecked(True)
        self.menus.show_of(self.page(name))

    @property
    def current_page(self) -> QWidget:
        found = self._stack.currentWidget()
        assert found is not None
        return found

    def _make_page_bar(self) -> QToolBar:
        bar = QToolBar()
        bar.setObjectName("pagebar")
        bar.setMovable(False)
        bar.setIconSize(QSize(20, 20))
        bar.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextUnderIcon)
        group = QActionGroup(bar)
        for number, entry in enumerate(pages.PAGES, start=1):
            made = make_action(
                self,
                self.workbench.texts,
                entry.title_key,
                icon=entry.icon_name,
                keys=f"Ctrl+Alt+{number}",
                group="desktop.menu.pages",
            )
            made.setCheckable(True)
            made.triggered.connect(lambda _=False, name=entry.name: self.show_page(name))
            group.addAction(made)
            bar.addAction(made)
            self._page_actions[entry.name] = made
        self.addToolBar(Qt.ToolBarArea.LeftToolBarArea, bar)
        bar.setVisible(len(pages.PAGES) > 1)
        return bar

    # -- words

    def _retranslate(self) -> None:
        self.message.set_close_words(self.workbench.text("desktop.close"))
        self.status.retranslate()
        for page in self._pages.values():
            page.retranslate()  # type: ignore[attr-defined]  # the Page protocol
        self._title()

    def _title(self) -> None:
        document = self.workbench.document
        path = None if document is None else document.image.path
        self.setWindowTitle(f"{path.name}[*] — Delineate" if path is not None else "Delineate[*]")
        self.setWindowModified(self.workbench.unsaved)

    # -- what is dropped

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:  # noqa: N802 - Qt's name
        if any(url.isLocalFile() for url in event.mimeData().urls()):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:  # noqa: N802
        paths = [Path(url.toLocalFile()) for url in event.mimeData().urls() if url.isLocalFile()]
        if paths:
            event.acceptProposedAction()
            self.open(paths)

    def open(self, paths: Sequence[Path]) -> None:
        """Open images or a folder on the View page; a model file among them is taken as the model."""
        self.show_page("view")
        self.files.open(paths)

    # -- beginning and end

    def _restore_layout(self) -> None:
        kept = self.workbench.settings.value
        if (data := kept.layout_bytes("window")) is not None:
            self.restoreGeometry(QByteArray(data))
        if (data := kept.layout_bytes("docks")) is not None:
            self.view_page.restoreState(QByteArray(data))

    def closeEvent(self, event: QCloseEvent) -> None:  # noqa: N802
        for page in self._pages.values():
            if not page.may_close():  # type: ignore[attr-defined]  # the Page protocol
                event.ignore()
                return
        self.workbench.jobs.stop_all()
        geometry, state = self.saveGeometry(), self.view_page.saveState()
        self.workbench.settings.keep_layout(window=bytes(geometry.data()), docks=bytes(state.data()))
        if self.workbench.session is not None:
            self.workbench.session.close(keep=self.workbench.keep_unsaved)
        event.accept()
