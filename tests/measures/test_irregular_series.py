"""Series with missing slices: nothing is given in millimetres."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from tests.formats.dicom_objects import make_slice

from delineate.domain import Geometry
from delineate.formats import read_image
from delineate.measures.files import _grid


def test_the_spacing_of_a_series_with_gaps_is_not_borrowed(tmp_path: Path) -> None:
    for name, heights in (("gap", (0, 2, 8)), ("even", (0, 2, 4))):
        (tmp_path / name).mkdir()
        for number, z in enumerate(heights):
            make_slice(tmp_path / name / f"{number}.dcm", np.zeros((4, 5), np.int16), (0, 0, float(z)))
    mask = Geometry((3, 4, 5))
    assert _grid(mask, read_image(tmp_path / "gap")) is mask
    assert _grid(mask, read_image(tmp_path / "even")).spacing == (2, 0.5, 0.75)
