"""Whether a person should look at a prediction: the model's own rule applied to what was predicted, of a file or a whole volume."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from delineate.domain import Image
from delineate.doubt import Evidence, Verdict, describe_image, judge, reasons_of, review, spread_over
from delineate.preprocessing import Statistics
from delineate.recipe import ModelRecord

#: Beyond this many values (classes × pixels) probabilities are not kept for it: such images are told by their looks alone.
MOST_VALUES = 1 << 28


def has_doubts(record: ModelRecord) -> bool:
    """Whether the model file knows anything of its own doubt; older ones do not."""
    return record.review is not None or record.familiar is not None


def wants_probabilities(record: ModelRecord, image: Image) -> bool:
    size = int(np.prod(image.geometry.shape)) * record.labels.classes
    return record.review is not None and size <= MOST_VALUES


def second_look(
    record: ModelRecord,
    images: Sequence[Image],
    statistics: Statistics | None,
    probabilities: Sequence[NDArray[np.floating[Any]]] | None,
    masks: Sequence[NDArray[np.integer[Any]]],
    *,
    volumes: bool = False,
) -> Verdict | None:
    """The verdict on one image, or on the slices of one volume in order; ``None`` where the model file knows no doubt.

    Parameters
    ----------
    probabilities, masks
        Per image: (K, *shape) calibrated, and final labels. ``None``: the mask's quality cannot be estimated.
    volumes
        The rule was learned from whole volumes, so that it says nothing of a slice alone.
    """
    if not has_doubts(record):
        return None
    reasons: tuple[tuple[str, dict[str, Any]], ...] = ()
    if record.familiar is not None:
        chosen = [images[number] for number in spread_over(len(images))]
        facts = describe_image(chosen[0] if len(images) == 1 else chosen, record.preprocessing, statistics)
        reasons = reasons_of(judge(facts, record.familiar))
    if record.review is None or probabilities is None:
        return Verdict(None, None, None, bool(reasons), reasons)
    if volumes and len(images) == 1 and images[0].geometry.ndim == 2:
        return Verdict(None, None, None, True, (*reasons, ("part-of-volume", {})))
    evidence = Evidence(record.labels)
    for p, mask in zip(probabilities, masks, strict=True):
        evidence.add(p.astype(np.float32), mask)
    return review(evidence.expected_dice, evidence.log_share, evidence.nothing_found, record.review, reasons)
