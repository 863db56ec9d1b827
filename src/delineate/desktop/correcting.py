"""The Correct dock: the class, the tool's size, operations on a whole class, and saving as reviewed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QColor, QIcon, QPixmap
from PySide6.QtWidgets import (
    QComboBox,
    QDoubleSpinBox,
    QFormLayout,
    QGridLayout,
    QHBoxLayout,
    QInputDialog,
    QLabel,
    QListWidget,
    QListWidgetItem,
    QMenu,
    QPushButton,
    QSlider,
    QToolBar,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from delineate.desktop import correcting_mask
from delineate.desktop.correcting_actions import CorrectActions
from delineate.desktop.correcting_save import Reviewing
from delineate.desktop.correcting_steps import Steps
from delineate.desktop.icons import wear
from delineate.desktop.tools import LARGEST, SMALLEST, ToolOptions
from delineate.desktop.workbench import Workbench
from delineate.editing.view import ViewState
from delineate.errors import UsageError

_MOST_ROWS = 6  # classes that are seen without scrolling
_HEADINGS = ("class", "tool", "operations", "reviewed")
_FIELDS = ("size", "tolerance", "strictness", "where", "distance")


class CorrectDock(QWidget):
    """``options`` are the tools' settings, ``actions_`` what can be done, ``reviewing`` saves."""

    def __init__(self, workbench: Workbench) -> None:
        super().__init__()
        self.workbench = workbench
        self.options = ToolOptions(self)
        self.steps = Steps(workbench, self)
        self.reviewing = Reviewing(workbench, self)
        self.actions_ = CorrectActions(self, workbench, self.options, self.steps)
        self.actions_.add_files(self.reviewing.save, self.reviewing.save_elsewhere, lambda: correcting_mask.ask(workbench, self))
        self._headings = {name: QLabel() for name in _HEADINGS}
        for heading in self._headings.values():
            heading.setObjectName("heading")
        self._labels = {name: QLabel() for name in _FIELDS}
        self.classes = QListWidget()
        self.classes.setIconSize(QSize(14, 14))
        self.classes.setFocusPolicy(Qt.FocusPolicy.NoFocus)  # keys stay with the picture
        self.classes.currentRowChanged.connect(self._picked)
        self.add = QToolButton()
        self.add.setAutoRaise(True)
        self.add.clicked.connect(self._ask_class)
        wear(self.add, "add")
        self.radius_slider = QSlider(Qt.Orientation.Horizontal)
        self.radius_slider.setRange(round(2 * SMALLEST), 200)
        self.radius = _number(SMALLEST, LARGEST, 1)
        self.tolerance, self.strictness, self.distance = _number(0, 1e6, 1), _number(0.5, 10, 1), _number(0.5, 100, 1)
        self.strictness.setSingleStep(0.5)
        self.where = QComboBox()
        self.buttons = {name: QPushButton() for name in self.actions_.operations}
        self.save = QPushButton()
        self.save.setObjectName("primary")
        self.save.clicked.connect(lambda: self.reviewing.save())
        self.reviewer = QPushButton()
        self.reviewer.setObjectName("link")
        self.reviewer.clicked.connect(self._rename)
        self._state = QLabel()
        self._state.setObjectName("faint")
        self._state.setWordWrap(True)
        self._lay_out()
        self._connect()
        self._following = False
        self.retranslate()
        self._rebuild()

    # -- for the page

    def menus(self) -> list[QMenu]:
        return self.actions_.menus()

    def toolbars(self) -> list[QToolBar]:
        return [self.actions_.toolbar]

    def retranslate(self) -> None:
        words = self.workbench.text
        for name, heading in self._headings.items():
            heading.setText(words(f"desktop.correct.{name}"))
        for name, label in self._labels.items():
            label.setText(words(f"desktop.correct.{name}"))
        self._following = True
        self.where.clear()
        for volume in (False, True):
            self.where.addItem(words(f"desktop.correct.{'volume' if volume else 'slice'}"), volume)
        self._following = False
        for name, button in self.buttons.items():
            button.setText(words(f"desktop.step.{name}"))
            button.setToolTip(self.actions_.operations[name].toolTip())
        self.add.setToolTip(words("desktop.correct.add-class"))
        self.add.setAccessibleName(words("desktop.correct.add-class"))
        self.save.setText(words("desktop.correct.save"))
        self.actions_.toolbar.setWindowTitle(words("desktop.dock.correct"))
        self._follow()
        self._tell_state()

    # -- how it is made

    def _lay_out(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(12, 10, 12, 10)
        column.setSpacing(8)
        head = QHBoxLayout()
        head.addWidget(self._headings["class"], 1)
        head.addWidget(self.add)
        column.addLayout(head)
        column.addWidget(self.classes)
        column.addWidget(self._headings["tool"])
        size = QHBoxLayout()
        size.addWidget(self.radius_slider, 1)
        self.radius.setFixedWidth(64)
        size.addWidget(self.radius)
        self.form = QFormLayout()
        self.form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.ExpandingFieldsGrow)
        self.form.addRow(self._labels["size"], size)
        self.form.addRow(self._labels["tolerance"], self.tolerance)
        self.form.addRow(self._labels["strictness"], self.strictness)
        column.addLayout(self.form)
        column.addWidget(self._headings["operations"])
        self.whole = QFormLayout()
        self.whole.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.ExpandingFieldsGrow)
        self.whole.addRow(self._labels["where"], self.where)
        self.whole.addRow(self._labels["distance"], self.distance)
        column.addLayout(self.whole)
        grid = QGridLayout()
        grid.setSpacing(6)
        for number, (name, button) in enumerate(self.buttons.items()):
            wear(button, name)
            button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
            button.clicked.connect(self.actions_.operations[name].trigger)
            grid.addWidget(button, number // 2, number % 2)
        column.addLayout(grid)
        column.addWidget(self._headings["reviewed"])
        column.addWidget(self.save)
        column.addWidget(self.reviewer, 0, Qt.AlignmentFlag.AlignLeft)
        column.addWidget(self._state)
        column.addStretch()

    def _connect(self) -> None:
        bench, options = self.workbench, self.options
        self.radius_slider.valueChanged.connect(lambda value: self._set(radius=value / 2))
        numbers = (
            (self.radius, "radius"),
            (self.tolerance, "tolerance"),
            (self.strictness, "strictness"),
            (self.distance, "distance"),
        )
        for box, name in numbers:
            box.valueChanged.connect(self._setter(name))
        self.where.activated.connect(lambda _: self._set(volume=bool(self.where.currentData())))
        options.changed.connect(self._follow)
        bench.document_changed.connect(self._rebuild)
        bench.view_changed.connect(self._recolour)
        bench.labels_changed.connect(lambda _: self._tell_state())
        bench.interaction_changed.connect(self._follow)
        bench.jobs.changed.connect(self._tell_state)
        self.reviewing.saved.connect(lambda *_: self._tell_state())

    def _setter(self, name: str) -> Callable[[float], None]:
        return lambda value: self._set(**{name: value})

    def _set(self, **values: object) -> None:
        if not self._following:
            self.options.set(**values)

    # -- following the document and the options

    def _rebuild(self) -> None:
        document = self.workbench.document
        self.setEnabled(document is not None)
        self.add.setVisible(document is not None and document.may_add_classes)
        self._following = True
        self.classes.clear()
        for number, name in enumerate(() if document is None else document.label_set.names, start=1):
            item = QListWidgetItem(f"{name}   [{number}]" if number < 10 else name)
            self.classes.addItem(item)
        rows = max(1, min(self.classes.count(), _MOST_ROWS))
        self.classes.setFixedHeight(rows * max(self.classes.sizeHintForRow(0), 18) + 2 * self.classes.frameWidth() + 2)
        if document is not None:
            unit = document.unit
            self.tolerance.setSuffix(f" {unit}" if unit else "")
            self.options.set(tolerance=float(_usual_tolerance(self.workbench)))
            self.options.set(volume=self.options.volume and not document.grid.flat)
        self._colours: tuple[object, ...] = ()
        self._following = False
        self._recolour()
        self._follow()
        self._tell_state()

    def _recolour(self) -> None:
        view = self.workbench.view
        if view is None or view.colours == self._colours:
            return
        self._colours = view.colours
        for row, colour in enumerate(view.colours[: self.classes.count()]):
            pixmap = QPixmap(14, 14)
            pixmap.fill(QColor(*colour))
            self.classes.item(row).setIcon(QIcon(pixmap))

    def _follow(self) -> None:
        """Show the options as they are; only what the tool in hand uses."""
        options, document = self.options, self.workbench.document
        self._following = True
        self.classes.setCurrentRow(options.label - 1)
        self.radius_slider.setValue(round(2 * options.radius))
        self.radius.setValue(options.radius)
        self.tolerance.setValue(options.tolerance)
        self.strictness.setValue(options.strictness)
        self.distance.setValue(options.distance)
        self.where.setCurrentIndex(int(options.volume))
        name = getattr(self.workbench.interaction, "name", "")
        self.form.setRowVisible(0, name not in ("lasso", "polygon", "fill", "component"))
        self.form.setRowVisible(self.tolerance, name == "fill")
        self.form.setRowVisible(self.strictness, name == "smart-brush")
        self.whole.setRowVisible(self.where, document is not None and not document.grid.flat)
        for operation, button in self.buttons.items():
            button.setEnabled(self.actions_.operations[operation].isEnabled())
        self._following = False

    def _tell_state(self) -> None:
        words, session = self.workbench.text, self.workbench.session
        self.reviewer.setText(words("desktop.correct.reviewer", name=self.workbench.settings.value.reviewer or "–"))
        self.save.setEnabled(self.workbench.document is not None and not self.reviewing.busy)
        if session is None:
            self._state.clear()
        elif self.workbench.unsaved:
            key = "desktop.correct.not-kept" if session.unprotected else "desktop.correct.kept"
            self._state.setText(words(key, n=len(session.stack.done)))
        else:
            self._state.setText(words("desktop.correct.saved"))

    def _picked(self, row: int) -> None:
        if row >= 0:
            self._set(label=row + 1)

    def _ask_class(self) -> None:
        words = self.workbench.text
        name, said = QInputDialog.getText(self.window(), words("desktop.correct.add-class"), words("desktop.correct.class-name"))
        if said:
            self.add_class(name)

    def add_class(self, name: str) -> None:
        """One more class to paint with, where no model named them."""
        bench = self.workbench
        document, session, view = bench.document, bench.session, bench.view
        if document is None or session is None or view is None:
            return
        try:
            label = document.add_class(name)
        except UsageError as error:
            bench.say_error(error)
            return
        session.restart()
        fresh = ViewState.of(document)
        bench.view = replace(view, colours=(*view.colours, *fresh.colours[len(view.colours) :]), thresholds=fresh.thresholds)
        bench.document_changed.emit()
        self.options.set(label=label)

    def _rename(self) -> None:
        self.reviewing.ask_name()
        self._tell_state()


def _usual_tolerance(workbench: Workbench) -> float:
    """A twentieth of the window, as a round number: what looks alike."""
    view = workbench.view
    return 10.0 if view is None else max(1.0, round(view.window.width / 20)) if view.window.width > 20 else view.window.width / 20


def _number(low: float, high: float, decimals: int) -> QDoubleSpinBox:
    box = QDoubleSpinBox()
    box.setRange(low, high)
    box.setDecimals(decimals)
    box.setKeyboardTracking(False)
    return box
