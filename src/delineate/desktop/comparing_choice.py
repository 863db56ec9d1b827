"""What may stand on a side of the comparison: a model, or a mask there already is."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QComboBox, QFileDialog

from delineate.desktop.models import DEMO, remembered
from delineate.desktop.workbench import Workbench

_OTHER = "…"
_MASKS: tuple[Literal["edited", "predicted"], ...] = ("edited", "predicted")


@dataclass(frozen=True)
class Chosen:
    """``what`` is ``mask`` (``name``: edited or predicted), or ``model`` (``name``: its path, or ``demo``)."""

    what: Literal["mask", "model"]
    name: str


class Choice(QComboBox):
    """``picked`` when a person chose something else."""

    picked = Signal()

    def __init__(self, workbench: Workbench) -> None:
        super().__init__()
        self._workbench = workbench
        self._kept: Chosen | None = None
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setMinimumContentsLength(18)
        self.activated.connect(self._activated)

    @property
    def chosen(self) -> Chosen | None:
        return self._kept

    def choose(self, chosen: Chosen) -> None:
        self._kept = chosen
        self.refresh()

    def refresh(self) -> None:
        """List what there is now."""
        words, document = self._workbench.text, self._workbench.document
        self.clear()
        if document is not None and (document.predicted is not None or document.edited.any()):
            for name in _MASKS:
                if name == "edited" or document.predicted is not None:
                    self.addItem(words(f"desktop.layer.{name}"), Chosen("mask", name))
        self.addItem(words("desktop.model.demo"), Chosen("model", DEMO))
        paths = [str(path) for path in remembered(self._workbench)]
        if self._kept is not None and self._kept.what == "model" and self._kept.name not in (DEMO, *paths):
            paths.insert(0, self._kept.name)
        for text in paths:
            self.addItem(short(Path(text)), Chosen("model", text))
            self.setItemData(self.count() - 1, text, Qt.ItemDataRole.ToolTipRole)
        self.addItem(words("desktop.model.other"), _OTHER)
        place = next((n for n in range(self.count()) if self.itemData(n) == self._kept), -1)
        self.setCurrentIndex(place)
        if place < 0:
            self._kept = None

    @property
    def words(self) -> str:
        """Of what is chosen, for a heading."""
        return self.currentText() if self._kept is not None else ""

    def _activated(self, index: int) -> None:
        data = self.itemData(index)
        if data != _OTHER:
            self._kept = data
            self.picked.emit()
            return
        words = self._workbench.text
        kinds = f"{words('desktop.ask.models')} (*.onnx)"
        name, _ = QFileDialog.getOpenFileName(self.window(), words("desktop.ask.model"), "", kinds)
        if name:
            self.choose(Chosen("model", name))
            self.picked.emit()
        else:
            self.refresh()


def short(path: Path) -> str:
    """A model file's name; of a run's ``model.onnx`` the run's."""
    return path.parent.name if path.name == "model.onnx" else path.name
