"""The docks of the View page, in the order of the menu. Imported when the page is built."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol


class Dock(Protocol):
    """A QWidget, made with the :class:`~delineate.desktop.workbench.Workbench`.

    It may also have ``menus() -> list[QMenu]`` for the menu bar, ``toolbars() -> list[QToolBar]`` for the View page, and
    ``may_close() -> bool`` as pages have.
    """

    def retranslate(self) -> None:
        """The language changed: set all words anew (called by the page)."""


@dataclass(frozen=True)
class DockEntry:
    """``place`` is ``module:class``; ``shown`` says whether it is open at the first start; ``keys`` shows and hides it.

    Docks with the same ``side`` and ``tab`` lie on each other as tabs.
    """

    name: str
    title_key: str
    icon_name: str
    place: str
    side: Literal["left", "right"] = "right"
    shown: bool = True
    keys: str = ""
    tab: str = ""


DOCKS: tuple[DockEntry, ...] = (
    DockEntry("segment", "desktop.dock.segment", "segment", "delineate.desktop.segmenting:SegmentDock", "left", tab="work"),
    DockEntry("correct", "desktop.dock.correct", "correct", "delineate.desktop.correcting:CorrectDock", "left", tab="work"),
    DockEntry("display", "desktop.dock.display", "display", "delineate.desktop.display:DisplayDock", tab="look"),
    DockEntry("measure", "desktop.dock.measure", "measure", "delineate.desktop.measuring:MeasureDock", tab="look"),
    DockEntry("cases", "desktop.dock.cases", "cases", "delineate.desktop.cases:CasesDock", tab="look", keys="Ctrl+Shift+L"),
)
