"""``--events json``: every line is an object, errors are lines, ``stop`` ends the work as Ctrl-C does."""

from __future__ import annotations

import io
import json
import math
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from delineate.cli.event_lines import NAMES, EventLines
from delineate.cli.main import main
from delineate.errors import DataError
from delineate.events import EpochFinished, Event, Note, Progress


def lines_of(text: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in text.splitlines()]


def test_every_event_has_a_name() -> None:
    """Those of a grid, defined where it is, belong to ``compare``, which writes no such lines."""
    assert set(NAMES) == {kind for kind in Event.__subclasses__() if kind.__module__ == "delineate.events"}


def test_numbers_that_json_cannot_hold() -> None:
    stream = io.StringIO()
    lines = EventLines("en", stream)
    lines(EpochFinished(1, 10, {"loss": math.nan, "val_dice": np.float32(0.5), "lr": math.inf}, True))
    lines(Progress("train", 3, None, {"loss": 1.5}))
    epoch, progress = lines_of(stream.getvalue())
    assert epoch == {
        "event": "epoch", "epoch": 1, "step": 10, "metrics": {"loss": None, "val_dice": 0.5, "lr": None}, "best": True,
    }  # fmt: skip
    assert progress == {"event": "progress", "stage": "train", "done": 3, "total": None, "values": {"loss": 1.5}}


def test_notes_have_sentences_in_every_language() -> None:
    stream = io.StringIO()
    EventLines("en", stream)(Note("resumed", {"step": 7, "total": 9}))
    (note,) = lines_of(stream.getvalue())
    sentences = note["sentences"]
    assert isinstance(sentences, dict)
    assert "7" in sentences["en"] and "7" in sentences["zh"] and sentences["en"] != sentences["zh"]


def test_an_error_is_a_line_and_goes_on() -> None:
    stream = io.StringIO()
    with pytest.raises(DataError), EventLines("en", stream):
        raise DataError("file-missing", path=Path("nowhere"))
    hello, error = lines_of(stream.getvalue())
    assert hello["event"] == "hello" and error["code"] == "file-missing" and error["exit_code"] == DataError.exit_code
    assert "nowhere" in str(error["sentences"])


def test_a_reader_that_went_away_does_not_end_the_work() -> None:
    stream = io.StringIO()
    lines = EventLines("en", stream)
    stream.close()
    lines(Progress("train", 1))  # no exception


def test_check_in_lines(small_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(small_data), "--out", str(tmp_path / "check"), "--events", "json"]) == 0
    said = lines_of(capsys.readouterr().out)
    assert said[0]["event"] == "hello"
    assert said[-1]["event"] == "result"
    assert (said[-1]["cases"], said[-1]["persons"], said[-1]["blocking"]) == (32, 8, 0)
    listed = json.loads((tmp_path / "check" / "examples.json").read_text())
    assert len(listed) == 8 == len({one["person"] for one in listed})
    assert all((tmp_path / "check" / one["file"]).read_bytes()[:4] == b"\x89PNG" for one in listed)
    assert {"scan", "check"} <= {line["name"] for line in said if line["event"] == "stage-finished"}


@pytest.mark.parametrize("begun", ["", "signal.signal(signal.SIGINT, signal.SIG_IGN)\n"], ids=["in front", "in the background"])
def test_a_line_stop_ends_the_work(begun: str) -> None:
    """Also where a shell started it in the background, with Ctrl-C ignored."""
    code = (
        f"import signal, sys, time\n{begun}from delineate.cli.event_lines import EventLines\n"
        "try:\n    with EventLines('en'):\n        time.sleep(20)\nexcept KeyboardInterrupt:\n    sys.exit(130)\n"
    )
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", code], stdin=pipe, stdout=pipe, env={**os.environ}) as process:
        assert process.stdin is not None and process.stdout is not None
        first = process.stdout.readline()
        time.sleep(0.2)  # until the work has begun
        process.stdin.write(b"stop\n")
        process.stdin.flush()
        rest, _ = process.communicate(timeout=15)
    assert process.returncode == 130
    assert [line["event"] for line in lines_of((first + rest).decode())] == ["hello", "stopped"]
