"""What the check of a data folder found: worst first, with what to do, and a few cases with their outlines."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from PySide6.QtCore import QSize, Qt, QUrl
from PySide6.QtGui import QDesktopServices, QIcon, QPixmap
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QListView,
    QListWidget,
    QListWidgetItem,
    QProgressBar,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from delineate.dataset.checks import sentences
from delineate.desktop.icons import wear
from delineate.desktop.workbench import Workbench
from delineate.domain import Finding
from delineate.errors import DelineateError
from delineate.recipe import read_json

_ORDER = {"error": 0, "warning": 1, "info": 2}
_MARKS = {"error": "✕", "warning": "!", "info": "i"}
_MOST = 60  # findings shown; the page of the check has all
_TILE = 150


class CheckPanel(QWidget):
    """``findings`` are those of the last check, ``blocking`` the codes that stop a run."""

    def __init__(self, workbench: Workbench, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._bench = workbench
        self.findings: list[Finding] = []
        self.counts: dict[str, Any] = {}
        self._folder: Path | None = None
        self._name, self._stage = "", ""
        self.headline, self.summary = QLabel(), QLabel()
        self.headline.setObjectName("headline")
        self.summary.setObjectName("faint")
        self.summary.setWordWrap(True)
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.page_button = QPushButton()
        wear(self.page_button, "report")
        self.page_button.clicked.connect(self._open_page)
        self._examples_title, self._findings_title = QLabel(), QLabel()
        for label in (self._examples_title, self._findings_title):
            label.setObjectName("heading")
        self.examples = QListWidget()
        self.examples.setViewMode(QListView.ViewMode.IconMode)
        self.examples.setIconSize(QSize(_TILE, _TILE))
        self.examples.setSpacing(6)
        self.examples.setResizeMode(QListView.ResizeMode.Adjust)
        self.examples.setMovement(QListView.Movement.Static)
        self.examples.setWrapping(False)
        self.examples.setWordWrap(False)
        self.examples.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.examples.setGridSize(QSize(_TILE + 12, _TILE + 28))
        self.examples.setSelectionMode(QListWidget.SelectionMode.NoSelection)
        self.examples.setFixedHeight(_TILE + 52)
        self._list = QVBoxLayout()
        self._list.setSpacing(8)
        self._list.setAlignment(Qt.AlignmentFlag.AlignTop)
        self._lay_out()
        self.retranslate()

    def _lay_out(self) -> None:
        top = QHBoxLayout()
        top.addWidget(self.headline, 1)
        top.addWidget(self.page_button)
        inside = QWidget()
        inside.setLayout(self._list)
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setFrameShape(QScrollArea.Shape.NoFrame)
        area.setWidget(inside)
        column = QVBoxLayout(self)
        column.setContentsMargins(20, 16, 20, 16)
        column.setSpacing(10)
        column.addLayout(top)
        column.addWidget(self.summary)
        column.addWidget(self.bar)
        column.addWidget(self._examples_title)
        column.addWidget(self.examples)
        column.addWidget(self._findings_title)
        column.addWidget(area, 1)

    @property
    def blocking(self) -> list[str]:
        """Codes of findings that stop a run, each once."""
        return list(dict.fromkeys(one.code for one in self.findings if one.severity == "error"))

    # -- told by the page

    def begin(self, name: str) -> None:
        self._name, self._stage, self.findings, self.counts, self._folder = name, "", [], {}, None
        self.bar.setRange(0, 0)
        self.examples.clear()
        self.retranslate()

    def take(self, event: dict[str, Any]) -> None:
        if event["event"] == "stage-started":
            self._stage = str(event.get("name"))
            self.bar.setRange(0, int(event.get("total") or 0))
        elif event["event"] == "progress":
            self.bar.setRange(0, int(event.get("total") or 0))
            self.bar.setValue(int(event.get("done") or 0))
        elif event["event"] == "result":
            self.counts = event
        self._tell()

    def finish(self, folder: Path) -> None:
        """The check wrote its files to ``folder``."""
        self._folder = folder
        try:
            rows = read_json(folder / "findings.json")
            listed = read_json(folder / "examples.json") if (folder / "examples.json").is_file() else []
        except DelineateError as error:
            self._bench.say_error(error)
            return
        made = [
            Finding(row["code"], row["severity"], row["path"] and Path(row["path"]), row["case"], row["params"]) for row in rows
        ]
        self.findings = sorted(made, key=lambda one: _ORDER[one.severity])
        for one in listed:
            item = QListWidgetItem(QIcon(QPixmap(str(folder / one["file"]))), str(one["case"]).rpartition("/")[2])
            item.setToolTip(f"{one['case']} — {one['person']}")
            item.setFlags(Qt.ItemFlag.ItemIsEnabled)
            self.examples.addItem(item)
        self.retranslate()

    # -- showing

    def retranslate(self) -> None:
        words = self._bench.text
        self.page_button.setText(words("desktop.train.check.page"))
        self._examples_title.setText(words("desktop.train.check.examples"))
        self._findings_title.setText(words("desktop.train.check.findings"))
        while (item := self._list.takeAt(0)) is not None:
            if (widget := item.widget()) is not None:
                widget.deleteLater()
        for finding in self.findings[:_MOST]:
            self._list.addWidget(self._row(finding))
        if len(self.findings) > _MOST:
            more = QLabel(words("desktop.train.check.more", n=len(self.findings) - _MOST))
            more.setObjectName("faint")
            self._list.addWidget(more)
        self._tell()

    def _tell(self) -> None:
        words = self._bench.text
        done = self._folder is not None
        for widget in (self.page_button, self._examples_title, self.examples, self._findings_title):
            widget.setVisible(done)
        self.examples.setVisible(done and self.examples.count() > 0)
        self._examples_title.setVisible(done and self.examples.count() > 0)
        self.bar.setVisible(not done)
        if not done:
            self.headline.setText(words("desktop.train.check.running", name=self._name))
            self.summary.setText(words(f"stage.{self._stage}") if self._stage else "")
            return
        self.headline.setText(words(f"desktop.train.check.{'stops' if self.blocking else 'ready'}", name=self._name))
        severities = [one.severity for one in self.findings]
        counted = {"errors": severities.count("error"), "warnings": severities.count("warning")}
        cases, persons = self.counts.get("cases", "?"), self.counts.get("persons", "?")
        unit = words(f"comparison.{'one' if persons == 1 else 'unit'}.{self.counts.get('unit', 'image')}")
        self.summary.setText(words("desktop.train.check.summary", cases=cases, persons=persons, unit=unit, **counted))

    def _row(self, finding: Finding) -> QFrame:
        said, remedy = sentences(finding, self._bench.texts.language)
        row = QFrame()
        row.setObjectName("message")
        row.setProperty("level", finding.severity)
        mark = QLabel(_MARKS[finding.severity])
        mark.setObjectName("heading")
        mark.setFixedWidth(16)
        whole = finding.path is None or finding.path == Path()  # of the folder itself
        words = QLabel(said if whole else f"{said}\n{finding.path}")
        words.setWordWrap(True)
        words.setTextFormat(Qt.TextFormat.PlainText)
        words.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        column = QVBoxLayout()
        column.setSpacing(2)
        column.addWidget(words)
        if remedy:
            what = QLabel(remedy)
            what.setObjectName("faint")
            what.setWordWrap(True)
            what.setTextFormat(Qt.TextFormat.PlainText)
            column.addWidget(what)
        line = QHBoxLayout(row)
        line.setContentsMargins(10, 7, 10, 7)
        line.addWidget(mark, 0, Qt.AlignmentFlag.AlignTop)
        line.addLayout(column, 1)
        return row

    def _open_page(self) -> None:
        if self._folder is not None:
            QDesktopServices.openUrl(QUrl.fromLocalFile(str(self._folder / "check.html")))
