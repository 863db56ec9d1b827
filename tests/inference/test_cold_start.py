"""A single prediction must not wait for libraries it does not need."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np

from delineate.domain import Geometry
from delineate.formats import write_labels

from .conftest import MakeModel

HEAVY = ("torch", "scipy", "matplotlib", "nibabel", "SimpleITK", "pydicom", "tifffile", "openvino", "pandas", "onnx")


def modules_after(program: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", program + "\nimport sys\nprint(' '.join(sys.modules))"], capture_output=True, text=True, check=True
    )
    return {name.split(".")[0] for name in done.stdout.split()}


def test_importing_loads_no_runtime() -> None:
    assert not modules_after("import delineate.inference, delineate.preprocessing") & {*HEAVY, "cv2", "onnxruntime", "PIL"}


def test_predicting_a_png_loads_what_it_needs_only(make_model: MakeModel, tmp_path: Path) -> None:
    path = write_labels(tmp_path / "x.png", np.zeros((40, 50), np.uint8), Geometry((40, 50)))
    program = (
        "from delineate.inference import Predictor, predict_paths; from pathlib import Path;"
        f"predict_paths(Predictor({str(make_model())!r}), [{str(path)!r}], Path({str(tmp_path / 'out')!r}))"
    )
    loaded = modules_after(program)
    assert not loaded & set(HEAVY)
    assert "onnxruntime" in loaded
