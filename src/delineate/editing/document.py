"""One image with its labels: what is looked at and edited. A 2-D image is a volume of one slice."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from delineate.domain import Image, LabelSet
from delineate.editing.changes import Change, Labels
from delineate.editing.planes import Frame, Grid, Plane, Voxel, without_spacing
from delineate.errors import UsageError
from delineate.formats import is_irregular, read_image, read_labels
from delineate.recipe import ModelRecord

#: A label is a byte; some are kept for what is no class.
MOST_CLASSES = 250


class Document:
    """An image, what a model said about it, and what a person made of that.

    ``pixels`` (C, S, R, C) and all labels (layers, S, R, C) uint8 lie on :attr:`grid`: the image's own grid turned without loss,
    head up. ``edited`` is changed only by :meth:`apply` and :meth:`revert`, so that every edit can be undone and is kept in the
    journal. ``predicted`` is what the model said, ``truth`` a reference; ``probabilities`` (K, S, R, C) float32.
    """

    def __init__(self, image: Image, label_set: LabelSet | None = None) -> None:
        self.image = image
        self.label_set = label_set or LabelSet()
        grid = Grid.of(image.geometry)
        self.irregular = is_irregular(image.meta)
        self.grid = without_spacing(grid) if self.irregular else grid
        moved = self.grid.inward(image.pixels)
        self.pixels: NDArray[Any] = moved if self.grid.turn.permutation[-1] == image.geometry.ndim - 1 else moved.copy()
        self.edited: Labels = np.zeros((self.layers, *self.grid.shape), np.uint8)
        self.predicted: Labels | None = None
        self.truth: Labels | None = None
        self.probabilities: NDArray[np.float32] | None = None
        self.model: ModelRecord | None = None
        self.provenance: dict[str, Any] = {}
        self.revision = 0
        self._saved_revision = 0

    @property
    def layers(self) -> int:
        return self.label_set.classes if self.label_set.kind == "regions" else 1

    @property
    def dirty(self) -> bool:
        """Whether there are edits that were not saved."""
        return self.revision != self._saved_revision

    def mark_saved(self) -> None:
        self._saved_revision = self.revision

    @property
    def unit(self) -> str:
        """Of pixel values: ``"HU"`` for CT, else empty."""
        return "HU" if self.image.meta.get("modality") == "CT" else ""

    def target(self, label: int) -> tuple[int, int]:
        """(layer, value) to write for class ``label`` (1…K); 0 is the background of layer 0."""
        if not 0 <= label <= self.label_set.classes:
            raise ValueError(f"'label' must be 0…{self.label_set.classes}, got {label}")
        return (label - 1, 1) if self.label_set.kind == "regions" and label else (0, label)

    def class_mask(self, label: int, labels: Labels | None = None) -> NDArray[np.bool_]:
        """(S, R, C): where class ``label`` is, in ``labels`` or else in the edited ones."""
        layer, value = self.target(label)
        return np.asarray((self.edited if labels is None else labels)[layer] == value)

    def frame(self, plane: Plane) -> Frame:
        return self.grid.frame(plane)

    def values_at(self, voxel: Voxel) -> tuple[float, ...] | None:
        """Pixel values of every channel, ``None`` outside of the image."""
        if not all(0 <= i < n for i, n in zip(voxel, self.grid.shape, strict=True)):
            return None
        return tuple(float(value) for value in self.pixels[:, voxel[0], voxel[1], voxel[2]])

    def label_at(self, voxel: Voxel) -> int:
        """The class at a voxel, 0 for background; of overlapping classes the last one (the one drawn on top)."""
        column = self.edited[:, voxel[0], voxel[1], voxel[2]]
        if self.label_set.kind != "regions":
            return int(column[0])
        found = np.flatnonzero(column)
        return int(found[-1]) + 1 if found.size else 0

    # -- labels come and change

    def set_prediction(
        self,
        labels: NDArray[Any],
        probabilities: NDArray[np.float32] | None = None,
        model: ModelRecord | None = None,
        provenance: Mapping[str, Any] | None = None,
    ) -> None:
        """Take over a model's mask (``Mask.labels``: the file's own order) and begin editing from it; drops former edits."""
        if model is not None:
            self.label_set = model.labels
        self.predicted = self._taken(labels)
        self.edited = self.predicted.copy()
        if probabilities is not None and probabilities.shape[1:] != self.image.geometry.shape:
            raise ValueError(f"'probabilities' must be (K, *{self.image.geometry.shape}), got {probabilities.shape}")
        self.probabilities = None if probabilities is None else self.grid.inward(probabilities)
        self.model, self.provenance = model, dict(provenance or {})
        self.revision += 1
        self.mark_saved()

    @property
    def may_add_classes(self) -> bool:
        """Whether classes are a person's to name: not where a model named them, nor where they overlap."""
        return self.model is None and self.label_set.kind != "regions"

    def add_class(self, name: str) -> int:
        """One more class that excludes the others; its label. Tell the session (:meth:`Session.restart`).

        Raises UsageError ``editing-class-name`` where it is empty or taken.
        """
        names = self.label_set.names
        if not name.strip() or name.strip() in names or not self.may_add_classes or len(names) >= MOST_CLASSES:
            raise UsageError("editing-class-name", name=name.strip())
        self.label_set = LabelSet(kind="exclusive", names=(*names, name.strip()))
        return len(names) + 1

    def set_truth(self, labels: NDArray[Any]) -> None:
        """A reference mask in the file's own order, to compare with; it is never edited."""
        self.truth = self._taken(labels)

    def decided(self, thresholds: tuple[float, ...], frame: Frame | None = None, index: int = 0) -> Labels:
        """Labels the probabilities give at other thresholds: of all voxels, or of one slice as (layers, V, U)."""
        if self.probabilities is None:
            raise UsageError("editing-no-probabilities")
        shares = self.probabilities if frame is None else frame.view(self.probabilities, index)
        found = self.label_set.decide(shares, thresholds)
        return found if self.label_set.kind == "regions" else found[None]

    def apply(self, change: Change) -> None:
        change.apply(self.edited)
        self.revision += 1

    def revert(self, change: Change) -> None:
        change.revert(self.edited)
        self.revision += 1

    def outward(self, labels: Labels | None = None) -> NDArray[np.uint8]:
        """The edited labels (or others) in the file's own order; the layer axis stays only where classes overlap."""
        found = self.grid.outward(self.edited if labels is None else labels)
        return np.ascontiguousarray(found if self.label_set.kind == "regions" else found[0])

    def _taken(self, labels: NDArray[Any]) -> Labels:
        wanted = self.image.geometry.shape
        labels = labels if labels.ndim > len(wanted) else labels[None]
        if labels.shape != (self.layers, *wanted):
            raise UsageError("editing-mask-shape", shape=_shown(labels.shape[1:]), wanted=_shown(wanted))
        if labels.size and (labels.min() < 0 or labels.max() > 255):
            raise UsageError("editing-mask-values", most=255)
        return np.ascontiguousarray(self.grid.inward(labels), dtype=np.uint8)


