"""Grids that really train: several jobs, kill -9, Ctrl-C, a cluster's engine. Slow: every run exports and scores a network."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from delineate.recipe import save_json
from delineate.workflows.grid.folders import FAILURE, Grid
from delineate.workflows.grid.worker import work_one

ROOT = Path(__file__).resolve().parents[3]
ASKED = (
    "--networks", "unet,attention_unet", "--epochs", "3", "--size", "64", "--threads", "1", "--device", "cpu",
    "--set", "network.options.widths=[8,16]", "--set", "training.precision=fp32", "--set", "training.channels_last=true",
)  # fmt: skip
FULL = ("--losses", "dice,bce_dice", "--folds", "2")


#: A test run in the background would have Ctrl-C ignored.
_MAIN = (
    "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler); "
    "from delineate.cli.main import main; sys.exit(main(['compare', *sys.argv[1:]]))"
)


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-c", _MAIN, *arguments]


def delineate(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command(*arguments), env=_environment(), capture_output=True, text=True, timeout=1800)


def _environment() -> dict[str, str]:
    return {**os.environ, "OMP_NUM_THREADS": "1", "DELINEATE_LANG": "en", "PYTHONPATH": str(ROOT / "src")}


def outcome(folder: Path) -> dict[str, Any]:
    """What must depend neither on jobs nor on interruptions: the networks and all scores."""
    networks = {}
    for run in Grid(folder).runs():
        summary = json.loads((run.folder / "summary.json").read_text())
        networks[run.candidate.name, run.fold] = (summary["network_sha256"], summary["test"]["dice"]["mean"])
    return networks


@pytest.fixture(scope="module")
def whole(tiny_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whole") / "cmp"
    done = delineate(str(tiny_data), *ASKED, *FULL, "--out", str(folder))
    assert done.returncode == 0, done.stderr
    return folder


def test_a_run_that_cannot_go_on_is_recorded_in_both_languages(tmp_path: Path) -> None:
    save_json(tmp_path / "options.json", {"data": str(tmp_path / "nowhere"), "epochs": 1})
    assert work_one(tmp_path, lambda message: None) == "failed"
    failure = json.loads((tmp_path / FAILURE).read_text())
    assert failure["code"] == "data-missing"
    assert "nowhere" in failure["en"]
    assert "nowhere" in failure["zh"]


@pytest.mark.slow
def test_the_whole_grid(whole: Path) -> None:
    said = json.loads((whole / "comparison.json").read_text())
    assert set(said["models"]) == {f"{n}-{loss}" for n in ("unet", "attention_unet") for loss in ("dice", "bce_dice")}
    assert all(model["n"] == 8 and model["folds"] == 2 for model in said["models"].values())
    assert len(said["pairs"]) == 6
    assert len({summary for summary, _ in outcome(whole).values()}) == 8
    assert not (whole / "cache").exists()
    for run in Grid(whole).runs():
        assert (run.folder / "report.html").stat().st_size > 0
        assert any((run.folder / "tensorboard").iterdir())


@pytest.mark.slow
def test_two_jobs_give_what_one_gives(whole: Path, tiny_data: Path, tmp_path: Path) -> None:
    done = delineate(str(tiny_data), *ASKED, *FULL, "--jobs", "2", "--out", str(tmp_path / "cmp"))
    assert done.returncode == 0, done.stderr
    assert outcome(tmp_path / "cmp") == outcome(whole)


def _until(condition: Any, process: subprocess.Popen[str], seconds: float = 900) -> None:
    ends = time.monotonic() + seconds
    while not condition():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < ends
        time.sleep(0.05)


def _some_finished(folder: Path, count: int) -> Any:
    return lambda: len(list(folder.glob("runs/*/*/summary.json"))) >= count


def _begun(arguments: Sequence[str]) -> subprocess.Popen[str]:
    return subprocess.Popen(command(*arguments), env=_environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="signals")
def test_killed_and_interrupted_it_goes_on_and_ends_alike(whole: Path, tiny_data: Path, tmp_path: Path) -> None:
    folder = tmp_path / "cmp"
    with _begun([str(tiny_data), *ASKED, *FULL, "--jobs", "2", "--out", str(folder)]) as process:
        _until(_some_finished(folder, 1), process)
        process.kill()
    with _begun(["--resume", str(folder)]) as process:
        _until(_some_finished(folder, 3), process)
        finished = {run.folder for run in Grid(folder).runs() if run.state == "finished"}
        stamps = {path: (path / "model.onnx").stat().st_mtime_ns for path in finished}
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=300)
        assert process.returncode == 130
    assert f"delineate compare --resume {folder}" in said
    assert "Traceback" not in said
    done = delineate("--resume", str(folder), "--jobs", "2")
    assert done.returncode == 0, done.stderr
    assert outcome(folder) == outcome(whole)
    assert {path: (path / "model.onnx").stat().st_mtime_ns for path in finished} == stamps, "a finished run was repeated"


@pytest.mark.slow
def test_a_run_that_cannot_be_mended_is_recorded_and_the_others_are_compared(tiny_data: Path, tmp_path: Path) -> None:
    """A damaged checkpoint, as a stand-in for anything that ends one run and no other."""
    folder = tmp_path / "cmp"
    begun = delineate(str(tiny_data), *ASKED, "--candidate", "third=network:unet,training.lr=1e-4", "--out", str(folder))
    assert begun.returncode == 0, begun.stderr
    run = next(run for run in Grid(folder).runs() if run.candidate.name == "third")
    stages = json.loads((run.folder / "stages.json").read_text())
    save_json(run.folder / "stages.json", {key: stages[key] for key in ("check", "plan")})
    (run.folder / "checkpoints" / "last.pt").write_bytes(b"damaged")
    done = delineate("--resume", str(folder))
    assert done.returncode == 9
    assert "1 of 3 runs are not in the comparison" in done.stdout
    assert "third" in done.stdout
    assert set(json.loads((folder / "comparison.json").read_text())["models"]) == {"unet", "attention_unet"}


@pytest.mark.slow
def test_submitit_does_the_same_runs(tiny_data: Path, tmp_path: Path) -> None:
    pytest.importorskip("submitit")
    folders = {}
    for engine in ("local", "submitit"):
        folders[engine] = tmp_path / engine
        options = ("--engine", engine, *(("--engine-option", "cluster=local") if engine == "submitit" else ()))
        done = delineate(str(tiny_data), *ASKED, *options, "--jobs", "2", "--out", str(folders[engine]))
        assert done.returncode == 0, done.stderr
    assert outcome(folders["submitit"]) == outcome(folders["local"])


def test_submitit_refuses_what_it_does_not_know(tmp_path: Path) -> None:
    pytest.importorskip("submitit")
    from delineate.errors import UsageError
    from delineate.workflows.grid.cluster import SubmititEngine

    with pytest.raises(UsageError, match="submitit refuses"):
        SubmititEngine(1, {"cluster": "moon"}, tmp_path)
    engine = SubmititEngine(None, {"cluster": "local", "partition": "gpu", "timeout_min": "60"}, tmp_path)
    assert engine.jobs == 1
