"""Data sets that are broken on purpose: each gives its documented finding or error, and no bad file ends a job or vanishes."""

from __future__ import annotations

import json
import os
import string
import subprocess
import sys
import textwrap
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.i18n.findings_page import severities
from tests.workflows import broken_pixels, broken_single_files, broken_trees  # noqa: F401 - they register their data sets
from tests.workflows.broken import BROKEN, Broken, is_root, patients, scene, sound
from tests.workflows.broken_files import half, nifti, save

from delineate.cli.main import main
from delineate.i18n import translate

SMALL = [
    "--epochs", "1", "--size", "32", "--threads", "1", "--augmentation", "none",
    "--set", "network.options.widths=[4,8]", "--set", "training.precision=fp32",
]  # fmt: skip
#: Code → severities, as docs/findings.md says.
DOCUMENTED = severities()
#: Seconds of processor time; a few tenths are usual. Wall-clock says little on a busy machine.
LONGEST = 10.0
#: These also go through training, scoring and the report in the quick tests; the others do with ``--slow``.
TRAINED = ("many_things_at_once",)


@dataclass(frozen=True)
class Said:
    """What a command said: its exit code, what it printed, and its findings."""

    code: int
    text: str
    findings: list[dict[str, Any]]

    @property
    def severities(self) -> dict[str, str]:
        return {finding["code"]: finding["severity"] for finding in self.findings}


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A crash log would be written here."""
    monkeypatch.chdir(tmp_path)


def call(capsys: pytest.CaptureFixture[str], *arguments: object, out: Path | None = None) -> Said:
    began = time.process_time()
    code = main([str(argument) for argument in arguments])
    captured = capsys.readouterr()
    text = captured.out + captured.err
    assert not Path("delineate-crash.log").exists(), Path("delineate-crash.log").read_text()
    assert "Traceback" not in text
    assert "{" not in text or "Nearest:" in text, f"a placeholder was not filled: {text}"
    assert time.process_time() - began < LONGEST * (5 if arguments[0] == "run" else 1)
    path = out / "findings.json" if out is not None else None
    return Said(code, text, json.loads(path.read_text()) if path is not None and path.exists() else [])


def says(text: str, code: str) -> bool:
    """Whether the sentence of an error is in ``text``, whatever fills its placeholders."""
    pieces = [piece for piece, *_ in string.Formatter().parse(translate(f"error.{code}", "en")) if piece.strip()]
    return all(piece in text for piece in pieces)


def prepared(name: str, tmp_path: Path) -> tuple[Broken, Path, list[str]]:
    if name == "no_permission" and is_root():
        pytest.skip("root may read everything")
    data = BROKEN[name]
    root = tmp_path / "data"
    data.build(root)
    return data, root, [argument.replace("{root}", str(root)) for argument in data.arguments]


def test_there_are_enough() -> None:
    assert len(BROKEN) >= 55


@pytest.mark.parametrize("name", BROKEN)
def test_check(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data, root, arguments = prepared(name, tmp_path)
    out = tmp_path / "out"
    said = call(capsys, "check", root, "--out", out, *arguments, out=out)
    assert said.code == data.exit, said.text
    if data.error is not None:
        assert says(said.text, data.error), said.text
        assert all(Path(part).name in said.text if ":" not in part else part in said.text for part in data.named), said.text
        return
    assert data.findings.items() <= said.severities.items(), said.findings
    assert all(severity in DOCUMENTED[code] for code, severity in said.severities.items())
    about = json.dumps(said.findings, ensure_ascii=False)
    assert all(f'"{name}' in about for name in data.named), about
    if data.usable is not None:
        assert json.loads((out / "fingerprint.json").read_text())["labelled"] == data.usable
    assert (out / "check.html").stat().st_size > 0


def _run(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data, root, arguments = prepared(name, tmp_path)
    out = tmp_path / "run"
    said = call(capsys, "run", root, "--out", out, *SMALL, *arguments, out=out)
    assert said.code == data.exit, said.text
    if data.exit == 0:
        assert json.loads((out / "summary.json").read_text())["test"]["n"] >= 1
        assert (out / "report.html").stat().st_size > 0
    elif data.error is None:
        assert says(said.text, "findings-stop"), said.text
        assert (out / "check.html").exists()


@pytest.mark.parametrize("name", [*TRAINED, *(name for name, data in BROKEN.items() if data.exit and data.error is None)])
def test_run(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _run(name, tmp_path, capsys)


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name, data in BROKEN.items() if not data.exit and name not in TRAINED])
def test_run_to_the_end(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _run(name, tmp_path, capsys)


def test_an_error_can_be_allowed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, root, _ = prepared("patient_crosses_the_published_split", tmp_path)
    code = "person-crosses-published-split"
    assert call(capsys, "check", root, "--allow", code).code == 0
    said = call(capsys, "check", root, "--lang", "zh")
    assert said.code == 3
    assert code in said.text


def test_bombs_fit_into_little_memory(tmp_path: Path) -> None:
    """In a process of its own that may use 400 MB of data beyond what starting takes."""
    if not Path("/proc/self/statm").exists():
        pytest.skip("memory in use is read from /proc")
    data, root, arguments = prepared("all_bombs", tmp_path)
    script = """
        import resource, sys
        import cv2, delineate.workflows.checking, nibabel, numpy, scipy.ndimage, tifffile, pydicom, PIL.Image
        from delineate.cli.main import main
        pages = int(open("/proc/self/statm").read().split()[5])
        limit = pages * resource.getpagesize() + (400 << 20)
        resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
        sys.exit(main(sys.argv[1:]))
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script), "check", str(root), "--out", "out", *arguments],
        capture_output=True, text=True, timeout=280, check=False, cwd=tmp_path,
        env={**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
    )  # fmt: skip
    assert done.returncode == data.exit, done.stderr
    findings = json.loads((tmp_path / "out" / "findings.json").read_text())
    assert set(data.named) == {finding["path"] for finding in findings if finding["code"] == "unreadable-file"}
    assert not any("out of memory" in str(finding["params"].get("reason", "")) for finding in findings)


