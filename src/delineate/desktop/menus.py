"""The menu bar: File, what the shown page adds, Settings, Help."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject
from PySide6.QtGui import QActionGroup
from PySide6.QtWidgets import QMenu, QMessageBox, QWidget

from delineate.desktop.actions import make_action, make_menu
from delineate.desktop.shortcuts import ShortcutsWindow
from delineate.desktop.theme import CHOICES
from delineate.i18n import LANGUAGES
from delineate.version import __version__

if TYPE_CHECKING:
    from delineate.desktop.window import MainWindow

_FILE, _SETTINGS, _HELP = "desktop.menu.file", "desktop.menu.settings", "desktop.menu.help"


class Menus(QObject):
    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self._window = window
        self._workbench = window.workbench
        self.file = self._file_menu()
        self.settings = self._settings_menu()
        self.help = self._help_menu()

    def show_of(self, page: QWidget) -> None:
        """The menus of ``page`` between our own."""
        bar = self._window.menuBar()
        bar.clear()
        bar.addMenu(self.file)
        for menu in getattr(page, "menus", list)():
            bar.addMenu(menu)
        bar.addMenu(self.settings)
        bar.addMenu(self.help)

    def _file_menu(self) -> QMenu:
        window, texts, files = self._window, self._workbench.texts, self._window.files
        menu = make_menu(window, texts, _FILE)
        self.open = make_action(
            window, texts, "desktop.act.open", lambda: files.ask("image"), icon="open", keys="Ctrl+O", group=_FILE
        )
        self.folder = make_action(
            window, texts, "desktop.act.open-folder", lambda: files.ask("folder"), icon="folder", keys="Ctrl+Shift+O", group=_FILE
        )
        menu.addActions([self.open, self.folder])
        self.recent = make_menu(window, texts, "desktop.menu.recent")
        self.recent.aboutToShow.connect(self._list_recent)
        menu.addMenu(self.recent)
        menu.addAction(make_action(window, texts, "desktop.act.example", lambda: files.ask("example"), group=_FILE))
        menu.addSeparator()
        for name, step, keys in (("next-image", 1, ("Ctrl+Right", "N")), ("previous-image", -1, ("Ctrl+Left", "P"))):
            menu.addAction(
                make_action(window, texts, f"desktop.act.{name}", lambda step=step: files.step(step), keys=keys, group=_FILE)
            )
        menu.addSeparator()
        menu.addAction(make_action(window, texts, "desktop.act.close", files.close, keys="Ctrl+W", group=_FILE))
        menu.addAction(make_action(window, texts, "desktop.act.quit", window.close, keys="Ctrl+Q", group=_FILE))
        return menu

    def _list_recent(self) -> None:
        self.recent.clear()
        paths = [Path(text) for text in self._workbench.settings.value.recent]
        for path in paths:
            shown = self.recent.addAction(f"{path.name}   ({path.parent})".replace("&", "&&"))
            shown.triggered.connect(lambda _=False, path=path: self._window.open([path]))
        if not paths:
            self.recent.addAction(self._workbench.text("desktop.recent.none")).setEnabled(False)

    def _settings_menu(self) -> QMenu:
        window, texts, bench = self._window, self._workbench.texts, self._workbench
        menu = make_menu(window, texts, _SETTINGS)
        languages = make_menu(window, texts, "desktop.menu.language")
        group = QActionGroup(languages)
        for code in LANGUAGES:
            made = languages.addAction(texts.text(f"desktop.language.{code}"))  # each by its own name in every language
            made.setCheckable(True)
            made.setChecked(code == texts.language)
            made.triggered.connect(lambda _=False, code=code: self._speak(code))
            group.addAction(made)
        menu.addMenu(languages)
        themes = make_menu(window, texts, "desktop.menu.theme")
        group = QActionGroup(themes)
        for choice in CHOICES:
            made = make_action(window, texts, f"desktop.theme.{choice}")
            made.setCheckable(True)
            made.setChecked(choice == bench.theme.choice)
            made.triggered.connect(lambda _=False, choice=choice: self._dress(choice))
            group.addAction(made)
            themes.addAction(made)
        menu.addMenu(themes)
        return menu

    def _help_menu(self) -> QMenu:
        window, texts = self._window, self._workbench.texts
        menu = make_menu(window, texts, _HELP)
        menu.addAction(
            make_action(window, texts, "desktop.act.shortcuts", self.show_shortcuts, icon="keyboard", keys=("F1", "?"), group=_HELP)
        )
        menu.addAction(make_action(window, texts, "desktop.act.about", self._about, group=_HELP))
        return menu

    def show_shortcuts(self) -> None:
        """The window of shortcuts, of what is shown now."""
        shown = ShortcutsWindow(self._workbench, [self._window, self._window.current_page], self._window)
        shown.show()

    def _about(self) -> None:
        words = self._workbench.text
        QMessageBox.about(self._window, words("desktop.about.title"), words("desktop.about.text", version=__version__))

    def _speak(self, code: str) -> None:
        self._workbench.texts.use(code)
        self._keep(language=code)

    def _dress(self, choice: str) -> None:
        self._workbench.theme.use(choice)
        self._keep(theme=choice)

    def _keep(self, **values: str) -> None:
        if (error := self._workbench.settings.keep(**values)) is not None:
            self._workbench.say_error(error)
