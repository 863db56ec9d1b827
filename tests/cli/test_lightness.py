"""What a command loads and how long it takes to answer; what works in the plain install, without torch and its company."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

HEAVY = {"torch", "onnx", "onnxscript", "openvino", "tensorboard", "safetensors"}
#: As in an install without extras: what is heavy is not found.
PLAIN = f"""
import sys
from importlib.machinery import PathFinder

class Plain(PathFinder):
    @classmethod
    def find_spec(cls, name, *rest):
        return None if name.partition(".")[0] in {sorted(HEAVY)!r} else super().find_spec(name, *rest)

sys.meta_path[:] = [Plain if finder is PathFinder else finder for finder in sys.meta_path]
"""


def python(program: str, *arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "DELINEATE_LANG": "en", "OMP_NUM_THREADS": "1"}
    return subprocess.run(
        [sys.executable, "-c", program, *arguments], env=environment, capture_output=True, text=True, timeout=250, **options
    )


def plain(*arguments: str) -> subprocess.CompletedProcess[str]:
    """A command in a plain install."""
    return python(PLAIN + "from delineate.cli.main import main; sys.exit(main(sys.argv[1:]))", *arguments)


def loaded_by(program: str) -> set[str]:
    done = python(program + "\nimport sys; print('\\n'.join(sys.modules))")
    assert done.returncode == 0, done.stderr
    return {name.split(".")[0] for name in done.stdout.split()}


def seconds(*arguments: str) -> float:
    """Processor time of a command from its start to its end, the least of some tries. On a machine with nothing else to do that is
    what a person waits; by the clock, other work on the machine would decide."""
    least = float("inf")
    for _ in range(3):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        subprocess.run([sys.executable, "-m", "delineate", *arguments], env=environment, capture_output=True, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        least = min(least, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return least


@pytest.mark.parametrize(
    "program",
    [
        "import delineate; dir(delineate)",
        "import delineate.cli.main",
        "from delineate.cli.main import main; main([])",
        "from delineate.cli.main import main; main(['run', '--help'])",
        "from delineate.cli.main import main; main(['run', '--epoch', 'x'])",
    ],
)
def test_help_and_import_load_next_to_nothing(program: str) -> None:
    others = {"numpy", "scipy", "pydantic", "rich", "matplotlib", "jinja2", "cv2", "onnxruntime", "PIL"}
    assert not loaded_by(program) & (HEAVY | others)


def test_help_is_there_at_once() -> None:
    assert seconds("--help") < 0.3


def test_one_image_is_segmented_within_two_seconds(finished: Any, small_data: Path, tmp_path: Path) -> None:
    image = next(path for path in sorted(small_data.rglob("*.tif")) if "mask" not in path.name)
    arguments = ("predict", str(finished.model), str(image), "--out", str(tmp_path), "--overwrite")
    assert seconds(*arguments) < 2.0


def test_the_plain_install_checks_predicts_evaluates_and_reports(finished: Any, small_data: Path, tmp_path: Path) -> None:
    image = next(path for path in sorted(small_data.rglob("*.tif")) if "mask" not in path.name)
    for arguments in (
        ("check", str(small_data), "--out", str(tmp_path / "check")),
        ("predict", str(finished.model), str(image), "--out", str(tmp_path / "masks"), "--overlay", "--probabilities"),
        ("evaluate", str(finished.model), str(small_data), "--out", str(tmp_path / "scores")),
        ("evaluate", str(finished.folder), "--out", str(tmp_path / "again")),
        ("report", str(finished.folder), "--out", str(tmp_path / "report.html")),
    ):
        done = plain(*arguments)
        assert done.returncode == 0, f"{arguments}: {done.stderr}"
    for name in ("check/check.html", "masks/predictions.csv", "scores/summary.json", "again/summary.json", "report.html"):
        assert (tmp_path / name).exists()


@pytest.mark.parametrize("name", ["run", "train"])
def test_training_in_the_plain_install_says_what_to_install(name: str, small_data: Path, tmp_path: Path) -> None:
    done = plain(name, str(small_data), "--out", str(tmp_path / "run"), "--epochs", "1")
    assert done.returncode == 7
    assert 'pip install "delineate[train]"' in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "run").exists(), "said before anything is begun"


def test_openvino_in_the_plain_install_says_what_to_install(finished: Any, small_data: Path, tmp_path: Path) -> None:
    done = plain("predict", str(finished.model), str(small_data), "--out", str(tmp_path), "--engine", "openvino")
    assert done.returncode == 7
    assert 'pip install "delineate[openvino]"' in done.stderr


def test_commands_that_do_not_train_never_load_torch(finished: Any, small_data: Path, tmp_path: Path) -> None:
    """Also where it is installed: it would cost seconds and memory."""
    image = next(path for path in sorted(small_data.rglob("*.tif")) if "mask" not in path.name)
    for arguments in (
        ["check", str(small_data), "--out", str(tmp_path / "check")],
        ["predict", str(finished.model), str(image), "--out", str(tmp_path / "masks")],
        ["evaluate", str(finished.model), str(small_data), "--out", str(tmp_path / "scores")],
        ["report", str(finished.folder), "--out", str(tmp_path / "report.html")],
    ):
        loaded = loaded_by(f"from delineate.cli.main import main; assert main({arguments!r}) == 0")
        assert not loaded & (HEAVY - {"openvino"}), arguments
