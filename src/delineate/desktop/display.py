"""The Display dock: which mask is shown and how, its classes, the grey window."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QColor, QIcon, QPixmap
from PySide6.QtWidgets import (
    QCheckBox,
    QColorDialog,
    QComboBox,
    QDoubleSpinBox,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QSlider,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from delineate.desktop.workbench import Workbench
from delineate.editing.view import PRESETS, Layer, ViewState, Window, auto_window

_LAYERS: tuple[Layer, ...] = ("edited", "predicted", "truth", "threshold", "none")


class DisplayDock(QWidget):
    """Everything here is a field of the view; nothing here changes a mask."""

    def __init__(self, workbench: Workbench) -> None:
        super().__init__()
        self._workbench = workbench
        self._headings = {name: QLabel() for name in ("mask", "classes", "window")}
        for heading in self._headings.values():
            heading.setObjectName("heading")
        self._names = {name: QLabel() for name in ("layer", "opacity", "channel", "preset", "centre", "width")}
        self.layers, self.presets, self.channels = QComboBox(), QComboBox(), QComboBox()
        self.opacity = QSlider(Qt.Orientation.Horizontal)
        self.opacity.setRange(0, 100)
        self.outline = QCheckBox()
        self.centre, self.width_ = _number(), _number()
        self._classes = QVBoxLayout()
        self._classes.setSpacing(2)
        self._boxes: list[tuple[QCheckBox, QToolButton]] = []
        column = QVBoxLayout(self)
        column.setContentsMargins(12, 10, 12, 10)
        column.setSpacing(8)
        column.addWidget(self._headings["mask"])
        column.addLayout(self._form(("layer", self.layers), ("opacity", self.opacity), ("", self.outline)))
        column.addWidget(self._headings["classes"])
        column.addLayout(self._classes)
        column.addWidget(self._headings["window"])
        window = (("channel", self.channels), ("preset", self.presets), ("centre", self.centre), ("width", self.width_))
        self._window_form = self._form(*window)
        column.addLayout(self._window_form)
        column.addStretch()
        self.layers.activated.connect(lambda _: self._set(layer=self.layers.currentData()))
        self.presets.activated.connect(self._preset)
        self.channels.activated.connect(lambda index: self._set(channel=index))
        self.opacity.valueChanged.connect(lambda value: self._set(opacity=value / 100))
        self.outline.toggled.connect(lambda on: self._set(outline=on))
        for box in (self.centre, self.width_):
            box.valueChanged.connect(lambda _: self._set(window=Window(self.centre.value(), max(self.width_.value(), 1e-6))))
        self._following = False
        self._image: object = None
        self._automatic: Window | None = None
        workbench.document_changed.connect(self._rebuild)
        workbench.view_changed.connect(self._follow)
        self.retranslate()

    def retranslate(self) -> None:
        words = self._workbench.text
        for name, heading in self._headings.items():
            heading.setText(words(f"desktop.display.{name}"))
        for name, label in self._names.items():
            label.setText(words(f"desktop.display.{name}"))
        self.outline.setText(words("desktop.display.outline"))
        self._rebuild()

    def _form(self, *rows: tuple[str, QWidget]) -> QFormLayout:
        form = QFormLayout()
        form.setLabelAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        for name, widget in rows:
            form.addRow(self._names[name] if name else QLabel(), widget)
        return form

    def _rebuild(self) -> None:
        """For another document, or another language."""
        document, words = self._workbench.document, self._workbench.text
        self.setEnabled(document is not None)
        view, image = self._workbench.view, None if document is None else document.image
        if image is not self._image:
            self._image, self._automatic = image, None if view is None else view.window  # every image begins with it
        self._following = True
        there = {
            "predicted": document is not None and document.predicted is not None,
            "truth": document is not None and document.truth is not None,
            "threshold": document is not None and document.probabilities is not None,
        }
        self.layers.clear()
        for layer in _LAYERS:
            if there.get(layer, True):
                self.layers.addItem(words(f"desktop.layer.{layer}"), layer)
        self.presets.clear()
        self.presets.addItem(words("desktop.window.own"), "")
        self.presets.addItem(words("desktop.window.auto"), "auto")
        for name in PRESETS:
            self.presets.addItem(words(f"desktop.window.{name}"), name)
        self.channels.clear()
        count = 0 if document is None or document.image.colour == "rgb" else document.image.channels
        self.channels.addItems([str(number) for number in range(1, count + 1)])
        self._window_form.setRowVisible(self.channels, count > 1)
        unit = "" if document is None or not document.unit else f" {document.unit}"
        for box in (self.centre, self.width_):
            box.setSuffix(unit)
        self._list_classes()
        self._following = False
        self._follow()

    def _list_classes(self) -> None:
        while (item := self._classes.takeAt(0)) is not None:
            if (widget := item.widget()) is not None:
                widget.deleteLater()
        self._boxes = []
        document = self._workbench.document
        for label, name in enumerate(document.label_set.names if document is not None else (), start=1):
            row = QWidget()
            line = QHBoxLayout(row)
            line.setContentsMargins(0, 0, 0, 0)
            swatch, box = QToolButton(), QCheckBox(name)
            swatch.setAutoRaise(True)
            swatch.setIconSize(QSize(16, 16))
            swatch.setToolTip(self._workbench.text("desktop.display.colour"))
            swatch.setAccessibleName(self._workbench.text("desktop.display.colour"))
            swatch.clicked.connect(lambda _=False, label=label: self._ask_colour(label))
            box.toggled.connect(lambda on, label=label: self._hide(label, not on))
            line.addWidget(swatch)
            line.addWidget(box, 1)
            self._classes.addWidget(row)
            self._boxes.append((box, swatch))

    def _follow(self) -> None:
        """Show the view as it is."""
        view = self._workbench.view
        if view is None:
            return
        self._following = True
        self.layers.setCurrentIndex(max(0, self.layers.findData(view.layer)))
        self.opacity.setValue(round(view.opacity * 100))
        self.outline.setChecked(view.outline)
        self.channels.setCurrentIndex(view.channel)
        self.centre.setValue(view.window.centre)
        self.width_.setValue(view.window.width)
        own = "auto" if view.window == self._automatic else ""
        named = next((name for name, window in PRESETS.items() if window == view.window), own)
        self.presets.setCurrentIndex(max(0, self.presets.findData(named)))
        for label, (box, swatch) in enumerate(self._boxes, start=1):
            box.setChecked(label not in view.hidden)
            if label <= len(view.colours):
                pixmap = QPixmap(16, 16)
                pixmap.fill(QColor(*view.colours[label - 1]))
                swatch.setIcon(QIcon(pixmap))
        self._following = False

    def _set(self, **fields: Any) -> None:
        view = self._workbench.view
        if view is not None and not self._following:
            self._workbench.set_view(replace(view, **fields))

    def _preset(self) -> None:
        name, document = self.presets.currentData(), self._workbench.document
        if name == "auto" and document is not None:
            self._set(window=auto_window(document))
        elif name in PRESETS:
            self._set(window=PRESETS[name])

    def _hide(self, label: int, hidden: bool) -> None:
        view = self._workbench.view
        if view is not None:
            self._set(hidden=view.hidden | {label} if hidden else view.hidden - {label})

    def _ask_colour(self, label: int) -> None:
        view = self._workbench.view
        if view is None:
            return
        chosen = QColorDialog.getColor(QColor(*view.colours[label - 1]), self.window())
        if chosen.isValid():
            self.use_colour(label, chosen)

    def use_colour(self, label: int, colour: QColor) -> None:
        """Show class ``label`` in another colour."""
        view: ViewState | None = self._workbench.view
        if view is not None:
            colours = list(view.colours)
            colours[label - 1] = (colour.red(), colour.green(), colour.blue())
            self._set(colours=tuple(colours))


def _number() -> QDoubleSpinBox:
    box = QDoubleSpinBox()
    box.setRange(-1e6, 1e6)
    box.setDecimals(1)
    box.setKeyboardTracking(False)
    box.lineEdit().setTextMargins(5, 0, 0, 0)
    return box
