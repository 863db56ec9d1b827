"""``compare`` on the command line: which of its two ways is meant, what is refused, what a grid says while it works."""

from __future__ import annotations

from pathlib import Path

import pytest

from delineate.cli.grid_arguments import grid_folder, grid_options, mode_of
from delineate.cli.grid_screen import GridScreen
from delineate.cli.interrupts import sentence
from delineate.cli.main import main
from delineate.cli.parser import build_parser
from delineate.events import Progress, StageFinished, StageStarted
from delineate.workflows.grid.events import GridPlanned, RunChanged
from delineate.workflows.grid.options import GridOptions
from delineate.workflows.options import DataOptions, SplitOptions


@pytest.mark.parametrize(
    ("said", "mode"),
    [
        (("data", "--networks", "unet,resunet", "--epochs", "1"), "train"),
        (("data",), "train"),
        (("runs/a", "runs/b"), "finished"),
        (("a=runs/a", "b=runs/b", "--primary", "hd95", "--out", "cmp"), "finished"),
        (("--resume", "cmp"), "resume"),
        (("--resume", "--out", "cmp"), "resume"),
        (("data", "--networks", "unet,resunet", "--resume"), "resume"),
    ],
)
def test_the_two_ways_are_told_apart(said: tuple[str, ...], mode: str) -> None:
    assert mode_of(build_parser("en").parse_args(["compare", *said])) == mode


def test_one_run_folder_is_no_data_folder(tmp_path: Path) -> None:
    (tmp_path / "options.json").write_text("{}")
    assert mode_of(build_parser("en").parse_args(["compare", str(tmp_path)])) == "finished"


def test_the_command_of_the_issue_is_understood() -> None:
    names = ["--networks", "unet,attention_unet,resnet34_unet,unetplusplus", "--losses", "dice,soft_iou,bce_dice"]
    rules = ["--folds", "5", "--seeds", "2", "--budget", "4h", "--out", "cmp/"]
    arguments = build_parser("en").parse_args(["compare", "DATA", *names, *rules])
    given = grid_options(arguments, DataOptions(), SplitOptions(folds=5))
    options = GridOptions(data=Path("DATA"), **given)
    assert options.networks == ("unet", "attention_unet", "resnet34_unet", "unetplusplus")
    assert options.losses == ("dice", "soft_iou", "bce_dice")
    assert (options.splitting.folds, options.seeds, options.budget) == (5, 2, 4 * 3600)
    assert (options.primary, options.equal) == ("dice", "steps")


def test_only_what_was_said_is_compared_with_the_grid_that_is_resumed() -> None:
    arguments = build_parser("en").parse_args(["compare", "--resume", "cmp", "--jobs", "2"])
    assert grid_options(arguments, DataOptions(), SplitOptions()) == {}
    assert grid_folder(arguments) == "cmp"


def test_the_folder_that_is_resumed_may_be_said_in_three_ways(tmp_path: Path) -> None:
    grid = tmp_path / "cmp"
    grid.mkdir()
    (grid / "grid.json").write_text("{}")
    for said in (["--resume", str(grid)], ["--resume", "--out", str(grid)], ["data", "--out", str(grid), "--resume"]):
        assert grid_folder(build_parser("en").parse_args(["compare", *said])) == str(grid)


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize(
    ("said", "code", "word"),
    [
        (("runs/a", "runs/b", "--networks", "unet"), 2, "--networks"),
        (("--resume", "a", "b"), 2, "a, b"),
        ((), 2, "--networks"),
        (("{data}",), 2, "--networks"),
        (("{data}", "--networks", "unet,unett", "--epochs", "1"), 2, "attention_unet"),
        (("{data}", "--networks", "unet,resunet"), 2, "--budget 4h"),
        (("{data}", "--networks", "unet,resunet", "--budget", "soon"), 2, "1h30m"),
        (("{data}", "--networks", "unet,resunet", "--epochs", "0"), 2, "--epochs"),
        (("{data}", "--networks", "unet,resunet", "--epochs", "1", "--seeds", "0"), 2, "--seeds"),
        (("{data}", "--networks", "unet,resunet", "--epochs", "1", "--set", "lr"), 4, "training.lr=0.001"),
        (("nowhere/at/all", "--networks", "unet,resunet", "--epochs", "1"), 2, "nowhere/at/all"),
        (("--resume", "nowhere"), 9, "grid.json"),
    ],
)
def test_mistakes_are_said_and_leave_nothing_behind(
    said: tuple[str, ...],
    code: int,
    word: str,
    language: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").mkdir()
    assert main(["--lang", language, "compare", *(one.format(data="data") for one in said)]) == code
    error = capsys.readouterr().err
    assert word in error
    assert "Traceback" not in error
    assert ("错误" in error) == (language == "zh")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data"]


def test_an_engine_that_is_not_installed_says_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import sys

    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "submitit", None)
    (tmp_path / "data").mkdir()
    said = ["data", "--networks", "unet,resunet", "--epochs", "1", "--out", "cmp"]
    assert main(["compare", *said, "--engine", "submitit"]) == 7
    assert 'pip install "delineate[cluster]"' in capsys.readouterr().err
    assert main(["compare", "--resume", "cmp", "--engine-option", "partition=gpu"]) == 2
    assert "--engine submitit" in capsys.readouterr().err


def test_an_interrupted_grid_says_how_to_go_on(tmp_path: Path) -> None:
    arguments = build_parser("en").parse_args(["compare", "data", "--networks", "unet,resunet", "--out", str(tmp_path)])
    assert "nothing" in sentence(arguments, "en").lower() or "--resume" not in sentence(arguments, "en")
    (tmp_path / "grid.json").write_text("{}")
    assert f"delineate compare --resume {tmp_path}" in sentence(arguments, "en")
    assert "已中断" in sentence(arguments, "zh")


@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_log_has_the_plan_and_a_line_per_run(language: str, capsys: pytest.CaptureFixture[str]) -> None:
    plan = GridPlanned(4, 0, ("unet", "resunet"), 2, 1, (300, 300), (64, 64), 1, 600.0, "steps", "dice")
    with GridScreen(language) as screen:
        screen(plan)
        screen(StageStarted("grid", 4))
        screen(RunChanged("unet", 0, 0, "running", 0.5, 0.2, 0.7, 3.0))
        screen(RunChanged("unet", 0, 0, "finished", 1.0, None, 0.8123, 61.0))
        screen(Progress("grid", 1, 4, {"seconds_left": 180.0}))
        screen(RunChanged("resunet", 0, 0, "failed", reason=(("en", "Out of memory."), ("zh", "内存不足。"))))
        screen(StageFinished("grid", 70.0))
    lines = capsys.readouterr().err.splitlines()
    assert "10:00" in lines[0]
    assert "300" in lines[0]
    assert "unet, resunet" in lines[1]
    assert sum("0.8123" in line for line in lines) == 1
    assert any(("Out of memory." if language == "en" else "内存不足。") in line for line in lines)
    assert not any("cli." in line for line in lines)
