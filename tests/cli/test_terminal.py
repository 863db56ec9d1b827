"""What stands on the screen: a terminal, a log file, a terminal that knows no Chinese, a reader that goes away."""

from __future__ import annotations

import io
import os
import pty
import re
import select
import subprocess
import sys
import time
from pathlib import Path

import pytest
from rich.console import Console

from delineate.cli.console import Screen, clock
from delineate.cli.width import cells, pad, wrap
from delineate.events import EpochFinished, Event, Note, Progress, StageFinished, StageStarted

STAGES = (
    "scan",
    "masks",
    "measure",
    "split",
    "check",
    "plan",
    "cache",
    "train",
    "export",
    "choose",
    "evaluate",
    "report",
    "predict",
)
ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def shown(events: list[Event], language: str = "en", *, width: int = 120, terminal: bool = False, quiet: bool = False) -> str:
    """What a screen of ``width`` columns was sent."""
    screen = Screen(language, quiet=quiet)
    text = io.StringIO()
    screen.console = Console(file=text, width=width, force_terminal=terminal, soft_wrap=True, highlight=False)
    screen.live = terminal and not quiet
    screen.roomy = not screen.live or width >= 100
    with screen:
        for event in events:
            screen(event)
            if screen._progress is not None:
                screen._progress.refresh()
    return text.getvalue()


def epoch(number: int, best: bool = False) -> EpochFinished:
    metrics = {"loss": 0.5, "val_loss": 0.4, "val_dice": 0.9, "val_iou": 0.8, "images_per_second": 12.3}
    return EpochFinished(number, number * 10, metrics, best)


TRAINING: list[Event] = [
    StageStarted("train", 800),
    Progress("train", 7, 800, {"loss": 1.25, "images_per_second": 99.6, "seconds_left": 75.2, "best": 0.0}),
    epoch(1, best=True),
    Progress("train", 8, 800, {"loss": 1.2, "images_per_second": 101.0, "seconds_left": 65.0, "best": 0.9}),
    epoch(2),
    StageFinished("train", 83.0),
]


@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_log_has_one_line_per_stage(language: str) -> None:
    events = [event for name in STAGES for event in (StageStarted(name, 3), Progress(name, 1, 3), StageFinished(name, 1.25))]
    lines = shown(events, language).splitlines()
    assert len(lines) == len(STAGES)
    assert not any("stage." in line for line in lines)
    assert {cells(line) for line in lines} == {cells(lines[0])}, "their times stand below each other"
    assert "\x1b" not in "".join(lines)


def test_a_log_hears_of_long_stages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("delineate.cli.console.ALIVE_EVERY", 0.0)
    text = shown(TRAINING)
    assert "Training 8/800" in text
    assert "1:05 left" in text
    assert "101 img/s" in text


def test_epochs_are_told_now_and_then_and_the_last_one_always() -> None:
    text = shown([StageStarted("train", 800), *(epoch(n, best=n == 3) for n in range(1, 40)), StageFinished("train", 83.0)])
    lines = text.splitlines()
    assert len(lines) == 3
    assert "epoch   1" in lines[0]
    assert "epoch  39" in lines[1]
    assert lines[1].rstrip().endswith(("★", "*")), "an earlier one was the best and had no line"


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("width", [80, 120])
def test_the_live_line(language: str, width: int) -> None:
    text = ANSI.sub("", shown(TRAINING, language, width=width, terminal=True))
    assert "8/800" in text
    assert "1:05" in text
    assert "0.9000" in text
    assert "101" in text
    assert "mIoU" in text
    live = [line for line in re.split(r"[\r\n]", text) if "/800" in line]
    assert live
    assert all(cells(line.rstrip()) <= width for line in live)
    name = {"en": "Training", "zh": "训练"}[language]
    assert sum(line.startswith("✓") and name in line for line in re.split(r"[\r\n]", text)) == 1


def test_notes_are_not_read_as_markup() -> None:
    text = shown([Note("case-left-out", {"case": "[bold]x[/bold]", "reason": "[/nothing]"}, "warning")])
    assert "[bold]x[/bold]" in text
    assert "[/nothing]" in text


def test_quiet_leaves_warnings() -> None:
    text = shown([*TRAINING, Note("resumed", {"step": 1, "total": 2}), Note("data-changed", level="warning")], quiet=True)
    assert len(text.splitlines()) == 1
    assert text.startswith("!")


