"""Actions with words from the catalogue, an icon and a shortcut: what menus, toolbars and the window of shortcuts are made of."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QMenu, QWidget

from delineate.desktop.icons import wear
from delineate.desktop.language import Texts


def make_action(
    owner: QWidget,
    texts: Texts,
    key: str,
    call: Callable[..., Any] | None = None,
    *,
    icon: str | None = None,
    keys: str | tuple[str, ...] = (),
    checkable: bool = False,
    group: str = "",
) -> QAction:
    """An action of ``owner`` that says ``key`` in the language of the moment; its tooltip names the shortcut.

    ``group`` is the catalogue key of the heading it has in the window of shortcuts (the same for all of one menu).
    The shortcut counts while ``owner`` is visible in the active window.
    """
    action = QAction(owner)
    action.setCheckable(checkable)
    action.setShortcuts([QKeySequence(one) for one in ((keys,) if isinstance(keys, str) else keys)])
    action.setProperty("group", group)
    if icon is not None:
        wear(action, icon)
    if call is not None:
        (action.toggled if checkable else action.triggered).connect(lambda value=False: call(value) if checkable else call())
    owner.addAction(action)

    def retranslate() -> None:
        said = texts.text(key)
        action.setText(said)
        said = plain(said)
        shown = action.shortcut().toString(QKeySequence.SequenceFormat.NativeText)
        action.setToolTip(f"{said} ({shown})" if shown else said)

    retranslate()
    texts.changed.connect(retranslate)
    return action


def plain(text: str) -> str:
    """The words of an action without the letter that chooses it in a menu: ``&Open…`` and ``打开(&O)…`` alike."""
    return re.sub(r"\(&\w\)", "", text).replace("&", "")


def make_menu(owner: QWidget, texts: Texts, key: str) -> QMenu:
    """A menu that says ``key`` in the language of the moment."""
    menu = QMenu(owner)
    menu.setToolTipsVisible(False)

    def retranslate() -> None:
        menu.setTitle(texts.text(key))

    retranslate()
    texts.changed.connect(retranslate)
    return menu
