"""Where two persons marked the same image: their agreement, beside the model's with each of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from delineate.dataset import load_rater_masks
from delineate.domain import Case, LabelSet
from delineate.errors import DelineateError
from delineate.evaluation import GroupScore, person_values, score_group, summarise
from delineate.events import EventSink, Note, discard
from delineate.recipe import MaskRule
from delineate.workflows.scoring import GroupPrediction

FIRST = "reference"


@dataclass
class Observers:
    """Collects scores of pairs (one observer against another, the model against each) over groups with further observers.

    Masks of further observers never train and never choose.
    """

    labels: LabelSet
    rule: MaskRule
    on_event: EventSink = discard
    pairs: dict[tuple[str, str], list[GroupScore]] = field(default_factory=dict)

    def watch(self, found: GroupPrediction, mask: NDArray[np.integer[Any]]) -> None:
        names = set.intersection(*(set(case.raters) for case in found.cases)) if found.cases else set()
        for name in sorted(names):
            try:
                other = self._other(found, name)
            except DelineateError as error:
                self.on_event(Note("case-left-out", {"case": found.group, "reason": str(error)}, "warning"))
                continue
            for pair, prediction, truth in (
                ((name, FIRST), other, found.truth),
                (("model", FIRST), mask, found.truth),
                (("model", name), mask, other),
            ):
                score = score_group(
                    prediction, truth, self.labels, found.spacing, group=found.group, person=found.person, part="test"
                )
                self.pairs.setdefault(pair, []).append(score)

    def _other(self, found: GroupPrediction, name: str) -> NDArray[np.integer[Any]]:
        masks = [
            _one(case, self.rule, self.labels, image.geometry, name) for case, image in zip(found.cases, found.images, strict=True)
        ]
        if len(masks) == 1:
            return masks[0]
        return np.stack(masks, axis=1 if self.labels.kind == "regions" else 0)

    def result(self) -> list[dict[str, Any]] | None:
        """Per pair: Dice over persons with its interval; ``None`` where nobody marked twice."""
        if not self.pairs:
            return None
        rows = []
        for (one, other), scores in self.pairs.items():
            numbers = summarise(scores, "patient", self.labels)
            rows.append(
                {
                    "one": one,
                    "other": other,
                    "groups": len(scores),
                    "dice": numbers["dice"],
                    "hd95": numbers["hd95"],
                    "persons": person_values(scores),
                }
            )
        return rows


def _one(case: Case, rule: MaskRule, labels: LabelSet, geometry: Any, name: str) -> NDArray[np.integer[Any]]:
    return load_rater_masks(case, rule, labels, image_geometry=geometry)[name].labels
