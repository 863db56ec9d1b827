"""What the left mouse button does on a canvas: looking around, a brush, a ruler; one at a time (``Workbench.interaction``)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeyEvent, QPainter

if TYPE_CHECKING:
    from delineate.desktop.canvas import Canvas


@dataclass(frozen=True)
class Pointer:
    """Where the mouse is: ``(v, u)`` on the plane (may lie outside of the image), slice ``index``, ``(x, y)`` in device pixels."""

    v: float
    u: float
    index: int
    x: float
    y: float
    button: Qt.MouseButton = Qt.MouseButton.NoButton
    modifiers: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier

    @property
    def pixel(self) -> tuple[int, int]:
        """(v, u) of the pixel under the mouse."""
        return round(self.v), round(self.u)


class Interaction:
    """Base: does nothing. ``canvas`` knows ``workbench``, ``plane``, ``frame``, ``place(v, u)`` and ``update()``.

    Presses, moves while pressed and releases are those of the left button. The canvas itself keeps the wheel, the right button
    (window and level) and the middle button (pan), unless :meth:`wheel` answers ``True``.
    """

    #: Catalogue key of what the status bar says while it is active.
    hint_key = ""
    cursor: Qt.CursorShape = Qt.CursorShape.ArrowCursor
    #: Whether quick clicks are all presses (a brush), and none of them is a double click.
    rapid = False

    def press(self, canvas: Canvas, at: Pointer) -> None:
        """The left button goes down."""

    def move(self, canvas: Canvas, at: Pointer) -> None:
        """The mouse moves with the left button down."""

    def release(self, canvas: Canvas, at: Pointer) -> None:
        """The left button goes up."""

    def hover(self, canvas: Canvas, at: Pointer | None) -> None:
        """The mouse moves with no button down; ``None``: it left the canvas."""

    def double(self, canvas: Canvas, at: Pointer) -> bool:
        """A double click; whether it was used."""
        return False

    def wheel(self, canvas: Canvas, at: Pointer, steps: int) -> bool:
        """The wheel by ``steps`` (up: positive); whether it was used."""
        return False

    def key(self, canvas: Canvas, event: QKeyEvent) -> bool:
        """A key goes down while the canvas has the focus; whether it was used."""
        return False

    def paint_over(self, canvas: Canvas, painter: QPainter) -> None:
        """Draw on top, in the widget's own coordinates (see :meth:`Canvas.place`)."""

    def leave(self) -> None:
        """Another interaction takes over: give up what is half done."""
