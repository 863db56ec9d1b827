"""What the data ask for before time is considered."""

from __future__ import annotations

from importlib.resources import files
from typing import Any

import pytest

from delineate.dataset import Fingerprint
from delineate.domain import LabelSet
from delineate.planning import draft_recipe
from delineate.recipe import MaskRule


def fingerprint(**changes: Any) -> Fingerprint:
    """That of the demonstration model's 31 volumes of ten slices, changed."""
    text = files("delineate").joinpath("synthetic/demo_model/fingerprint.json").read_text(encoding="utf-8")
    return Fingerprint.model_validate_json(text).model_copy(update=changes)


@pytest.mark.parametrize(
    ("changes", "neighbours", "reason"),
    [
        ({"dims": 3, "groups": 310, "anisotropy": 1.0}, 1, "neighbours"),
        ({"dims": 3, "groups": 310, "anisotropy": 5.0}, 0, "neighbours-far"),
        ({"dims": 3, "groups": 310}, 0, "neighbours-unknown"),
        ({}, 0, "neighbours-unknown"),  # slices in files of their own
        ({"groups": 310}, 0, None),  # every image on its own
        ({"unit": "block", "dims": 3, "anisotropy": 1.0}, 0, None),  # a block's neighbour may be in another part of the split
    ],
)
def test_slices_that_lie_close_are_seen_with_their_neighbours(changes: dict[str, Any], neighbours: int, reason: str | None) -> None:
    recipe = draft_recipe(fingerprint(**changes), MaskRule(), LabelSet()).recipe
    assert recipe.preprocessing.neighbours == neighbours
    assert recipe.preprocessing.inputs == 1 + 2 * neighbours
    found = recipe.reasons.get("preprocessing.neighbours")
    assert (found.code if found else None) == reason
