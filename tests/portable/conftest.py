"""Masks to clean."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from delineate.domain import LabelSet
from delineate.recipe import Clean

OPTIONS = (
    Clean(largest=True),
    Clean(min_pixels=6),
    Clean(fill_holes=True),
    Clean(largest=True, min_pixels=4, fill_holes=True),
    Clean(),
)


@pytest.fixture(scope="session")
def masks() -> list[tuple[LabelSet, Any, tuple[Clean, ...]]]:
    """Label set, speckled mask, options: from empty to full, where components wind, touch over corners and reach borders."""
    rng = np.random.default_rng(5)
    found: list[tuple[LabelSet, Any, tuple[Clean, ...]]] = []
    for share in (0.0, 0.35, 0.5, 0.62, 1.0):
        found += [(LabelSet(), (rng.random((37, 41)) < share).astype(np.uint8), (option,)) for option in OPTIONS]
    labels = LabelSet(kind="exclusive", names=("a", "b"))
    found.append((labels, rng.choice(3, (30, 50), p=(0.2, 0.5, 0.3)).astype(np.uint8), (OPTIONS[3], OPTIONS[1])))
    labels = LabelSet(kind="regions", names=("a", "b"))
    found.append((labels, (rng.random((2, 30, 50)) < 0.55).astype(np.uint8), (OPTIONS[2], OPTIONS[3])))
    found.append((LabelSet(), np.ones((1, 1), np.uint8), (OPTIONS[3],)))
    return found
