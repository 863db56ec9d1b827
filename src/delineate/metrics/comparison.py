"""One class of one prediction against its truth, and the registry of what can be measured on the pair."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from numpy.typing import NDArray

from delineate.metrics.overlap import Confusion, confusion
from delineate.metrics.surface import Distances, assd_of, hd95_of, surface_distances
from delineate.registry import Registry


class Comparison:
    """Two boolean arrays of one shape and what several metrics need of them, computed once.

    ``spacing_mm`` has one value per axis, or is ``None`` where it is unknown: then distances are in pixels.
    """

    def __init__(
        self,
        pred: NDArray[Any],
        truth: NDArray[Any],
        spacing_mm: Sequence[float] | None = None,
        ignore: NDArray[Any] | None = None,
    ) -> None:
        self.pred = pred
        self.truth = truth
        self.spacing_mm = None if spacing_mm is None else tuple(spacing_mm)
        self.ignore = ignore

    @cached_property
    def confusion(self) -> Confusion:
        return confusion(self.pred, self.truth, self.ignore)

    @cached_property
    def distances(self) -> tuple[Distances, Distances] | None:
        """Directed surface distances (prediction → truth, truth → prediction); ``None`` where either is empty."""
        return surface_distances(self.pred, self.truth, self.spacing_mm, self.ignore)


@dataclass(frozen=True)
class Metric:
    """``compute`` gives NaN where the measure is undefined. A ``distance`` is in mm or pixels, a ``ratio`` in [0, 1]."""

    name: str
    compute: Callable[[Comparison], float]
    quantity: Literal["ratio", "distance"] = "ratio"
    better: Literal["higher", "lower"] = "higher"


metrics: Registry[Metric] = Registry("metric")
for _metric in (
    Metric("dice", lambda pair: pair.confusion.dice),
    Metric("iou", lambda pair: pair.confusion.iou),
    Metric("precision", lambda pair: pair.confusion.precision),
    Metric("recall", lambda pair: pair.confusion.recall),
    Metric("f1", lambda pair: pair.confusion.f1),
    Metric("hd95", lambda pair: hd95_of(pair.distances), "distance", "lower"),
    Metric("assd", lambda pair: assd_of(pair.distances), "distance", "lower"),
):
    metrics.add(_metric.name, _metric)
