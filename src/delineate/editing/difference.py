"""Two masks on one image: where they differ, and by how much."""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from delineate.domain import LabelSet
from delineate.editing.changes import Labels
from delineate.editing.document import Document
from delineate.errors import UsageError
from delineate.metrics import dice

ONLY_A, ONLY_B, BOTH = 1, 2, 3
#: Colours of the map's values; apart for most colour-blind readers.
COLOURS = {ONLY_A: (213, 94, 0), ONLY_B: (0, 114, 178), BOTH: (240, 228, 66)}


@dataclass(frozen=True, eq=False)
class Comparison:
    """Labels ``a`` and ``b`` (layers, S, R, C) of one image and, where there is one, their ``truth``.

    Raises ``ValueError`` where the shapes differ.
    """

    a: Labels
    b: Labels
    labels: LabelSet
    truth: Labels | None = None

    def __post_init__(self) -> None:
        shapes = {array.shape for array in (self.a, self.b, self.truth) if array is not None}
        if len(shapes) != 1:
            raise ValueError(f"masks of different shapes: {sorted(shapes)}")

    def map(self, label: int) -> NDArray[np.uint8]:
        """(S, R, C): 0 neither, :data:`ONLY_A`, :data:`ONLY_B` or :data:`BOTH`."""
        return self._mask(self.a, label).astype(np.uint8) + 2 * self._mask(self.b, label).astype(np.uint8)

    def between(self, label: int) -> float | None:
        """Dice of a and b; ``None`` where both are empty."""
        return self._dice(self.a, self.b, label)

    def against_truth(self, label: int) -> tuple[float | None, float | None]:
        """Dice of a and of b with the truth; ``None`` without one, or where both are empty."""
        if self.truth is None:
            return None, None
        return self._dice(self.a, self.truth, label), self._dice(self.b, self.truth, label)

    def counts(self, label: int) -> tuple[int, int, int]:
        """Voxels only in a, only in b, in both."""
        a, b = self._mask(self.a, label), self._mask(self.b, label)
        both = int(np.count_nonzero(a & b))
        return int(np.count_nonzero(a)) - both, int(np.count_nonzero(b)) - both, both

    def _dice(self, one: Labels, other: Labels, label: int) -> float | None:
        value = dice(self._mask(one, label), self._mask(other, label))
        return None if math.isnan(value) else value

    def _mask(self, labels: Labels, label: int) -> NDArray[np.bool_]:
        return self.labels.one_class(labels if self.labels.kind == "regions" else labels[0], label)


def compare_documents(a: Document, b: Document, reference: Document | None = None) -> Comparison:
    """The edited labels of two documents of one image, and ``reference``'s truth, for the classes they have by the same names;
    where each has one class alone, that is compared whatever it is called.

    Raises UsageError ``editing-no-common-class``.
    """
    ours, theirs = a.label_set.names, b.label_set.names
    names: tuple[str, ...]
    if len(ours) == len(theirs) == 1:
        names, pairs = (ours[0] if ours == theirs else f"{ours[0]} / {theirs[0]}",), [(1, 1)]
    else:
        names = tuple(name for name in ours if name in theirs)
        pairs = [(ours.index(name) + 1, theirs.index(name) + 1) for name in names]
    if not names:
        raise UsageError("editing-no-common-class", a=", ".join(ours), b=", ".join(theirs))
    one = np.stack([a.class_mask(k) for k, _ in pairs]).astype(np.uint8)
    other = np.stack([b.class_mask(k) for _, k in pairs]).astype(np.uint8)
    return Comparison(one, other, LabelSet(kind="regions", names=names), None if reference is None else _truth(reference, names))


def _truth(document: Document, names: tuple[str, ...]) -> Labels | None:
    own, truth = document.label_set.names, document.truth
    if truth is None or truth.shape[0] != document.layers:
        return None
    if len(own) == len(names) == 1:
        return document.class_mask(1, truth).astype(np.uint8)[None]
    if not all(name in own for name in names):
        return None
    return np.stack([document.class_mask(own.index(name) + 1, truth) for name in names]).astype(np.uint8)


def map_document(document: Document, comparison: Comparison, label: int, names: tuple[str, str, str]) -> Document:
    """The image of ``document`` with the map of one class as its labels; ``names`` say only A, only B, both."""
    mapped = copy.copy(document)
    mapped.label_set = LabelSet(kind="exclusive", names=names)
    mapped.edited = comparison.map(label)[None]
    mapped.predicted = mapped.truth = mapped.probabilities = mapped.model = None
    mapped.mark_saved()
    return mapped
