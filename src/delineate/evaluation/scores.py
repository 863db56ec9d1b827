"""Scores of one group (a volume or an image): the smallest thing that is scored as one."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from delineate.domain import IGNORE, LabelSet
from delineate.errors import DataError
from delineate.metrics import NSD_TOLERANCE, Comparison, Confusion, Lesions, Metric, VolumeUnit, metrics, pixel_size

Distance = Literal["mm", "px"]


@dataclass(frozen=True)
class ClassScore:
    """One class of one group. ``values`` is keyed by metric name; NaN where the metric is undefined (see ``metrics``).

    ``truth_ml`` and ``prediction_ml`` are volumes in millilitres; ``None`` for 2-D images and where the spacing is unknown.
    ``lesions`` are the matched components, ``None`` in tables from before they were counted.
    """

    name: str
    label: int
    counts: Confusion
    values: Mapping[str, float] = field(default_factory=dict)
    truth_ml: float | None = None
    prediction_ml: float | None = None
    lesions: Lesions | None = None


@dataclass(frozen=True)
class GroupScore:
    """One group: ``planes`` slices (1 for an image) of ``person``, who belongs to ``part`` (``test``, ``validation`` …).

    ``spacing_mm`` is in array order; ``None`` where unknown, and then every distance is in pixels. ``nsd_tolerance`` is in the unit
    of the distances.
    """

    group: str
    person: str
    part: str
    planes: int
    classes: tuple[ClassScore, ...]
    spacing_mm: tuple[float, ...] | None = None
    nsd_tolerance: float = NSD_TOLERANCE

    @property
    def distance_unit(self) -> Distance:
        return "px" if self.spacing_mm is None else "mm"

    @property
    def volume_unit(self) -> VolumeUnit:
        return pixel_size(self.spacing_mm)[1]

    def unit_of(self, metric: Metric) -> str:
        """What ``metric`` is measured in here: values in different units must never be averaged. "" where it needs none."""
        if metric.quantity == "surface":
            return f"{self.nsd_tolerance:g} {self.distance_unit}"
        return {"distance": self.distance_unit, "volume": self.volume_unit}.get(metric.quantity, "")

    def value(self, metric: str) -> float:
        """Mean over the classes where the metric is defined; NaN where it is defined for none."""
        return mean(score.values.get(metric, math.nan) for score in self.classes)


def mean(values: Iterable[float]) -> float:
    """Mean of the values that are not NaN; NaN of none."""
    defined = [v for v in values if not math.isnan(v)]
    return math.fsum(defined) / len(defined) if defined else math.nan


def score_group(
    pred_labels: NDArray[Any],
    truth_labels: NDArray[Any],
    label_set: LabelSet,
    spacing_mm: Sequence[float] | None = None,
    *,
    group: str,
    person: str,
    part: str,
    nsd_tolerance: float = NSD_TOLERANCE,
) -> GroupScore:
    """Score one group with every registered metric, class by class.

    Parameters
    ----------
    pred_labels, truth_labels
        Labels on the group's own grid, of one shape: (rows, columns) or (slices, rows, columns); for overlapping regions with a
        leading axis of classes. :data:`~delineate.domain.IGNORE` in the truth marks pixels that do not count.
    spacing_mm
        One value per spatial axis, or ``None`` where any of them is unknown (slices in files of their own, say).
    nsd_tolerance
        Distance up to which two surfaces agree, in mm with spacing, else in pixels.

    Raises
    ------
    DataError
        ``score-shapes-differ`` or ``score-spacing-axes``: the arrays do not belong together.
    """
    if pred_labels.shape != truth_labels.shape:
        raise DataError("score-shapes-differ", group=group, pred=_shape(pred_labels.shape), truth=_shape(truth_labels.shape))
    space = truth_labels.shape[1:] if label_set.kind == "regions" else truth_labels.shape
    if len(space) not in (2, 3) or (label_set.kind == "regions" and truth_labels.shape[0] != label_set.classes):
        raise DataError("score-axes", group=group, shape=_shape(truth_labels.shape), classes=label_set.classes)
    spacing = None if spacing_mm is None else tuple(float(s) for s in spacing_mm)
    if spacing is not None and (len(spacing) != len(space) or not all(math.isfinite(s) and s > 0 for s in spacing)):
        raise DataError("score-spacing-axes", group=group, spacing=str(spacing), axes=len(space))
    voxel_ml = math.prod(spacing) / 1000 if spacing is not None and len(spacing) == 3 else None

    scores = []
    for label, name in enumerate(label_set.names, start=1):
        source = truth_labels[label - 1] if label_set.kind == "regions" else truth_labels
        ignore = np.asarray(source == IGNORE)
        pair = Comparison(
            label_set.one_class(pred_labels, label),
            label_set.one_class(truth_labels, label),
            spacing,
            ignore if ignore.any() else None,
            nsd_tolerance,
        )
        counts = pair.confusion
        scores.append(
            ClassScore(
                name,
                label,
                counts,
                {metric.name: float(metric.compute(pair)) for metric in metrics},
                None if voxel_ml is None else counts.truth * voxel_ml,
                None if voxel_ml is None else counts.prediction * voxel_ml,
                pair.lesions,
            )
        )
    return GroupScore(group, person, part, space[0] if len(space) == 3 else 1, tuple(scores), spacing, nsd_tolerance)


def _shape(shape: tuple[int, ...]) -> str:
    return "×".join(str(n) for n in shape)
