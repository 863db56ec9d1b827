"""Looking around: the interaction while no tool is chosen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt

from delineate.desktop.interaction import Interaction, Pointer

if TYPE_CHECKING:
    from delineate.desktop.canvas import Canvas


class Navigate(Interaction):
    """In volumes the left button moves the crosshair, and with it the slices of the other planes; in a plane picture, and with
    Shift, it moves the picture."""

    hint_key = "desktop.hint.navigate"

    def __init__(self) -> None:
        self._last: tuple[float, float] | None = None

    @property
    def cursor(self) -> Qt.CursorShape:  # type: ignore[override]
        return Qt.CursorShape.ArrowCursor

    def press(self, canvas: Canvas, at: Pointer) -> None:
        if canvas.frame.depth == 1 or at.modifiers & Qt.KeyboardModifier.ShiftModifier:
            self._last = (at.x, at.y)
        else:
            canvas.workbench.set_view(canvas.view.crossed(canvas.frame, at.v, at.u))

    def move(self, canvas: Canvas, at: Pointer) -> None:
        if self._last is None:
            canvas.workbench.set_view(canvas.view.crossed(canvas.frame, at.v, at.u))
            return
        x, y = self._last
        self._last = (at.x, at.y)
        canvas.workbench.set_view(canvas.view.panned(canvas.frame, at.x - x, at.y - y))

    def release(self, canvas: Canvas, at: Pointer) -> None:
        self._last = None
