"""The Compare page: two masks of the open image side by side, where they differ, and by how much."""

from __future__ import annotations

from dataclasses import replace
from html import escape
from pathlib import Path

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtWidgets import (
    QComboBox,
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QMenu,
    QPushButton,
    QSplitter,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from delineate.desktop.actions import make_action, make_menu
from delineate.desktop.comparing_choice import Choice, Chosen
from delineate.desktop.comparing_sides import Linked, Side
from delineate.desktop.comparing_work import Compared, Rows, compared, get, without_labels
from delineate.desktop.jobs import Job
from delineate.desktop.models import DEMO, remembered
from delineate.desktop.small_tables import add_row, small_table
from delineate.desktop.workbench import Workbench
from delineate.editing.difference import BOTH, COLOURS, ONLY_A, ONLY_B, Comparison, map_document
from delineate.editing.document import Document, read_mask
from delineate.editing.planes import Plane

_MENU = "desktop.page.compare"
_MAP_OPACITY = 0.65
_MOST_ROWS = 6  # classes that are seen without scrolling
_COLUMNS = ("class", "between", "a-truth", "b-truth", "only-a", "only-b", "both")


class ComparePage(QWidget):
    """``left``, ``right`` and ``middle`` (the map) are the sides; ``comparison`` is what they show, once compared."""

    pointed = Signal(object, object)

    def __init__(self, workbench: Workbench) -> None:
        super().__init__()
        self.workbench = workbench
        self.comparison: Comparison | None = None
        self._found: tuple[Document, Document] | None = None
        self._rows: Rows = ()
        self._fitted = 0.0
        self._of: object = None
        self._job: Job | None = None
        self.choices = (Choice(workbench), Choice(workbench))
        self.run, self.truth = QPushButton(), QPushButton()
        self.run.setObjectName("primary")
        self.planes, self.classes = QComboBox(), QComboBox()
        self.left, self.right, self.middle = self.sides = (Side(workbench), Side(workbench), Side(workbench))
        self._linked = Linked(self.sides, self)
        self.table = small_table()
        self._labels = {name: QLabel() for name in ("a", "b", "plane", "class", "truth")}
        self._labels["truth"].setObjectName("faint")
        self._nothing, self._stack = QLabel(), QStackedWidget()
        self._nothing.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._nothing.setObjectName("faint")
        self._lay_out()
        self._make_actions()
        self._connect()
        self.retranslate()
        self._document_changed()

    # -- for the window

    def menus(self) -> list[QMenu]:
        return [self.menu]

    def may_close(self) -> bool:
        return True  # nothing is edited here

    def retranslate(self) -> None:
        words = self.workbench.text
        for name, label in self._labels.items():
            if name != "truth":
                label.setText(words(f"desktop.compare.{name}"))
        self.truth.setText(words("desktop.compare.truth"))
        self._nothing.setText(words("desktop.compare.nothing"))
        self._list_planes()
        for choice in self.choices:
            choice.refresh()
        self._list_classes()
        self._fill()
        self._refresh()

    # -- what can be done

    def compare(self) -> None:
        """Get both masks (a model segments the image, in a job) and compare them."""
        bench = self.workbench
        document, renderer = bench.document, bench.renderer
        chosen = tuple(choice.chosen for choice in self.choices)
        if document is None or renderer is None or self._working or chosen[0] is None or chosen[1] is None:
            return
        first, second = chosen[0], chosen[1]

        def work(job: Job) -> tuple[Document, Document, Compared]:
            one = get(first, document, renderer, job)
            other = get(second, document, renderer, job)
            job.check()
            return one, other, compared(one, other, document)

        def done(result: tuple[Document, Document, Compared]) -> None:
            if bench.document is not document:
                return
            one, other, found = result
            self.comparison, self._rows = found
            self._found, self._of = (one, other), document.image
            for side, shown in ((self.left, one), (self.right, other)):
                side.show_document(shown, renderer, self.left.bench.view or bench.view)
            self._list_classes()
            self._fill()
            self.show_map()
            self._refresh()

        self._job = bench.jobs.start(bench.text("desktop.job.compare"), work, done, bench.say_error)
        self._refresh()

    def show_map(self) -> None:
        """The map of the class that is chosen."""
        document, renderer = self.workbench.document, self.workbench.renderer
        label = self.classes.currentIndex() + 1
        if document is None or self.comparison is None or label < 1:
            return
        self._set_headings()
        words = self.workbench.text
        names = tuple(words(f"desktop.compare.{name}") for name in ("only-a", "only-b", "both"))
        comparison = self.comparison

        def done(mapped: Document) -> None:
            if self.comparison is comparison and self.classes.currentIndex() + 1 == label:
                self.middle.show_document(mapped, renderer, self.left.bench.view)
                bench = self.middle.bench
                if bench.view is not None:
                    colours = tuple(COLOURS[value] for value in (ONLY_A, ONLY_B, BOTH))
                    bench.set_view(replace(bench.view, colours=colours, opacity=_MAP_OPACITY))

        self.workbench.jobs.start(
            words("desktop.job.compare"),
            lambda job: map_document(document, comparison, label, (names[0], names[1], names[2])),
            done,
            self.workbench.say_error,
        )

    def ask_truth(self) -> None:
        """Choose a reference mask, on the image's grid."""
        bench = self.workbench
        document = bench.document
        if document is None:
            return
        begin = "" if document.image.path is None else str(document.image.path.absolute().parent)
        name, _ = QFileDialog.getOpenFileName(self.window(), bench.text("desktop.compare.truth"), begin)
        if name:
            self.use_truth(Path(name))

    def use_truth(self, path: Path) -> None:
        bench = self.workbench
        document = bench.document
        if document is None:
            return

        found = self._found

        def work(job: Job) -> Compared | None:
            document.set_truth(read_mask(path, document.label_set))
            return None if found is None else compared(*found, document)

        def done(again: Compared | None) -> None:
            if bench.document is document:
                bench.document_changed.emit()  # other parts show the reference too
                if again is not None and self._found is found:
                    self.comparison, self._rows = again
                self._fill()
                self._refresh()

        bench.jobs.start(bench.text("desktop.job.open", name=path.name), work, done, bench.say_error)

    def fit(self) -> None:
        """The whole plane in each picture."""
        bench, canvas = self.left.bench, self.left.canvas
        if bench.view is not None and canvas.ready:
            view = bench.view.fitted(canvas.frame, canvas.pixels)
            self._fitted = view.zoom
            bench.set_view(view)

    def use_plane(self, plane: Plane) -> None:
        for side in self.sides:
            side.use_plane(plane)
        self.planes.setCurrentIndex(max(0, self.planes.findData(plane)))
        self.fit()

    # -- how it is made

    def _lay_out(self) -> None:
        bar = QHBoxLayout()
        bar.setSpacing(8)
        for name, widget in (("a", self.choices[0]), ("b", self.choices[1])):
            bar.addWidget(self._labels[name])
            bar.addWidget(widget)
        bar.addWidget(self.run)
        bar.addSpacing(16)
        bar.addWidget(self.truth)
        bar.addWidget(self._labels["truth"])
        bar.addStretch()
        for name, box in (("plane", self.planes), ("class", self.classes)):
            bar.addWidget(self._labels[name])
            bar.addWidget(box)
        pictures = QSplitter(Qt.Orientation.Horizontal)
        for side in self.sides:
            side.pointed.connect(self.pointed)
            pictures.addWidget(side)
        pictures.setChildrenCollapsible(False)
        inside = QWidget()
        column = QVBoxLayout(inside)
        column.setContentsMargins(10, 8, 10, 8)
        column.setSpacing(8)
        column.addLayout(bar)
        column.addWidget(pictures, 1)
        column.addWidget(self.table)
        self._stack.addWidget(self._nothing)
        self._stack.addWidget(inside)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(self._stack)

    def _make_actions(self) -> None:
        texts = self.workbench.texts
        self.menu = make_menu(self, texts, _MENU)
        steps = (
            ("compare", self.compare, "Ctrl+Return"),
            ("compare-truth", self.ask_truth, "Ctrl+T"),
            ("fit", self.fit, ("F", "Ctrl+0")),
            ("slice-next", lambda: self._scroll(1), ("PgUp", "W")),
            ("slice-previous", lambda: self._scroll(-1), ("PgDown", "S")),
            ("overlay-outline", self._outline, "O"),
        )
        for name, call, keys in steps:
            self.menu.addAction(make_action(self, texts, f"desktop.act.{name}", call, keys=keys, group=_MENU))

    def _connect(self) -> None:
        self.run.clicked.connect(self._clicked)
        self.truth.clicked.connect(self.ask_truth)
        self.planes.activated.connect(lambda _: self.use_plane(Plane(self.planes.currentData())))
        self.classes.activated.connect(lambda _: self.show_map())
        bench = self.workbench
        bench.document_changed.connect(self._document_changed)
        bench.labels_changed.connect(lambda _: self._refresh())
        bench.jobs.changed.connect(self._refresh)
        for choice in self.choices:
            choice.picked.connect(self._refresh)

    # -- following

    @property
    def _working(self) -> bool:
        return self._job is not None and self._job.running

    def _document_changed(self) -> None:
        document = self.workbench.document
        self._stack.setCurrentIndex(int(document is not None))
        for choice in self.choices:
            choice.refresh()
        self._preset()
        if document is None or document.image is not self._of:
            self._of = None if document is None else document.image
            self.comparison, self._found, self._rows = None, None, ()
            for side in self.sides:
                shown = None if document is None else without_labels(document)
                side.show_document(shown, self.workbench.renderer, self.workbench.view)
                side.use_plane(Plane.AXIAL)
            self._list_planes()
            self._list_classes()
            self._fill()
            self.fit()
        self._refresh()

    def _preset(self) -> None:
        """What is most likely wanted: the mask there is, and the model used last."""
        document = self.workbench.document
        masked = document is not None and (document.predicted is not None or bool(document.edited.any()))
        lately = remembered(self.workbench)
        wanted = (
            Chosen("mask", "edited") if masked else Chosen("model", DEMO),
            Chosen("model", str(lately[0]) if lately else DEMO),
        )
        for choice, what in zip(self.choices, wanted, strict=True):
            if choice.chosen is None:
                choice.choose(what)

    def _list_planes(self) -> None:
        document, current = self.workbench.document, self.left.canvas.plane
        self.planes.clear()
        for plane in () if document is None else document.grid.planes:
            self.planes.addItem(self.workbench.text(f"desktop.plane.{plane.value}"), plane)
        self.planes.setCurrentIndex(max(0, self.planes.findData(current)))
        several = self.planes.count() > 1
        self.planes.setVisible(several)
        self._labels["plane"].setVisible(several)

    def _list_classes(self) -> None:
        current = max(0, self.classes.currentIndex())
        self.classes.clear()
        if self.comparison is not None:
            self.classes.addItems(self.comparison.labels.names)
            self.classes.setCurrentIndex(min(current, self.classes.count() - 1))

    def _fill(self) -> None:
        words = self.workbench.text
        self.table.setRowCount(0)
        self.table.setColumnCount(len(_COLUMNS))
        self.table.setHorizontalHeaderLabels([words(f"desktop.compare.column.{name}") for name in _COLUMNS])
        for name, scores, counts in self._rows:
            add_row(self.table, [name, *("–" if s is None else f"{s:.3f}" for s in scores), *(f"{n:,}" for n in counts)])
        self.table.resizeColumnsToContents()
        rows = max(1, min(len(self._rows), _MOST_ROWS))
        row = self.table.verticalHeader().defaultSectionSize()
        self.table.setFixedHeight(self.table.horizontalHeader().sizeHint().height() + rows * row + 6)
        self._set_headings()

    def _set_headings(self) -> None:
        words = self.workbench.text
        for side, choice, name in zip(self.sides, self.choices, ("a", "b"), strict=False):
            side.heading.setText(f"{escape(words(f'desktop.compare.{name}'))}&nbsp; {escape(choice.words)}")
        legend = "&nbsp;&nbsp; ".join(
            f'<span style="color:{_hex(COLOURS[value])}">■</span> {escape(words(f"desktop.compare.{name}"))}'
            for value, name in ((ONLY_A, "only-a"), (ONLY_B, "only-b"), (BOTH, "both"))
        )
        self.middle.heading.setText(f"{escape(words('desktop.compare.map'))}&nbsp;&nbsp; {legend}")

    def _refresh(self) -> None:
        words, document = self.workbench.text, self.workbench.document
        self.run.setText(words("desktop.segment.stop" if self._working else "desktop.compare.run"))
        ready = all(choice.chosen is not None for choice in self.choices)
        self.run.setEnabled(document is not None and (ready or self._working))
        there = document is not None and document.truth is not None
        self._labels["truth"].setText(words(f"desktop.compare.truth.{'there' if there else 'none'}"))
        self._set_headings()

    def _clicked(self) -> None:
        if self._working and self._job is not None:
            self._job.stop()
        else:
            self.compare()

    def _scroll(self, steps: int) -> None:
        bench = self.left.bench
        if bench.view is not None and self.left.canvas.ready:
            bench.set_view(bench.view.scrolled(self.left.canvas.frame, steps))

    def _outline(self) -> None:
        bench = self.left.bench
        if bench.view is not None:
            bench.set_view(replace(bench.view, outline=not bench.view.outline))

    def resizeEvent(self, event: object) -> None:  # noqa: N802 - Qt's name
        super().resizeEvent(event)  # type: ignore[arg-type]
        view = self.left.bench.view
        if view is not None and view.zoom == self._fitted:  # nobody has zoomed
            QTimer.singleShot(0, self.fit)

    def showEvent(self, event: object) -> None:  # noqa: N802
        super().showEvent(event)  # type: ignore[arg-type]
        for choice in self.choices:
            choice.refresh()
        self._preset()
        self._refresh()
        QTimer.singleShot(0, self._first_fit)

    def _first_fit(self) -> None:
        view = self.left.bench.view
        if view is not None and view.zoom == self._fitted:
            self.fit()


def _hex(colour: tuple[int, int, int]) -> str:
    return "#{:02x}{:02x}{:02x}".format(*colour)
