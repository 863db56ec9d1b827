"""Language and theme change while the window is open; nothing is left in the other language, or without words."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import QEvent, Qt
from PySide6.QtGui import QAction, QKeySequence, QPalette
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QAbstractButton,
    QApplication,
    QComboBox,
    QDockWidget,
    QLabel,
    QMenu,
    QWidget,
)

import delineate.desktop
from delineate.desktop import icons
from delineate.desktop.actions import plain
from delineate.desktop.docks import DOCKS
from delineate.desktop.pages import PAGES
from delineate.desktop.shortcuts import MOUSE, ShortcutsWindow
from delineate.desktop.theme import COLOURS
from delineate.desktop.window import MainWindow
from delineate.editing.settings import SettingsFile
from delineate.i18n import has

Open = Callable[[Path], MainWindow]
SOURCES = sorted(Path(delineate.desktop.__file__).parent.glob("*.py"))


def words(window: MainWindow) -> list[str]:
    """All that can be read in the window, menus and tooltips too."""
    QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    found: list[str] = [window.windowTitle()]
    for widget in window.findChildren(QWidget):
        if isinstance(widget, (QLabel, QAbstractButton)):
            found += [widget.text(), widget.toolTip()]
        elif isinstance(widget, QComboBox):
            found += [widget.itemText(index) for index in range(widget.count())]
        elif isinstance(widget, QMenu):
            found.append(widget.title())
        elif isinstance(widget, QDockWidget):
            found.append(widget.windowTitle())
    found += [part for action in window.findChildren(QAction) for part in (action.text(), action.toolTip())]
    return [text for text in found if text]


def test_every_sentence_there_is_is_in_the_catalogue(opened: Open, slice_file: Path) -> None:
    window = opened(slice_file)
    for language in ("zh", "en"):
        window.workbench.texts.use(language)
        assert [text for text in words(window) if text.startswith("desktop.")] == []


def test_every_key_in_the_sources_has_its_sentence() -> None:
    keys = {key for path in SOURCES for key in re.findall(r'"(desktop\.[a-z0-9.-]*[a-z0-9])"', path.read_text(encoding="utf-8"))}
    assert len(keys) > 100
    modules = {path.stem for path in SOURCES}
    missing = [key for key in keys if not has(key) and key.split(".")[1] not in modules and key != "delineate.desktop"]
    assert missing == []


def test_the_language_changes_while_the_window_is_open(opened: Open, volume_file: Path) -> None:
    window = opened(volume_file)
    english = set(words(window))
    menu = next(menu for menu in window.findChildren(QMenu) if menu.title() == "&Language")
    chinese = next(action for action in menu.actions() if action.text() == "中文")
    chinese.trigger()
    assert window.menus.file.title() == "文件(&F)"
    assert window.workbench.settings.value.language == "zh"
    left = {text for text in english & set(words(window)) if re.search("[A-Za-z]{3}", text)}
    allowed = re.compile(r"^(English|foreground|volume\.nii\.gz.*|DICOM SEG|Delineate.*)$")
    assert [text for text in left if not allowed.match(text)] == []
    next(action for action in menu.actions() if action.text() == "English").trigger()
    assert english <= set(words(window))


def test_the_theme_changes_while_the_window_is_open(window: MainWindow, qapp: QApplication) -> None:
    before = qapp.palette().color(QPalette.ColorRole.Window)
    action = window.view_page.actions_.toolbar.actions()[0]
    light = action.icon().pixmap(24, 24).toImage()
    menu = next(menu for menu in window.findChildren(QMenu) if menu.title() == "&Theme")
    next(action for action in menu.actions() if action.text() == "&Dark").trigger()
    after = qapp.palette().color(QPalette.ColorRole.Window)
    assert before.lightness() > 200 > 60 > after.lightness()
    assert window.workbench.settings.value.theme == "dark"
    assert action.icon().pixmap(24, 24).toImage() != light, "icons are tinted anew"
    assert window.workbench.theme.dark
    window.workbench.theme.use("light")
    assert qapp.palette().color(QPalette.ColorRole.Window) == before


def contrast(one: str, other: str) -> float:
    """WCAG 2.1 contrast ratio."""

    def luminance(colour: str) -> float:
        parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("dark", [0, 1])
def test_words_can_be_read_in_both_themes(dark: int) -> None:
    pairs = [("text", "window"), ("text", "panel"), ("text", "raised"), ("faint", "window"), ("on-accent", "accent")]
    pairs += [("text", "warning-back"), ("text", "error-back"), ("accent", "window")]
    ratios = {pair: round(contrast(COLOURS[pair[0]][dark], COLOURS[pair[1]][dark]), 2) for pair in pairs}
    assert {pair: ratio for pair, ratio in ratios.items() if ratio < 4.5} == {}


def test_what_was_chosen_is_there_at_the_next_start(window: MainWindow, qapp: QApplication) -> None:
    window.workbench.settings.keep(language="zh", theme="dark")
    window.view_page.show_dock("display")
    holder = next(dock for dock in window.view_page.findChildren(QDockWidget) if dock.objectName() == "dock-display")
    holder.hide()
    window.resize(1000, 700)
    assert window.close()
    again = MainWindow(qapp, SettingsFile())
    again.show()
    try:
        assert again.workbench.texts.language == "zh"
        assert again.workbench.theme.dark
        assert again.height() == 700  # (its width is cut to that of the screen without a display)
        holder = next(dock for dock in again.view_page.findChildren(QDockWidget) if dock.objectName() == "dock-display")
        assert holder.isHidden()
    finally:
        again.workbench.theme.use("light")
        again.close()
        again.deleteLater()


def test_broken_settings_are_said_and_do_not_keep_the_window_shut(qapp: QApplication, tmp_path: Path) -> None:
    (tmp_path / "settings.json").write_text("{ not json")
    window = MainWindow(qapp, SettingsFile(tmp_path), "en", "light")
    window.show()
    try:
        assert window.message.level == "warning"
        assert "settings.json" in window.message.sentence
    finally:
        window.close()
        window.deleteLater()


def test_no_key_has_two_meanings_on_a_page(window: MainWindow) -> None:
    for entry in PAGES:
        window.show_page(entry.name)
        page = window.current_page
        actions = {id(a): a for a in [*window.actions(), *page.actions()]}
        actions |= {id(a): a for child in page.findChildren(QWidget) for a in child.actions()}
        owners: dict[str, set[str]] = {}
        for action in actions.values():
            for key in action.shortcuts():
                owners.setdefault(key.toString(QKeySequence.SequenceFormat.PortableText), set()).add(action.text())
        assert {key: names for key, names in owners.items() if len(names) > 1} == {}, entry.name


def test_f1_shows_the_shortcuts_there_are(opened: Open, volume_file: Path) -> None:
    window = opened(volume_file)
    QTest.keyClick(window, Qt.Key.Key_F1)
    shown = window.findChild(ShortcutsWindow)
    assert shown is not None
    texts = [label.text() for label in shown.findChildren(QLabel)]
    for expected in ("Ctrl+O", "Next slice", "F5", "Right drag"):
        assert any(expected in text for text in texts), expected
    assert len(texts) > 2 * (40 + len(MOUSE))
    shown.close()


@pytest.mark.parametrize("name", sorted(path.stem for path in (SOURCES[0].parent / "assets" / "icons").glob("*.svg")))
def test_icons_draw_something_in_the_text_colour(qapp: QApplication, name: str) -> None:
    image = icons.icon(name).pixmap(24, 24).toImage()
    inked = sum(image.pixelColor(x, y).alpha() > 100 for x in range(image.width()) for y in range(image.height()))
    assert inked > 15


def test_pages_and_docks_name_icons_and_titles_that_exist() -> None:
    for entry in (*PAGES, *DOCKS):
        assert has(entry.title_key), entry.name
        assert (SOURCES[0].parent / "assets" / "icons" / f"{entry.icon_name}.svg").exists(), entry.name


def test_long_names_do_not_widen_the_window(opened: Open, window: MainWindow, slice_file: Path, tmp_path: Path) -> None:
    path = tmp_path / f"{'x' * 120}.tif"
    path.write_bytes(slice_file.read_bytes())
    window = opened(path)
    window.files.close()
    window.workbench.say("error", "desktop.saved", path="y " * 300)
    QApplication.processEvents()
    assert window.view_page.empty.isVisible()
    assert window.minimumSizeHint().width() < 1200


@pytest.mark.parametrize(
    ("text", "words"), [("&Open image…", "Open image…"), ("打开图像(&O)…", "打开图像…"), ("Zoom &in", "Zoom in")]
)
def test_letters_of_menus_are_not_read(text: str, words: str) -> None:
    assert plain(text) == words
