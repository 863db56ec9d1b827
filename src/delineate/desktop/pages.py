"""The pages of the window, in the order of the page bar. A page is imported when it is first shown."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Protocol, cast

from PySide6.QtWidgets import QWidget

from delineate.desktop.workbench import Workbench


class Page(Protocol):
    """A QWidget, made with the :class:`Workbench`. It may also have ``menus() -> list[QMenu]``: they stand in the menu bar while
    the page is shown."""

    def retranslate(self) -> None:
        """The language changed: set all words anew (called by the window)."""

    def may_close(self) -> bool:
        """Ask the person where work would be lost; ``False`` keeps the window open."""


@dataclass(frozen=True)
class PageEntry:
    """``title_key`` and ``icon_name`` stand in the page bar; ``place`` is ``module:class``."""

    name: str
    title_key: str
    icon_name: str
    place: str


PAGES: tuple[PageEntry, ...] = (
    PageEntry("view", "desktop.page.view", "view", "delineate.desktop.viewing:ViewPage"),
    PageEntry("compare", "desktop.page.compare", "compare", "delineate.desktop.comparing:ComparePage"),
    PageEntry("batch", "desktop.page.batch", "batch", "delineate.desktop.batch:BatchPage"),
    PageEntry("train", "desktop.page.train", "train", "delineate.desktop.training:TrainPage"),
)


def make(entry: PageEntry, workbench: Workbench) -> QWidget:
    """Import and build a page."""
    return load(entry.place)(workbench)


def load(place: str) -> Callable[[Workbench], QWidget]:
    """``module:name`` → the class."""
    module, _, name = place.partition(":")
    return cast("Callable[[Workbench], QWidget]", getattr(import_module(module), name))
