"""The canvases: one for a plane picture, three for a volume, or one of the three large."""

from __future__ import annotations

from dataclasses import replace

from PySide6.QtCore import Signal
from PySide6.QtGui import QResizeEvent, QShowEvent
from PySide6.QtWidgets import QGridLayout, QWidget

from delineate.desktop.canvas import Canvas
from delineate.desktop.workbench import Workbench
from delineate.editing.planes import Plane

_THIN = 0.08  # height of a coronal picture by its width


class PlanesGrid(QWidget):
    """``pointed`` (plane, pointer or ``None``); ``arranged`` when other planes are shown."""

    pointed = Signal(object, object)
    arranged = Signal()

    def __init__(self, workbench: Workbench, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.workbench = workbench
        self.canvases = tuple(Canvas(workbench, plane) for plane in Plane)
        #: The plane that is shown alone; ``None``: all there are.
        self.alone: Plane | None = None
        self._fit_wanted = True
        self._layout = QGridLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setSpacing(2)
        axial, coronal, sagittal = self.canvases
        self._layout.addWidget(axial, 0, 0, 2, 1)
        self._layout.addWidget(coronal, 0, 1)
        self._layout.addWidget(sagittal, 1, 1)
        for canvas in self.canvases:
            canvas.pointed.connect(lambda at, plane=canvas.plane: self.pointed.emit(plane, at))
            canvas.enlarge.connect(lambda plane=canvas.plane: self.show_alone(None if self.alone else plane))
        self.arrange()

    def canvas(self, plane: Plane) -> Canvas:
        return next(canvas for canvas in self.canvases if canvas.plane is plane)

    @property
    def current(self) -> Canvas:
        """The canvas that keys act on."""
        plane = self.workbench.plane
        shown = self.canvas(plane)
        return shown if not shown.isHidden() else self.canvas(self.alone or Plane.AXIAL)

    def begin(self) -> None:
        """For another image: all planes, but only the axial one of a stack too thin to be looked at from the side."""
        document = self.workbench.document
        self.alone = None
        if document is not None and not document.grid.flat:
            (height, width), (tall, wide) = document.frame(Plane.CORONAL).shape, document.frame(Plane.CORONAL).scale
            if height * tall < _THIN * width * wide:
                self.alone = Plane.AXIAL
        self.arrange()
        self.fit()

    def show_alone(self, plane: Plane | None) -> None:
        """Show one plane large, or all."""
        document = self.workbench.document
        if document is None or (plane is not None and plane not in document.grid.planes):
            return
        self.alone = plane
        self.arrange()
        self.fit()
        if plane is not None:
            self.canvas(plane).setFocus()

    def arrange(self) -> None:
        """Show the canvases of the planes the document has."""
        document = self.workbench.document
        planes = (Plane.AXIAL,) if document is None else document.grid.planes
        if self.alone not in planes:
            self.alone = None
        several = len(planes) > 1 and self.alone is None
        for canvas in self.canvases:
            canvas.setVisible(canvas.plane in planes and self.alone in (None, canvas.plane))
        self._layout.setColumnStretch(0, 1 if several else int(self.alone in (None, Plane.AXIAL)))
        self._layout.setColumnStretch(1, 1 if several else int(self.alone in (Plane.CORONAL, Plane.SAGITTAL)))
        for row, plane in enumerate((Plane.CORONAL, Plane.SAGITTAL)):
            self._layout.setRowStretch(row, int(several or self.alone in (None, Plane.AXIAL, plane)))
        self._layout.activate()
        self.arranged.emit()

    def fit(self) -> None:
        """The whole of every plane that is shown, at one scale."""
        document, view = self.workbench.document, self.workbench.view
        shown = [canvas for canvas in self.canvases if not canvas.isHidden()]
        if document is None or view is None or not shown:
            return
        if not self.isVisible() or min(min(canvas.pixels) for canvas in shown) < 2:
            self._fit_wanted = True  # sizes are not known yet
            return
        self._fit_wanted = False
        fitted = [view.fitted(canvas.frame, canvas.pixels) for canvas in shown]
        centres = dict(view.centres)
        for canvas, one in zip(shown, fitted, strict=True):
            centres[canvas.plane] = one.centres[canvas.plane]
        self.workbench.set_view(replace(view, zoom=min(one.zoom for one in fitted) * 0.98, centres=centres))

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802 - Qt's name
        super().showEvent(event)
        if self._fit_wanted:
            self._layout.activate()
            self.fit()

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        super().resizeEvent(event)
        self._layout.activate()
        if self._fit_wanted:
            self.fit()
