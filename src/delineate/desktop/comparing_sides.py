"""The three pictures of the Compare page, and what keeps their views the same."""

from __future__ import annotations

from dataclasses import replace

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtWidgets import QLabel, QVBoxLayout, QWidget

from delineate.desktop.canvas import Canvas
from delineate.desktop.workbench import Workbench
from delineate.editing.document import Document
from delineate.editing.drawing import Renderer
from delineate.editing.planes import Plane
from delineate.editing.view import ViewState


class Side(QWidget):
    """A heading and a canvas with a workbench of its own, which shares words, theme, settings and jobs with the window's.

    ``pointed`` (plane, pointer or ``None``) as of the View page's canvases."""

    pointed = Signal(object, object)

    def __init__(self, workbench: Workbench, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.bench = Workbench(workbench.texts, workbench.theme, workbench.settings, workbench.jobs, self)
        self.bench.said.connect(workbench.said)
        self.canvas = Canvas(self.bench, Plane.AXIAL)
        self.canvas.pointed.connect(lambda at: self.pointed.emit(self.canvas.plane, at))
        self.heading = QLabel()
        self.heading.setObjectName("heading")
        self.heading.setTextFormat(Qt.TextFormat.RichText)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        column.addWidget(self.heading)
        column.addWidget(self.canvas, 1)

    def show_document(self, document: Document | None, renderer: Renderer | None, view: ViewState | None) -> None:
        """Show labels on an image; ``view`` says where to look, colours and classes are the document's own."""
        if document is None:
            self.bench.show(None)
            return
        own = ViewState.of(document)
        if view is not None:
            own = linked(own, view)
        made = None if renderer is None else renderer.with_labels_of(document)
        self.bench.show(document, renderer=made, view=replace(own, layer="edited"))

    def use_plane(self, plane: Plane) -> None:
        self.canvas.plane = plane
        self.bench.plane = plane
        self.canvas.update()


class Linked(QObject):
    """Whatever view one of the sides gets, the others get: place, zoom, grey window; not what is drawn over it."""

    def __init__(self, sides: tuple[Side, ...], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._sides = sides
        self._telling = False
        for side in sides:
            side.bench.view_changed.connect(lambda side=side: self._tell(side))

    def _tell(self, changed: Side) -> None:
        view = changed.bench.view
        if self._telling or view is None:
            return
        self._telling = True
        try:
            for side in self._sides:
                if side is not changed and side.bench.view is not None:
                    side.bench.set_view(linked(side.bench.view, view))
        finally:
            self._telling = False


def linked(view: ViewState, other: ViewState) -> ViewState:
    """``view`` looking where ``other`` looks."""
    return replace(
        view,
        crosshair=other.crosshair,
        centres=other.centres,
        window=other.window,
        zoom=other.zoom,
        channel=other.channel,
        outline=other.outline,
        show_crosshair=other.show_crosshair,
    )
