"""Saving what is seen: the mask in the image's format or another, a picture with outlines, a DICOM segmentation."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PySide6.QtWidgets import QFileDialog, QGridLayout, QLabel, QPushButton, QWidget

from delineate.desktop.actions import make_action, plain
from delineate.desktop.icons import wear
from delineate.desktop.jobs import Job
from delineate.desktop.workbench import Workbench
from delineate.domain import Mask
from delineate.editing.document import Document
from delineate.formats import suffix_of
from delineate.inference.outputs import Form, check_format, check_possible, write_masks
from delineate.inference.overlay import write_overlay

_SUFFIX = {"mask": ".nii.gz", "overlay": ".png", "seg": ".dcm"}
_FORMATS = {".png": "png", ".tif": "tiff", ".tiff": "tiff", ".nii.gz": "nifti", ".nii": "nifti", ".nrrd": "nrrd", ".mha": "mha"}


class Saving(QWidget):
    def __init__(self, workbench: Workbench, owner: QWidget) -> None:
        super().__init__()
        self._workbench = workbench
        self._heading = QLabel()
        self._heading.setObjectName("heading")
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 8, 0, 0)
        grid.addWidget(self._heading, 0, 0, 1, 2)
        self.buttons: dict[str, QPushButton] = {}
        for column, (name, keys) in enumerate((("mask", "Ctrl+S"), ("overlay", "Ctrl+E"), ("seg", ""))):
            button = QPushButton()
            wear(button, f"save-{name}")
            button.clicked.connect(lambda _=False, name=name: self.ask(name))
            grid.addWidget(button, 1 + column // 2, column % 2)
            self.buttons[name] = button
            if keys:
                make_action(
                    owner,
                    workbench.texts,
                    f"desktop.act.save-{name}",
                    lambda name=name: self.ask(name),
                    keys=keys,
                    group="desktop.dock.segment",
                )
        workbench.document_changed.connect(self._refresh)
        self._refresh()

    def retranslate(self) -> None:
        self._heading.setText(self._workbench.text("desktop.save.title"))
        for name, button in self.buttons.items():
            button.setText(self._workbench.text(f"desktop.save.{name}"))
            button.setToolTip(plain(self._workbench.text(f"desktop.act.save-{name}")).rstrip("…"))
        self._refresh()

    def ask(self, name: str) -> None:
        """Ask where, then save in a job. ``name``: ``mask``, ``overlay`` or ``seg``."""
        document = self._workbench.document
        if document is None:
            return
        words = self._workbench.text
        proposed = str(propose(document, name))
        kinds = {"mask": "*.nii.gz *.nii *.nrrd *.mha *.tif *.tiff *.png", "overlay": "*.png", "seg": "*.dcm"}[name]
        title = plain(words(f"desktop.act.save-{name}")).rstrip("…")
        chosen, _ = QFileDialog.getSaveFileName(self.window(), title, proposed, f"{words(f'desktop.save.{name}')} ({kinds})")
        if chosen:
            self.save(name, Path(chosen))

    def save(self, name: str, path: Path) -> None:
        """Write in a job, and say where it went."""
        bench, document = self._workbench, self._workbench.document
        if document is None:
            return
        labels = document.outward().copy()  # as they are now: the job must not see later strokes
        write = {"mask": write_mask, "overlay": write_picture, "seg": write_seg}[name]

        def work(job: Job) -> list[Path]:
            return write(document, labels, path)

        def done(written: list[Path]) -> None:
            bench.say("info", "desktop.saved", path=", ".join(str(one) for one in written))

        bench.jobs.start(bench.text("desktop.job.save", name=path.name), work, done, bench.say_error)

    def _refresh(self) -> None:
        document = self._workbench.document
        for name, button in self.buttons.items():
            button.setEnabled(document is not None and (name != "seg" or document.image.format == "dicom"))
        self.buttons["seg"].setVisible(document is not None and document.image.format == "dicom")


Write = Callable[[Document, "np.ndarray[Any, Any]", Path], list[Path]]


def propose(document: Document, name: str) -> Path:
    """A name beside the image, ``<stem>_mask…``, that is not taken."""
    path = document.image.path or Path.cwd() / "image"
    ending = suffix_of(path)
    stem = path.name if path.is_dir() else path.name[: len(path.name) - len(ending)]
    if name == "mask":
        suffix = ending if ending in _FORMATS else (".png" if document.grid.flat else ".nii.gz")
    else:
        suffix = _SUFFIX[name]
    number = 1
    while True:
        found = path.parent / f"{stem}_{name}{'' if number == 1 else f'-{number}'}{suffix}"
        if not found.exists():
            return found
        number += 1


def write_mask(document: Document, labels: np.ndarray[Any, Any], path: Path) -> list[Path]:
    """One file, or one a class where classes overlap; in the format the suffix says."""
    asked = _FORMATS.get(suffix_of(path))
    check_format(asked)
    image, names = document.image, document.label_set
    if names.kind == "regions":
        stem, ending = path.name[: len(path.name) - len(suffix_of(path))], suffix_of(path)
        paths = [path.with_name(f"{stem}_{_plain(name)}{ending}") for name in names.names]
    else:
        paths = [path]
    return write_masks(paths, Mask(labels, image.geometry), image, names, Form(asked))


def write_picture(document: Document, labels: np.ndarray[Any, Any], path: Path) -> list[Path]:
    return [write_overlay(path.with_suffix(".png"), document.image, Mask(labels, document.image.geometry), document.label_set)]


def write_seg(document: Document, labels: np.ndarray[Any, Any], path: Path) -> list[Path]:
    """A DICOM segmentation of the study; patient and study are copied from the images, as an archive needs."""
    image, model = document.image, document.model
    check_format("dicom-seg")
    check_possible(image, "dicom-seg")
    version = str(document.provenance.get("model_sha256", ""))[:16]
    form = Form("dicom-seg", model.name if model else "manual", version)
    return write_masks([path], Mask(labels, image.geometry), image, document.label_set, form)


def _plain(name: str) -> str:
    return "".join(letter if letter.isalnum() or letter in "-_" else "_" for letter in name)
