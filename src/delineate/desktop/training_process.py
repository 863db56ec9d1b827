"""A command of the program in a process of its own: what it says comes as signals, and the window never waits for it.

Training loads torch and takes all cores; neither may happen in the window's process.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import Any

from PySide6.QtCore import QObject, QProcess, QTimer, Signal

_KEPT = 8000  # characters of standard error
_PATIENCE_MS = 20_000  # after asking to stop, before it is ended by force


def command_line(arguments: Sequence[str]) -> tuple[str, list[str]]:
    """Program and arguments of ``delineate …``."""
    return sys.executable, ["-m", "delineate", *arguments]


class CommandProcess(QObject):
    """``told`` is a line of ``--events json`` as a dictionary (docs/events.md). Then, once, ``ended`` with one of the words
    ``done``, ``stopped`` and ``failed``; of a failure :attr:`sentences` says the reason by language, where the command said one."""

    told = Signal(dict)
    ended = Signal(str)

    def __init__(self, arguments: Sequence[str], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.sentences: dict[str, str] = {}
        self.result: dict[str, Any] = {}
        self.said = ""  # the last of standard error
        self.code = 0
        self._left = b""
        self._asked = self._over = False
        self._process = QProcess(self)
        self._process.readyReadStandardOutput.connect(self._read)
        self._process.readyReadStandardError.connect(self._read_errors)
        self._process.finished.connect(lambda *_: self._finished())
        self._process.errorOccurred.connect(self._trouble)
        program, rest = command_line([*arguments, "--events", "json"])
        self._process.start(program, rest)

    @property
    def running(self) -> bool:
        return not self._over

    def stop(self) -> None:
        """Ask for an orderly end, as Ctrl-C does; after a while it is ended by force."""
        if not self._over and not self._asked:
            self._asked = True
            self._process.write(b"stop\n")
            QTimer.singleShot(_PATIENCE_MS, self, self._insist)

    def kill(self, milliseconds: int = 5000) -> None:
        """End it now; what it wrote to disk stays."""
        if not self._over:
            self._asked = True
            self._process.kill()
            self._process.waitForFinished(milliseconds)

    def _insist(self) -> None:
        if not self._over:
            self._process.kill()

    def _read(self) -> None:
        *lines, self._left = (self._left + bytes(self._process.readAllStandardOutput().data())).split(b"\n")
        for line in lines:
            try:
                found = json.loads(line)
            except ValueError:
                continue
            if not isinstance(found, dict) or "event" not in found:
                continue
            if found["event"] == "error":
                self.sentences = dict(found.get("sentences") or {})
            elif found["event"] == "result":
                self.result = found
            self.told.emit(found)

    def _read_errors(self) -> None:
        text = bytes(self._process.readAllStandardError().data()).decode("utf-8", "replace")
        self.said = (self.said + text)[-_KEPT:]

    def _trouble(self, error: QProcess.ProcessError) -> None:
        if error == QProcess.ProcessError.FailedToStart:
            self.said = self._process.errorString()
            self._finished()

    def _finished(self) -> None:
        if self._over:
            return
        self._read()
        self._over = True
        self.code = self._process.exitCode()
        crashed = self._process.exitStatus() == QProcess.ExitStatus.CrashExit
        if self._asked:
            self.ended.emit("stopped")
        elif self.result and not self.sentences and not crashed:
            self.ended.emit("done")
        else:
            self.ended.emit("failed")
