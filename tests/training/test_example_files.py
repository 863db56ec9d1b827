from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from delineate.training.example_files import SIDE, write_example


def test_planes_stand_side_by_side_in_their_proportion(tmp_path: Path) -> None:
    wide, tall = np.zeros((3, 30, 60), np.float32), np.ones((3, 40, 20), np.float32)
    path = write_example(tmp_path, [wide, tall], 120)
    assert path == tmp_path / "examples" / "step_000120.jpg"
    with Image.open(path) as picture:
        assert picture.size == (SIDE + 4 + SIDE // 2, SIDE)
        assert picture.getpixel((10, 10)) == (0, 0, 0)
        assert min(picture.getpixel((SIDE + 40, SIDE // 2))) > 250


def test_without_planes_nothing_is_written(tmp_path: Path) -> None:
    assert write_example(tmp_path, [], 1) is None
    assert not list(tmp_path.iterdir())
