"""Predict the groups of a part with the model file and score them: the same way for choosing and for the result."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from delineate.dataset import load_image, load_mask
from delineate.domain import Case, Image, LabelSet
from delineate.errors import DataError
from delineate.events import EventSink, Note, Progress
from delineate.inference import Predictor
from delineate.preprocessing import Statistics, measure, measured_jointly
from delineate.recipe import MaskRule


@dataclass(frozen=True, eq=False)
class GroupPrediction:
    """One group: a volume (3-D file, or slices stacked in order) or an image.

    ``probabilities`` (K, *space) float32; ``truth`` labels (*space); ``images`` the planes' images in order, for pictures;
    ``spacing`` in mm per axis or ``None``; ``cases`` what it is made of; ``statistics`` what its slices were measured by together.
    """

    group: str
    person: str
    probabilities: NDArray[np.float32]
    truth: NDArray[np.integer]
    images: tuple[Image, ...]
    spacing: tuple[float, ...] | None
    cases: tuple[Case, ...] = ()
    statistics: Statistics | None = None


def by_group(cases: Iterable[Case]) -> list[tuple[str, list[Case]]]:
    """Cases of each group, slices in order of their position; groups in the order in which they first appear."""
    order: dict[str, int] = {}
    cases = list(cases)
    for case in cases:
        order.setdefault(case.group, len(order))
    ranked = sorted(cases, key=lambda case: (order[case.group], -1 if case.position is None else case.position, case.id))
    return [(name, list(members)) for name, members in groupby(ranked, key=lambda case: case.group)]


def predict_groups(
    predictor: Predictor, cases: Sequence[Case], rule: MaskRule, labels: LabelSet, *, stage: str, on_event: EventSink
) -> Iterator[GroupPrediction]:
    """Predict every group once, streaming. A case that cannot be read is said and left out, never silently."""
    groups = by_group(cases)
    together = measured_jointly(predictor.record.preprocessing)
    for number, (group, members) in enumerate(groups):
        loaded: list[tuple[Case, Image, NDArray[np.integer]]] = []
        for case in members:
            try:
                image = load_image(case)
                loaded.append((case, image, load_mask(case, rule, labels, image_geometry=image.geometry).labels))
            except DataError as error:
                on_event(Note("case-left-out", {"case": case.id, "reason": str(error)}, "warning"))
        shapes = {image.geometry.shape for _, image, _ in loaded}
        parts = [loaded] if len(shapes) == 1 else [[one] for one in loaded]  # slices that differ in size cannot be stacked
        for part in parts:
            if part:
                name = group if len(parts) == 1 else part[0][0].id
                yield _predict_one(predictor, name, part, together)
        on_event(Progress(stage, number + 1, len(groups)))


def _predict_one(
    predictor: Predictor, group: str, loaded: list[tuple[Case, Image, NDArray[np.integer]]], together: bool
) -> GroupPrediction:
    images = [image for _, image, _ in loaded]
    statistics = measure(images, predictor.record.preprocessing) if together and len(images) > 1 else None
    if len(images) == 1:
        predictions = iter([predictor.predict(images[0], probabilities=True, clean=False)])
    else:
        predictions = predictor.predict_slices(images, statistics=statistics, probabilities=True)
    found = [one.probabilities for one in predictions if one.probabilities is not None]
    first = loaded[0][0]
    cases = tuple(case for case, _, _ in loaded)
    if len(loaded) == 1:
        return GroupPrediction(group, first.person, found[0], loaded[0][2], tuple(images), images[0].geometry.spacing, cases)
    axis = 1 if predictor.record.labels.kind == "regions" else 0
    truth = np.stack([mask for _, _, mask in loaded], axis=axis)
    # The distance between slices in files of their own is not known, so neither is a distance in mm through them.
    return GroupPrediction(group, first.person, np.stack(found, axis=1), truth, tuple(images), None, cases, statistics)