def open_document(path: Path, mask: Path | None = None, label_set: LabelSet | None = None) -> Document:
    """Read an image (file, or folder with one DICOM series) and, with ``mask``, labels on its grid to begin from.

    Raises UnreadableFile, and UsageError ``editing-mask-shape`` or ``editing-mask-values`` where the mask does not fit.
    """
    document = Document(read_image(path), label_set)
    if mask is not None:
        document.set_prediction(read_mask(mask, document.label_set))
    return document


def begun_from(document: Document, path: Path) -> Document:
    """The image with the labels of a mask file, to be corrected; pixels are shared with ``document``.

    Labels are classes by their numbers; names are the document's own where it has as many. A model's record is left behind: these
    are not its labels. Raises as :func:`open_document`.
    """
    values = read_mask(path, LabelSet())
    if values.size and (values.min() < 0 or values.max() > MOST_CLASSES):
        raise UsageError("editing-mask-values", most=MOST_CLASSES)
    most = max(1, int(values.max(initial=1)))
    names = document.label_set.names if document.label_set.kind != "regions" else ()
    names = (*names[:most], *(f"label_{k}" for k in range(len(names) + 1, most + 1)))
    fresh = copy.copy(document)
    fresh.label_set = LabelSet() if most == 1 and names == ("foreground",) else LabelSet(kind="exclusive", names=names)
    fresh.set_prediction(values)
    fresh.provenance = {"mask_file": path.name}
    fresh.truth = None if fresh.truth is not None and fresh.truth.shape != fresh.edited.shape else fresh.truth
    return fresh


def read_mask(path: Path, label_set: LabelSet) -> NDArray[np.int64]:
    """Whole numbers of a mask file, in the file's own order. Raises UnreadableFile, and UsageError ``editing-mask-values``."""
    raw = read_labels(path)
    if raw.values is None or not np.array_equal(raw.values, np.round(raw.values)):
        raise UsageError("editing-mask-values", most=255)
    values = raw.values.astype(np.int64)
    if label_set.kind == "binary" and set(np.unique(values)) <= {0, 255}:
        values = (values > 0).astype(np.int64)  # the usual way to write a picture of a mask
    return values


def _shown(shape: tuple[int, ...]) -> str:
    return " x ".join(str(n) for n in shape)
