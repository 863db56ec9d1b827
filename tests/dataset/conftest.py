"""Small data sets on disk, written with the plainest means."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.dataset.dataset_folders import write

from delineate.domain import Case, Scan, Source

MakeScan = Callable[..., Scan]


@pytest.fixture
def make_scan(tmp_path: Path) -> MakeScan:
    """``make_scan(masks, images=None, **scan_fields)``: one case per mask (``None``: unlabelled), persons ``p00``, ``p01`` …"""

    def build(
        masks: Sequence[Any], images: Sequence[Any] | None = None, *, palette: Any = None, splits: Any = None, **fields: Any
    ) -> Scan:
        cases = []
        for i, mask in enumerate(masks):
            shape = (32, 32) if mask is None else np.asarray(mask).shape[:2]
            rng = np.random.default_rng(i)
            image = rng.integers(0, 200, shape, dtype=np.uint8) if images is None else images[i]
            sources = (Source(write(tmp_path / "images" / f"{i:02}.png", image)),)
            mask_path = tmp_path / "masks" / f"{i:02}.png"
            mask_sources = () if mask is None else (Source(write(mask_path, mask, palette)),)
            cases.append(Case(f"images/{i:02}.png", sources, mask_sources, patient=f"p{i:02}", split=splits[i] if splits else None))
        return Scan(tmp_path, fields.pop("layout", "paired-folders"), tuple(cases), **fields)

    return build
