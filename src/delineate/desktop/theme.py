"""Light and dark: as the system has it, or as the person chose. The style is Qt's own Fusion with our palette, so that it looks
the same on every system; pictures lie on black in both."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Literal

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtGui import QColor, QPalette
from PySide6.QtWidgets import QApplication

Choice = Literal["system", "light", "dark"]
CHOICES: tuple[Choice, ...] = ("system", "light", "dark")

#: Names used by stylesheet, icons and canvases → colour in the light and in the dark theme.
COLOURS: dict[str, tuple[str, str]] = {
    "window": ("#f3f4f6", "#1f2226"),
    "panel": ("#ffffff", "#282c31"),
    "raised": ("#e6e8ec", "#343941"),
    "line": ("#d3d7dd", "#3d434b"),
    "text": ("#1c2126", "#e6e9ed"),
    "faint": ("#5f6873", "#9aa4b0"),
    "accent": ("#0b6bcb", "#4ea1f3"),
    "on-accent": ("#ffffff", "#0d1117"),
    "good": ("#1a7f45", "#5fcf8b"),
    "warning": ("#9a5b00", "#f0b64c"),
    "warning-back": ("#fff2d6", "#3f3319"),
    "error": ("#b3261e", "#ff8a80"),
    "error-back": ("#fde7e5", "#46221f"),
}


class Theme(QObject):
    """Applies palette and stylesheet to the application; ``changed`` tells canvases and icons to paint again."""

    changed = Signal()

    def __init__(self, app: QApplication, choice: str = "system", parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._app = app
        self._choice: Choice = _valid(choice)
        self._applied: bool | None = None
        if app.style().objectName().lower() != "fusion":
            app.setStyle("Fusion")
        app.styleHints().colorSchemeChanged.connect(self._system_changed)
        self._apply()

    @property
    def choice(self) -> Choice:
        return self._choice

    @property
    def dark(self) -> bool:
        if self._choice == "system":
            return self._app.styleHints().colorScheme() == Qt.ColorScheme.Dark
        return self._choice == "dark"

    def use(self, choice: str) -> None:
        """``system``, ``light`` or ``dark`` from now on."""
        self._choice = _valid(choice)
        self._apply()

    def colour(self, name: str) -> QColor:
        """One of :data:`COLOURS` as it is in this theme."""
        return QColor(COLOURS[name][self.dark])

    def _system_changed(self) -> None:
        if self._choice == "system":
            self._apply()

    def _apply(self) -> None:
        if self._applied == self.dark:
            return
        self._applied = self.dark
        self._app.setPalette(self._palette())
        sheet = files("delineate.desktop").joinpath("assets/theme.qss").read_text(encoding="utf-8")
        arrow = files("delineate.desktop").joinpath(f"assets/arrow-{'dark' if self.dark else 'light'}.svg")
        sheet = sheet.replace("@arrow", Path(str(arrow)).as_posix())
        for name in sorted(COLOURS, key=len, reverse=True):  # "@warning-back" before "@warning"
            sheet = sheet.replace(f"@{name}", self.colour(name).name())
        if self._app.styleSheet() != sheet:  # every widget there is would be measured again
            self._app.setStyleSheet(sheet)
        self.changed.emit()

    def _palette(self) -> QPalette:
        role = QPalette.ColorRole
        palette = QPalette()
        for name, roles in {
            "window": (role.Window, role.AlternateBase),
            "panel": (role.Base, role.ToolTipBase),
            "raised": (role.Button, role.Midlight),
            "line": (role.Mid, role.Dark),
            "text": (role.WindowText, role.Text, role.ButtonText, role.ToolTipText, role.BrightText),
            "accent": (role.Highlight, role.Link),
            "on-accent": (role.HighlightedText,),
            "faint": (role.PlaceholderText,),
        }.items():
            for one in roles:
                palette.setColor(one, self.colour(name))
        for one in (role.WindowText, role.Text, role.ButtonText):
            faint = self.colour("faint")
            faint.setAlpha(150)
            palette.setColor(QPalette.ColorGroup.Disabled, one, faint)
        return palette


def _valid(choice: str) -> Choice:
    for known in CHOICES:
        if choice == known:
            return known
    return "system"
