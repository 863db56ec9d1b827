"""Ctrl-C and SIGTERM: the work ends at a safe place, and the person hears how to go on."""

from __future__ import annotations

import argparse
import shlex
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from delineate.cli.grid_arguments import grid_folder, resume_command
from delineate.i18n import translate
from delineate.workflows import default_run_folder


@dataclass
class Received:
    """Which signal asked for the end; 0: none."""

    number: int = 0

    @property
    def exit_code(self) -> int:
        """As shells count: 130 after Ctrl-C, 143 after SIGTERM."""
        return 128 + (self.number or signal.SIGINT)


@contextmanager
def listening() -> Iterator[Received]:
    """Both signals end in KeyboardInterrupt.

    SIGTERM is handed on as SIGINT, since whoever listens to that (training does, to finish its step and write a checkpoint)
    should do the same for both. What a parent process has set to be ignored stays ignored.
    """
    received = Received()
    if threading.current_thread() is not threading.main_thread():
        yield received  # signals reach the main thread only
        return

    def interrupt(number: int, frame: FrameType | None) -> None:
        received.number = received.number or number
        raise KeyboardInterrupt

    def terminate(number: int, frame: FrameType | None) -> None:
        received.number = number
        if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
            raise KeyboardInterrupt
        signal.raise_signal(signal.SIGINT)

    before = {}
    for number, handler in ((signal.SIGINT, interrupt), (signal.SIGTERM, terminate)):
        if signal.getsignal(number) != signal.SIG_IGN:
            before[number] = signal.signal(number, handler)
    try:
        yield received
    finally:
        for number, earlier in before.items():
            signal.signal(number, earlier)


def sentence(arguments: argparse.Namespace, language: str) -> str:
    """What an interrupted person reads: what is kept, and the very command that goes on."""
    if arguments.command == "compare":
        grid = grid_folder(arguments)
        if (Path(grid) / "grid.json").is_file():
            return translate("cli.interrupted.grid", language, command=resume_command(grid))
    folder = _run_folder(arguments)
    if folder is not None and (folder / "options.json").is_file():
        command = "train" if arguments.command == "train" else "run"
        line = f"delineate {command} --out {shlex.quote(str(folder))} --resume"
        return translate("cli.interrupted.run", language, command=line)
    key = "predict" if arguments.command == "predict" else "nothing"
    return translate(f"cli.interrupted.{key}", language)


def _run_folder(arguments: argparse.Namespace) -> Path | None:
    if arguments.command == "demo":
        return Path(arguments.out) / "run"
    if arguments.command not in ("run", "train"):
        return None
    if arguments.out:
        return Path(arguments.out)
    return default_run_folder(Path(arguments.data)) if arguments.data else None
