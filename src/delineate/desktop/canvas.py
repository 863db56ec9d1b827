"""One plane of the open document, painted; mouse and wheel become changes of the view, or calls of the interaction."""

from __future__ import annotations

import math
from dataclasses import replace

from PySide6.QtCore import QPoint, QPointF, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QEnterEvent, QFocusEvent, QImage, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QResizeEvent, QWheelEvent
from PySide6.QtWidgets import QWidget

from delineate.desktop.interaction import Interaction, Pointer
from delineate.desktop.marks import paint_marks
from delineate.desktop.navigate import Navigate
from delineate.desktop.workbench import Workbench
from delineate.editing.planes import Box, Frame, Plane
from delineate.editing.view import ViewState, to_plane, to_screen

_LEFT, _RIGHT, _MIDDLE = Qt.MouseButton.LeftButton, Qt.MouseButton.RightButton, Qt.MouseButton.MiddleButton
_MARGIN = 3  # device pixels around a changed box: outlines reach over its edge


class Canvas(QWidget):
    """``pointed`` tells where the mouse is (a :class:`Pointer`, or ``None`` when it left); ``enlarge`` asks to be shown alone."""

    pointed = Signal(object)
    enlarge = Signal()

    def __init__(self, workbench: Workbench, plane: Plane, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.workbench, self.plane = workbench, plane
        self._looking = Navigate()
        self._dragging: tuple[str, QPointF] | None = None
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setMinimumSize(80, 80)
        workbench.view_changed.connect(self.update)
        workbench.document_changed.connect(self.update)
        workbench.labels_changed.connect(self._labels_changed)
        workbench.interaction_changed.connect(self._interaction_changed)
        workbench.theme.changed.connect(self.update)
        workbench.texts.changed.connect(self.update)

    # -- where things are

    @property
    def ready(self) -> bool:
        """Whether there is a document that has this plane."""
        document = self.workbench.document
        return document is not None and self.workbench.view is not None and self.plane in document.grid.planes

    @property
    def frame(self) -> Frame:
        assert self.workbench.document is not None
        return self.workbench.document.frame(self.plane)

    @property
    def view(self) -> ViewState:
        assert self.workbench.view is not None
        return self.workbench.view

    @property
    def pixels(self) -> tuple[int, int]:
        """(height, width) in device pixels."""
        ratio = self.devicePixelRatioF()
        return max(1, round(self.height() * ratio)), max(1, round(self.width() * ratio))

    @property
    def interaction(self) -> Interaction:
        return self.workbench.interaction or self._looking

    def place(self, v: float, u: float) -> QPointF:
        """Where the point (v, u) of the plane lies in the widget."""
        x, y = to_screen(self.view, self.frame, v, u, self.pixels)
        ratio = self.devicePixelRatioF()
        return QPointF(x / ratio, y / ratio)

    def pointer(self, position: QPointF, button: Qt.MouseButton, modifiers: Qt.KeyboardModifier) -> Pointer:
        ratio = self.devicePixelRatioF()
        x, y = position.x() * ratio, position.y() * ratio
        v, u = to_plane(self.view, self.frame, x, y, self.pixels)
        return Pointer(v, u, self.view.slice_of(self.frame), x, y, button, modifiers)

    def rectangle(self, box: Box) -> QRect | None:
        """Where a box of the volume lies in the widget; ``None`` where the present slice does not cut it."""
        frame, view = self.frame, self.view
        first, end = box[frame.normal]
        if not first <= view.slice_of(frame) < end:
            return None
        v0, v1, u0, u1 = frame.rectangle(box)
        left, top = to_screen(view, frame, v0 - 0.5, u0 - 0.5, self.pixels)
        right, bottom = to_screen(view, frame, v1 - 0.5, u1 - 0.5, self.pixels)
        ratio = self.devicePixelRatioF()
        x, y = math.floor((left - _MARGIN) / ratio), math.floor((top - _MARGIN) / ratio)
        return QRect(QPoint(x, y), QSize(math.ceil((right + _MARGIN) / ratio) - x, math.ceil((bottom + _MARGIN) / ratio) - y))

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        return QSize(420, 420)

    # -- painting

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        painter = QPainter(self)
        painter.fillRect(event.rect(), Qt.GlobalColor.black)
        if not self.ready or self.workbench.renderer is None or self.workbench.document is None:
            return
        ratio, size = self.devicePixelRatioF(), self.pixels
        rect = event.rect()
        x, y = math.floor(rect.x() * ratio), math.floor(rect.y() * ratio)
        width = min(math.ceil((rect.x() + rect.width()) * ratio), size[1]) - x
        height = min(math.ceil((rect.y() + rect.height()) * ratio), size[0]) - y
        if width > 0 and height > 0:
            drawn = self.workbench.renderer.draw(self.view, self.plane, size, (x, y, width, height))
            image = QImage(drawn.data, width, height, drawn.strides[0], QImage.Format.Format_RGB888)
            painter.drawImage(QRectF(x / ratio, y / ratio, width / ratio, height / ratio), image)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        paint_marks(self, painter)
        for paint in self.workbench.overlays:
            paint(self, painter)
        self.interaction.paint_over(self, painter)

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        super().resizeEvent(event)
        self.update()

    def _labels_changed(self, boxes: list[Box]) -> None:
        if self.ready:
            for box in boxes:
                if (where := self.rectangle(box)) is not None:
                    self.update(where)

    def _interaction_changed(self) -> None:
        self.setCursor(self.interaction.cursor)
        self.update()

    # -- mouse

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        if not self.ready or self._dragging is not None:
            return
        self.setFocus(Qt.FocusReason.MouseFocusReason)
        button = event.button()
        if button == _LEFT:
            self._dragging = ("interaction", event.position())
            self.interaction.press(self, self.pointer(event.position(), button, event.modifiers()))
        elif button in (_RIGHT, _MIDDLE):
            self._dragging = ("window" if button == _RIGHT else "pan", event.position())

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        if not self.ready:
            return
        at = self.pointer(event.position(), _LEFT, event.modifiers())
        if self._dragging is None:
            self.interaction.hover(self, at)
        elif self._dragging[0] == "interaction":
            self.interaction.move(self, at)
        else:
            self._drag(event.position())
        self.pointed.emit(at)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        if not self.ready or self._dragging is None:
            return
        buttons = {"interaction": _LEFT, "window": _RIGHT, "pan": _MIDDLE}
        if event.button() == buttons[self._dragging[0]]:
            if event.button() == _LEFT:
                self.interaction.release(self, self.pointer(event.position(), _LEFT, event.modifiers()))
            self._dragging = None

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        if self.ready and self.interaction.rapid:
            self.mousePressEvent(event)
        elif self.ready and event.button() == _LEFT:
            at = self.pointer(event.position(), _LEFT, event.modifiers())
            if not self.interaction.double(self, at):
                self.enlarge.emit()

    def wheelEvent(self, event: QWheelEvent) -> None:  # noqa: N802
        turn = event.angleDelta().y() or event.angleDelta().x()
        if not self.ready or turn == 0:
            return
        at = self.pointer(event.position(), Qt.MouseButton.NoButton, event.modifiers())
        steps = max(1, abs(turn) // 120) * (1 if turn > 0 else -1)
        if self.interaction.wheel(self, at, steps):
            pass
        elif event.modifiers() & Qt.KeyboardModifier.ControlModifier or self.frame.depth == 1:
            self.workbench.set_view(self.view.zoomed(self.frame, 2 ** (turn / 480), at.x, at.y, self.pixels))
        else:
            self.workbench.set_view(self.view.scrolled(self.frame, steps))
        event.accept()
        self.pointed.emit(self.pointer(event.position(), Qt.MouseButton.NoButton, event.modifiers()))

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        if not (self.ready and self.interaction.key(self, event)):
            super().keyPressEvent(event)

    def focusInEvent(self, event: QFocusEvent) -> None:  # noqa: N802
        self.workbench.plane = self.plane
        super().focusInEvent(event)
        self.update()

    def focusOutEvent(self, event: QFocusEvent) -> None:  # noqa: N802
        super().focusOutEvent(event)
        self.update()

    def enterEvent(self, event: QEnterEvent) -> None:  # noqa: N802
        self.setCursor(self.interaction.cursor)
        super().enterEvent(event)

    def leaveEvent(self, event: object) -> None:  # noqa: N802
        if self.ready:
            self.interaction.hover(self, None)
        self.pointed.emit(None)

    def _drag(self, position: QPointF) -> None:
        assert self._dragging is not None
        kind, last = self._dragging
        ratio = self.devicePixelRatioF()
        moved = (position - last) * ratio
        self._dragging = (kind, position)
        if kind == "pan":
            self.workbench.set_view(self.view.panned(self.frame, moved.x(), moved.y()))
        else:
            window = self.view.window.dragged(moved.x(), moved.y(), self.pixels)
            self.workbench.set_view(replace(self.view, window=window))
