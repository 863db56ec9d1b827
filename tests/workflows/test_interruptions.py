"""Ctrl-C, SIGTERM, kill -9 and a full disk at any moment of a run: said in words, and ``--resume`` ends as if nothing had been."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
#: Nothing is left to what the machine measures, so that two runs can be equal.
DECIDED = (
    "--epochs", "3", "--size", "64", "--threads", "1", "--device", "cpu",
    "--set", "network.options.widths=[8,16]", "--set", "training.precision=fp32", "--set", "training.channels_last=true",
)  # fmt: skip
STAGES = ("scan", "measure", "plan", "cache", "train", "export", "choose", "evaluate", "report")


def delineate(*arguments: str, moment: str = "-", what: str = "-", **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tests.workflows.stoppable", moment, what, *arguments],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1", "DELINEATE_LANG": "en", **environment},
        capture_output=True,
        text=True,
        timeout=900,
    )


def outcome(run: Path) -> dict[str, Any]:
    """What must not depend on interruptions: the network and all scores."""
    summary = json.loads((run / "summary.json").read_text())
    return {key: summary[key] for key in ("test", "validation", "network_sha256")}


@pytest.fixture(scope="module")
def whole(small_data: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("whole") / "run"
    done = delineate("run", str(small_data), "--out", str(folder), *DECIDED)
    assert done.returncode == 0, done.stderr
    return outcome(folder)


def resume(run: Path, whole: dict[str, Any]) -> None:
    done = delineate("run", "--out", str(run), "--resume")
    assert done.returncode == 0, done.stderr
    assert outcome(run) == whole
    left = [path for path in run.rglob("*") if path.name.endswith(".tmp") or path.name == "cache"]
    assert not left, "half-written files stay behind"


def interrupted_again_and_again(run: Path, data: Path, moments: Sequence[tuple[str, str]], language: str = "en") -> None:
    """One run, resumed after each interruption only to be interrupted at a later moment."""
    arguments: tuple[str, ...] = ("run", str(data), "--out", str(run), *DECIDED)
    for moment, name in moments:
        ended = delineate(*arguments, moment=moment, what=name, DELINEATE_LANG=language)
        number = signal.Signals[name]
        said = f"{moment}: {ended.stderr}"
        if number == signal.SIGKILL:
            assert ended.returncode == -number, said
        else:
            assert ended.returncode == 128 + number, said
            assert ("已中断" if language == "zh" else "Interrupted") in ended.stderr, said
            assert f"delineate run --out {run} --resume" in ended.stderr, said
        for word in ("Traceback", "Exception", "crash"):
            assert word not in ended.stderr, said
        assert not (run / "report.html").exists()
        arguments = ("run", "--out", str(run), "--resume")


def test_interrupted_in_several_stages(small_data: Path, tmp_path: Path, whole: dict[str, Any]) -> None:
    moments = [("during:measure", "SIGINT"), ("during:train", "SIGINT"), ("start:export", "SIGTERM"), ("during:evaluate", "SIGINT")]
    run = tmp_path / "run"
    interrupted_again_and_again(run, small_data, moments, "zh")
    resume(run, whole)


def test_killed_in_several_stages(small_data: Path, tmp_path: Path, whole: dict[str, Any]) -> None:
    run = tmp_path / "run"
    interrupted_again_and_again(
        run, small_data, [("start:cache", "SIGKILL"), ("during:train", "SIGKILL"), ("start:choose", "SIGKILL")]
    )
    resume(run, whole)


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGKILL"])
def test_interrupted_at_the_start_of_every_stage(name: str, small_data: Path, tmp_path: Path, whole: dict[str, Any]) -> None:
    run = tmp_path / "run"
    interrupted_again_and_again(run, small_data, [(f"start:{stage}", name) for stage in STAGES])
    resume(run, whole)


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("stage", STAGES)
def test_killed_once_in_each_stage(stage: str, small_data: Path, tmp_path: Path, whole: dict[str, Any]) -> None:
    run = tmp_path / "run"
    interrupted_again_and_again(run, small_data, [(f"start:{stage}", "SIGKILL")])
    resume(run, whole)


def filled(run: Path, data: Path, moment: str, size: int) -> None:
    ended = delineate("run", str(data), "--out", str(run), *DECIDED, moment=moment, what=f"full={size}")
    assert ended.returncode == 6, ended.stderr
    assert "Error:" in ended.stderr
    for word in ("Traceback", "Exception", "crash"):
        assert word not in ended.stderr, ended.stderr
    assert not [path for path in run.rglob("*") if path.name.endswith(".tmp")]


def test_a_disk_that_fills_while_training(small_data: Path, tmp_path: Path, whole: dict[str, Any]) -> None:
    run = tmp_path / "run"
    filled(run, small_data, "start:train", 5_000)
    resume(run, whole)


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize(
    ("moment", "size"),
    [
        ("start:check", 1_000),
        ("start:plan", 200),
        ("start:cache", 20_000),
        ("during:train", 5_000),
        ("start:export", 5_000),
        ("start:evaluate", 2_000),
        ("start:report", 10_000),
    ],
)
def test_a_disk_that_fills_in_any_stage(moment: str, size: int, small_data: Path, tmp_path: Path, whole: dict[str, Any]) -> None:
    run = tmp_path / "run"
    filled(run, small_data, moment, size)
    resume(run, whole)


def test_a_disk_that_fills_while_predicting(small_data: Path, finished: Any, tmp_path: Path) -> None:
    """Masks that were finished stay; none is half a mask; the same command does the rest."""
    images = str(small_data / "patient_001")
    out = tmp_path / "masks"
    ended = delineate("predict", str(finished.model), images, "--out", str(out), moment="start:predict", what="full=100")
    assert ended.returncode == 6, ended.stderr
    assert "Traceback" not in ended.stderr
    assert not list(out.rglob("*.tmp*"))
    assert not list(out.rglob("*_mask.tif"))
    again = delineate("predict", str(finished.model), images, "--out", str(out))
    assert again.returncode == 0, again.stderr
    assert list(out.rglob("*_mask.tif"))


def test_interrupted_predicting_and_checking(small_data: Path, finished: Any, tmp_path: Path) -> None:
    out = str(tmp_path / "masks")
    ended = delineate("predict", str(finished.model), str(small_data), "--out", out, moment="during:predict", what="SIGINT")
    assert ended.returncode == 130
    assert "the same command again" in ended.stderr
    again = delineate("predict", str(finished.model), str(small_data), "--out", out)
    assert again.returncode == 0
    ended = delineate("check", str(small_data), "--out", str(tmp_path / "check"), moment="during:measure", what="SIGTERM")
    assert ended.returncode == 143
    assert "Interrupted" in ended.stderr
    assert "Traceback" not in ended.stderr