# Where things are to be written.


def test_a_file_stands_where_the_out_folder_should_be(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sound(tmp_path / "data")
    (tmp_path / "out").write_text("mine")
    for command in ("check", "run"):
        said = call(capsys, command, tmp_path / "data", "--out", tmp_path / "out", *(SMALL if command == "run" else ()))
        assert said.code in (6, 9), said.text
        assert "out" in said.text
    assert (tmp_path / "out").read_text() == "mine"


@pytest.mark.skipif(is_root(), reason="root may write everywhere")
def test_the_out_folder_may_not_be_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sound(tmp_path / "data")
    locked = tmp_path / "locked"
    locked.mkdir()
    locked.chmod(0o500)
    for command in ("check", "run"):
        said = call(capsys, command, tmp_path / "data", "--out", locked / "out", *(SMALL if command == "run" else ()))
        assert said.code == 6, said.text


# Prediction.


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of grey pictures that decides by brightness alone: no training is needed for a file to be bad."""
    from tests.inference.conftest import RAW, network
    from tests.inference.conftest import save as save_model

    from delineate.recipe import ModelRecord, Preprocessing

    record = ModelRecord(preprocessing=Preprocessing(fit="scale", normalisation=RAW))
    path = tmp_path_factory.mktemp("model") / "model.onnx"
    return save_model(network([np.ones((1, 1, 1, 1))], -100.0), path, json.dumps(record.model_dump(mode="json")))


@pytest.mark.parametrize(
    "name", ["truncated_png", "header_bomb", "tiff_bomb", "nifti_bombs", "array_bombs", "dicom_without_pixels"]
)
def test_predicting_bad_files_leaves_the_rest(name: str, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data, root, _ = prepared(name, tmp_path)
    images = root / "images"
    (images / "notes.txt").write_text("not an image")
    said = call(capsys, "predict", model, images, "--out", tmp_path / "masks")
    bad = [path for path in data.named if path.startswith("images/")]
    assert said.code == 3, said.text
    assert all(Path(path).name in said.text for path in [*bad, "notes.txt"]), said.text
    rows = (tmp_path / "masks" / "predictions.csv").read_text(encoding="utf-8").splitlines()[1:]
    total = len([path for path in images.iterdir() if path.suffix != ".txt"])
    assert sum(",done," in row for row in rows) == total - len(bad), rows
    assert sum(",failed," in row or ",skipped," in row for row in rows) == len(bad) + 1


def test_nothing_to_predict(model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "notes.txt").write_text("not an image")
    for given in ("empty", "notes", "notes/notes.txt", "none", "none_*.png"):
        said = call(capsys, "predict", model, given, "--out", "masks")
        assert said.code in (2, 3), said.text
        assert given.split("/")[0] in said.text
        assert not Path("masks").exists()


def test_wrong_number_of_channels(model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    nifti(tmp_path / "five.nii", np.zeros((16, 16, 2, 5), np.uint8))
    save(tmp_path / "grey.png", scene(0)[0])
    said = call(capsys, "predict", model, tmp_path / "five.nii", tmp_path / "grey.png", "--out", "masks")
    assert said.code == 3, said.text
    assert "five.nii" in said.text
    assert (tmp_path / "masks" / "grey_mask.png").exists()


def test_bad_model_files(model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from onnx import TensorProto
    from tests.inference.conftest import network
    from tests.inference.conftest import save as save_model

    save(tmp_path / "grey.png", scene(0)[0])
    whole = model.read_bytes()
    (tmp_path / "cut.onnx").write_bytes(whole)
    half(tmp_path / "cut.onnx")
    (tmp_path / "text.onnx").write_text("a model")
    (tmp_path / "empty.onnx").write_bytes(b"")
    save_model(network([np.ones((1, 1, 1, 1))]), tmp_path / "foreign.onnx", None)
    outside = network([np.ones((1, 1, 1, 1))])
    weights = TensorProto(name="x", data_type=TensorProto.FLOAT, dims=[1], data_location=TensorProto.EXTERNAL)
    weights.external_data.add(key="location", value="../secret")
    outside.graph.initializer.append(weights)
    save_model(outside, tmp_path / "outside.onnx", "{}")
    expected = {
        "cut": "model-not-onnx", "text": "model-not-onnx", "empty": "model-not-onnx", "foreign": "model-foreign",
        "outside": "model-external-data", "none": "model-missing",
    }  # fmt: skip
    for name, code in expected.items():
        said = call(capsys, "predict", tmp_path / f"{name}.onnx", tmp_path / "grey.png", "--out", "masks")
        assert said.code == 5, said.text
        assert says(said.text, code), (name, said.text)
        assert call(capsys, "evaluate", tmp_path / f"{name}.onnx", tmp_path).code == 5


def test_scoring_a_model_on_bad_data(model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A case that cannot be read is said and left out of the scores."""
    patients(tmp_path / "data", 4)
    half(tmp_path / "data" / "p01" / "p01_1.png")
    said = call(capsys, "evaluate", model, tmp_path / "data", "--out", tmp_path / "scores")
    assert said.code == 0, said.text
    assert "p01_1.png" in said.text
    assert json.loads((tmp_path / "scores" / "summary.json").read_text())["test"]["n"] == 4