def test_a_stream_that_fails_does_not_end_the_work() -> None:
    class Gone(io.StringIO):
        def write(self, text: str) -> int:
            raise OSError(5, "Input/output error")

    screen = Screen("en")
    screen.console = Console(file=Gone())
    for event in TRAINING:
        screen(event)


def test_clock() -> None:
    assert [clock(s) for s in (0.04, 4.2, 59.94, 59.97, 75, 3661)] == ["0.0 s", "4.2 s", "59.9 s", "1:00", "1:15", "1:01:01"]
    assert clock(4.2, whole=True) == "0:04"


def test_chinese_takes_two_columns() -> None:
    assert cells("训练 ab") == 7
    assert pad("训练", 6) == "训练  "
    for text in ("用于选择的患者比例（默认：0.15），然后继续用完整的句子来说明它。" * 3, "words and words " * 20, ""):
        for width in (20, 33):
            lines = wrap(text, width)
            assert all(cells(line) <= width for line in lines)
            assert "".join(lines).replace(" ", "") == text.replace(" ", "")
            assert not any(line.startswith(("，", "。", "）")) for line in lines)


# --- as processes ------------------------------------------------------------


def environment(**changes: str) -> dict[str, str]:
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("LC_", "LANG", "PYTHON"))}
    return {**clean, "OMP_NUM_THREADS": "1", **changes}


@pytest.mark.parametrize(
    "changes",
    [{"LC_ALL": "C", "PYTHONIOENCODING": "ascii"}, {"LC_ALL": "C"}, {"PYTHONIOENCODING": "latin-1"}, {"PYTHONIOENCODING": "gbk"}],
    ids=str,
)
def test_a_terminal_that_knows_no_chinese(changes: dict[str, str], small_data: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "delineate", "check", str(small_data), "--out", str(tmp_path / "检查"), "--lang", "zh"]
    done = subprocess.run(command, env=environment(DELINEATE_LANG="en", **changes), capture_output=True, timeout=200)
    assert done.returncode == 0, done.stderr
    encoding = "gbk" if changes.get("PYTHONIOENCODING") == "gbk" else "utf-8"
    assert "病例" in done.stdout.decode(encoding)
    assert "查看文件夹" in done.stderr.decode(encoding)
    english = [*command[:-1], "en"]
    done = subprocess.run(english, env=environment(DELINEATE_LANG="en", **changes), capture_output=True, timeout=200)
    assert done.returncode == 0, done.stderr
    assert b"Looking at the folder" in done.stderr


def test_a_reader_that_goes_away(small_data: Path, tmp_path: Path) -> None:
    """``delineate check … | head -0`` and ``2>&1 | head -1``: no complaint, and the work is done."""
    out = tmp_path / "check"
    command = f"'{sys.executable}' -m delineate check '{small_data}' --out '{out}'"
    done = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {command} | true"], env=environment(), capture_output=True, text=True, timeout=200
    )
    assert done.returncode == 0, done.stderr
    assert "BrokenPipe" not in done.stderr
    assert (out / "check.html").exists()
    (out / "check.html").unlink()
    done = subprocess.run(["bash", "-c", f"{command} 2>&1 | true; exit ${{PIPESTATUS[0]}}"], env=environment(), timeout=200)
    assert done.returncode == 0
    assert (out / "check.html").exists()


def test_on_a_real_terminal(small_data: Path, tmp_path: Path) -> None:
    """Every stage once, nothing of the live line left, the cursor back."""
    command = [sys.executable, "-m", "delineate", "check", str(small_data), "--out", str(tmp_path / "check"), "--lang", "zh"]
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        command, stdout=theirs, stderr=theirs, env=environment(TERM="xterm-256color", COLUMNS="80", PYTHONIOENCODING="utf-8")
    )
    os.close(theirs)
    sent = b""
    deadline = time.monotonic() + 200
    while time.monotonic() < deadline:
        if not select.select([ours], [], [], 1.0)[0]:
            continue
        try:
            piece = os.read(ours, 65536)
        except OSError:
            break
        if not piece:
            break
        sent += piece
    assert process.wait(10) == 0
    os.close(ours)
    text = sent.decode()
    assert text.rfind("\x1b[?25h") > text.rfind("\x1b[?25l") >= 0, "the cursor is hidden while it works, then back"
    lines = [line.strip() for line in ANSI.sub("", text).replace("\r", "\n").split("\n")]
    for name in ("查看文件夹", "测量每个图像", "检查"):
        assert sum(line.startswith("✓") and name in line for line in lines) == 1
