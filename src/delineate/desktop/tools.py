"""What all tools that edit share: the class they paint, their size, and how they begin."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, Qt, Signal

from delineate.desktop.interaction import Interaction, Pointer
from delineate.desktop.workbench import Workbench

if TYPE_CHECKING:
    from delineate.desktop.canvas import Canvas

SMALLEST, LARGEST = 0.5, 200.0


class ToolOptions(QObject):
    """``changed`` when one of them is another.

    ``label`` is a class 1…K; ``radius``, and ``distance`` of grow and shrink, in pixels of the finest axis; ``tolerance`` of the
    flood fill in the image's units; ``strictness`` of the smart brush; ``volume``: whether operations work on the whole
    volume instead of the slice that is shown.
    """

    changed = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.label = 1
        self.radius = 8.0
        self.tolerance = 10.0
        self.strictness = 2.0
        self.volume = False
        self.distance = 1.0

    def set(self, **values: Any) -> None:
        """Change some of them, as ``set(radius=12)``."""
        before = {name: getattr(self, name) for name in values}
        for name, value in values.items():
            setattr(self, name, value)
        if before != values:
            self.changed.emit()

    def resize(self, steps: int) -> None:
        """A brush larger (or smaller) by ``steps``, each about a sixth, at least half a pixel."""
        radius = self.radius
        for _ in range(abs(steps)):
            by = max(0.5, round(radius / 3) / 2)
            radius += by if steps > 0 else -by
        self.set(radius=min(max(radius, SMALLEST), LARGEST))


class Tool(Interaction):
    """Base of the tools that edit. Ctrl and a click takes the class under the mouse."""

    cursor = Qt.CursorShape.CrossCursor

    def __init__(self, name: str, options: ToolOptions) -> None:
        self.name, self.options = name, options
        self.hint_key = f"desktop.hint.{name}"

    def press(self, canvas: Canvas, at: Pointer) -> None:
        if at.modifiers & Qt.KeyboardModifier.ControlModifier:
            self._pick(canvas, at)
            return
        show_edited(canvas.workbench, self.options.label)
        self.begin(canvas, at)

    def begin(self, canvas: Canvas, at: Pointer) -> None:
        """The left button went down to edit."""

    def _pick(self, canvas: Canvas, at: Pointer) -> None:
        document = canvas.workbench.document
        v, u = at.pixel
        height, width = canvas.frame.shape
        if document is not None and 0 <= v < height and 0 <= u < width:
            s, r, c = canvas.frame.voxel(at.index, v, u)
            label = document.label_at((int(s), int(r), int(c)))
            if label:
                self.options.set(label=label)


def show_edited(workbench: Workbench, label: int | None = None) -> None:
    """Nobody should paint what is not seen: show the edited mask, and the class."""
    view = workbench.view
    if view is not None and (view.layer != "edited" or label in view.hidden):
        workbench.set_view(replace(view, layer="edited", hidden=view.hidden - {label}))


def inside(canvas: Canvas, at: Pointer) -> bool:
    """Whether the mouse is on the image."""
    v, u = at.pixel
    return 0 <= v < canvas.frame.shape[0] and 0 <= u < canvas.frame.shape[1]
