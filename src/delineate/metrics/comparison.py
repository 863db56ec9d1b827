"""One class of one prediction against its truth, and the registry of what can be measured on the pair."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from numpy.typing import NDArray

from delineate.metrics.lesions import Lesions, lesions
from delineate.metrics.overlap import Confusion, confusion
from delineate.metrics.surface import Distances, assd_of, hd95_of, nsd_of, surface_distances
from delineate.metrics.volume import pixel_size, relative_volume_difference, volume_difference
from delineate.registry import Registry

#: Of the normalised surface distance: mm where the spacing is known, else pixels. What is acceptable is a clinical question, organ
#: by organ (Nikolov et al. 2021 measured how much readers differ); 2 is a usual value between small and large ones, and can be set.
NSD_TOLERANCE = 2.0

Quantity = Literal["ratio", "surface", "distance", "volume", "relative"]


class Comparison:
    """Two boolean arrays of one shape and what several metrics need of them, computed once.

    ``spacing_mm`` has one value per axis, or is ``None`` where it is unknown: then distances are in pixels. ``tolerance`` is in the
    same unit.
    """

    def __init__(
        self,
        pred: NDArray[Any],
        truth: NDArray[Any],
        spacing_mm: Sequence[float] | None = None,
        ignore: NDArray[Any] | None = None,
        tolerance: float = NSD_TOLERANCE,
    ) -> None:
        self.pred = pred
        self.truth = truth
        self.spacing_mm = None if spacing_mm is None else tuple(spacing_mm)
        self.ignore = ignore
        self.tolerance = tolerance

    @cached_property
    def confusion(self) -> Confusion:
        return confusion(self.pred, self.truth, self.ignore)

    @cached_property
    def distances(self) -> tuple[Distances, Distances] | None:
        """Directed surface distances (prediction → truth, truth → prediction); ``None`` where either is empty."""
        return surface_distances(self.pred, self.truth, self.spacing_mm, self.ignore)

    @cached_property
    def lesions(self) -> Lesions:
        """Components matched one to one, see :mod:`delineate.metrics.lesions`."""
        return lesions(self.pred, self.truth, self.ignore)


@dataclass(frozen=True)
class Metric:
    """``compute`` gives NaN where the measure is undefined. What ``quantity`` means:

    ``ratio`` in [0, 1] · ``surface`` in [0, 1], at a tolerance in mm or pixels · ``distance`` in mm or pixels · ``volume`` in mL,
    mm² or pixels · ``relative`` from 0, without a unit.
    """

    name: str
    compute: Callable[[Comparison], float]
    quantity: Quantity = "ratio"
    better: Literal["higher", "lower"] = "higher"

    @property
    def bounded(self) -> bool:
        """Whether the axis of a chart is 0 … 1."""
        return self.quantity in ("ratio", "surface")


def _nsd(pair: Comparison) -> float:
    return nsd_of(pair.distances, pair.tolerance, both_empty=pair.confusion.both_empty)


def _volume(pair: Comparison) -> float:
    return volume_difference(pair.confusion, pixel_size(pair.spacing_mm)[0])


metrics: Registry[Metric] = Registry("metric")
for _metric in (
    Metric("dice", lambda pair: pair.confusion.dice),
    Metric("iou", lambda pair: pair.confusion.iou),
    Metric("precision", lambda pair: pair.confusion.precision),
    Metric("recall", lambda pair: pair.confusion.recall),
    Metric("f1", lambda pair: pair.confusion.f1),
    Metric("nsd", _nsd, "surface"),
    Metric("lesion_f1", lambda pair: pair.lesions.f1),
    Metric("lesion_precision", lambda pair: pair.lesions.precision),
    Metric("lesion_recall", lambda pair: pair.lesions.recall),
    Metric("hd95", lambda pair: hd95_of(pair.distances), "distance", "lower"),
    Metric("assd", lambda pair: assd_of(pair.distances), "distance", "lower"),
    Metric("volume_difference", _volume, "volume", "lower"),
    Metric("relative_volume_difference", lambda pair: relative_volume_difference(pair.confusion), "relative", "lower"),
):
    metrics.add(_metric.name, _metric)
