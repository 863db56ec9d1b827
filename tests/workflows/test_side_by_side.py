"""Runs compared with the pictures of the cases they differ on, from their own model files and data."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

import delineate as dl
from delineate.evaluation.side_by_side import SideBySide
from delineate.recipe import load
from delineate.workflows.running import RunResult


def test_masks_are_those_that_were_scored(finished: RunResult, tmp_path: Path) -> None:
    result = dl.compare([f"a={finished.folder}", f"b={finished.folder}"], tmp_path / "cmp", bootstrap=50, pictures=1)
    index = load(SideBySide, result.folder / "viewer" / "index.json")
    (case,) = index.cases
    assert set(case.masks) == {"a", "b"} and not index.failed and case.planes == 4
    truth, a, b = (np.asarray(Pillow.open(result.folder / "viewer" / name)) > 0 for name in (case.truth, *case.masks.values()))
    assert a.any() and (a == b).all() and a.shape == truth.shape == (96, 96)
    assert np.asarray(Pillow.open(result.folder / "viewer" / case.image)).shape == (96, 96)
    values = json.loads((result.folder / "viewer" / "index.json").read_text(encoding="utf-8"))["cases"][0]["values"]
    assert values["a"] == values["b"] and values["a"] == pytest.approx(result.comparison.models["a"]["dice"]["mean"], abs=0.5)
    page = result.page.read_text(encoding="utf-8")
    assert 'id="viewer"' in page and str(finished.folder) not in page


def test_no_pictures_where_the_model_file_is_gone_or_none_are_wanted(finished: RunResult, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(finished.folder, tmp_path / "copy"))
    (copy / "model.onnx").unlink()
    result = dl.compare([f"a={finished.folder}", f"b={copy}"], tmp_path / "cmp", bootstrap=50)
    assert load(SideBySide, result.folder / "viewer" / "index.json").failed == {"b": "run-unfinished"}
    dl.compare([f"a={finished.folder}", f"b={copy}"], tmp_path / "cmp", bootstrap=50, pictures=0)
    assert not (result.folder / "viewer").exists()
