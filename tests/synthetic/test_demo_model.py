"""The packaged demonstration model: small, recorded, honest about what it is, and working."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import tifffile

import delineate as dl
import delineate.synthetic
from delineate.inference import ModelFile
from delineate.synthetic import make_dataset

FOLDER = Path(delineate.synthetic.__file__).parent / "demo_model"


def test_it_is_small_and_has_its_record() -> None:
    assert (FOLDER / "model.onnx").stat().st_size <= 2 * 1024 * 1024
    for name in ("recipe.json", "splits.json", "history.csv", "summary.json", "provenance.json", "fingerprint.json"):
        assert (FOLDER / name).stat().st_size > 0


def test_it_says_what_it_is() -> None:
    record = ModelFile.open("demo").record
    assert {"synthetic", "demonstration"} <= set(record.notes)
    assert record.provenance["synthetic"] is True
    assert record.labels.names == ("lung",)
    summary = json.loads((FOLDER / "summary.json").read_text())
    assert record.scores["test"]["dice"] == summary["test"]["dice"]


def test_no_machine_is_named_in_it() -> None:
    for path in FOLDER.iterdir():
        content = path.read_bytes()
        assert b"/home/" not in content
        assert b"/tmp/" not in content
        assert b"/root/" not in content


def test_it_segments_images_it_has_not_seen(tmp_path: Path) -> None:
    data = make_dataset(tmp_path / "data", patients=3, slices=4, size=160, seed=99)
    images = sorted(path for path in data.rglob("*.tif") if "mask" not in path.name)
    result = dl.predict("demo", images, out=tmp_path / "masks")
    overlap = total = 0
    for row in result.rows:
        truth = tifffile.imread(row.input.with_name(row.input.stem + "_mask.tif")) > 0
        found = tifffile.imread(row.outputs[0]) > 0
        overlap += 2 * np.count_nonzero(truth & found)
        total += np.count_nonzero(truth) + np.count_nonzero(found)
    assert len(result.rows) == 12
    assert overlap / total > 0.93
