"""Icons: small SVG drawings in ``assets/icons``, tinted to the text colour of the theme when they are painted."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from weakref import WeakKeyDictionary

from PySide6.QtCore import QByteArray, QRectF, Qt
from PySide6.QtGui import QAction, QColor, QGuiApplication, QIcon, QPainter, QPalette, QPixmap
from PySide6.QtSvg import QSvgRenderer
from PySide6.QtWidgets import QAbstractButton
from shiboken6 import isValid

SIZES = (16, 20, 24, 32, 48)

_wearers: WeakKeyDictionary[QAction | QAbstractButton, str] = WeakKeyDictionary()


def icon(name: str) -> QIcon:
    """The drawing ``assets/icons/<name>.svg`` in the theme's present text colour, faint where disabled.

    It does not follow a later change of the theme; :func:`wear` does.
    """
    palette = QGuiApplication.palette()
    text = palette.color(QPalette.ColorRole.ButtonText)
    faint = palette.color(QPalette.ColorGroup.Disabled, QPalette.ColorRole.ButtonText)
    return _tinted(name, text.name(QColor.NameFormat.HexArgb), faint.name(QColor.NameFormat.HexArgb))


def wear(thing: QAction | QAbstractButton, name: str) -> None:
    """Give ``thing`` the icon ``name``, now and after every change of the theme."""
    _wearers[thing] = name
    thing.setIcon(icon(name))


def retint() -> None:
    """After a change of the theme."""
    for thing, name in list(_wearers.items()):
        if isValid(thing):  # Qt's half may be gone before Python's
            thing.setIcon(icon(name))


def program_icon() -> QIcon:
    """The program's own, in colours."""
    return QIcon(_pixmaps(_source("assets/delineate.svg")))


@cache
def _tinted(name: str, text: str, faint: str) -> QIcon:
    source = _source(f"assets/icons/{name}.svg")
    made = QIcon()
    for mode, colour in ((QIcon.Mode.Normal, QColor(text)), (QIcon.Mode.Disabled, QColor(faint))):
        drawn = source.replace("currentColor", colour.name())
        for size in SIZES:
            made.addPixmap(_drawn(drawn, size, colour.alphaF()), mode)
    return made


def _source(path: str) -> str:
    return files("delineate.desktop").joinpath(path).read_text(encoding="utf-8")


def _drawn(source: str, size: int, opacity: float = 1.0) -> QPixmap:
    pixmap = QPixmap(size, size)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    painter.setOpacity(opacity)
    QSvgRenderer(QByteArray(source.encode())).render(painter, QRectF(0, 0, size, size))
    painter.end()
    return pixmap


def _pixmaps(source: str) -> QPixmap:
    return _drawn(source, 256)
