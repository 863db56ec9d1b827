"""``--events json``: what a command says as one JSON object a line, for programs that start it (see docs/events.md).

Words stay on stderr; stdout holds nothing but these lines. A line ``stop`` on standard input asks for the same orderly end as
Ctrl-C, on every system (Windows has no signal that a parent could send for that).
"""

from __future__ import annotations

import _thread
import argparse
import json
import math
import os
import signal
import stat
import sys
import threading
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Any, TextIO

from delineate.cli.console import Screen
from delineate.errors import EXIT_BUG, DelineateError, ResourceError
from delineate.events import EpochFinished, Event, InputFinished, Note, Progress, StageFinished, StageStarted
from delineate.i18n import LANGUAGES, translate

VERSION = 1
#: Event class → the word in the field ``event``.
NAMES: dict[type[Event], str] = {
    StageStarted: "stage-started",
    Progress: "progress",
    StageFinished: "stage-finished",
    EpochFinished: "epoch",
    Note: "note",
    InputFinished: "input",
}


def sink_of(arguments: argparse.Namespace, language: str) -> Screen | EventLines:
    """Where the events of a command go."""
    return EventLines(language) if arguments.events == "json" else Screen(language, quiet=arguments.quiet)


class EventLines:
    """An event sink that writes lines. Use as a context manager; an error on the way out is a line too, and goes on."""

    def __init__(self, language: str, stream: TextIO | None = None) -> None:
        self.language = language
        self._stream = sys.stdout if stream is None else stream
        self._lock = threading.Lock()  # events come from several threads
        self._gone = False

    def __enter__(self) -> EventLines:
        self.say("hello", version=VERSION, pid=os.getpid())
        listen_for_stop()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if isinstance(error, DelineateError):
            self._say_error(error.code, error.key, error.exit_code, error.params)
        elif isinstance(error, MemoryError):
            self._say_error("no-memory", "error.no-memory", ResourceError.exit_code, {})
        elif isinstance(error, KeyboardInterrupt):
            self.say("stopped")
        elif error is not None:
            params = {"kind": type(error).__name__, "reason": str(error)}
            self._say_error("bug", "cli.events.bug", EXIT_BUG, params)

    def __call__(self, event: Event) -> None:
        name = NAMES.get(type(event))
        if name is None:
            return
        fields = asdict(event)
        if isinstance(event, InputFinished) and event.key:
            fields["sentences"] = {one: translate(event.key, one, **event.params) for one in LANGUAGES}
        if isinstance(event, Note):
            fields["sentences"] = {one: translate(f"note.{event.code}", one, **event.params) for one in LANGUAGES}
        self.say(name, **fields)

    def say(self, event: str, **fields: Any) -> None:
        """Write one line at once. A reader that has gone away ends the telling, not the work."""
        line = json.dumps(_plain({"event": event, **fields}), ensure_ascii=True, allow_nan=False)
        with self._lock:
            if self._gone:
                return
            try:
                self._stream.write(line + "\n")
                self._stream.flush()
            except (OSError, ValueError):
                self._gone = True

    def _say_error(self, code: str, key: str, exit_code: int, params: dict[str, Any]) -> None:
        sentences = {one: translate(key, one, **params) for one in LANGUAGES}
        self.say("error", code=code, exit_code=exit_code, params=params, sentences=sentences)


def listen_for_stop() -> bool:
    """Read standard input in a thread, where it is a pipe; whether it is. Its end means nothing: a parent may have closed it."""
    try:
        number = sys.stdin.fileno()
        if not stat.S_ISFIFO(os.fstat(number).st_mode):
            return False
    except (OSError, ValueError, AttributeError):
        return False
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN and threading.current_thread() is threading.main_thread():
        # A shell starts what runs in the background so. Whoever holds the pipe may stop it all the same.
        signal.signal(signal.SIGINT, signal.default_int_handler)
    threading.Thread(target=_listen, args=(number,), daemon=True, name="delineate-stop").start()
    return True


def _listen(number: int) -> None:
    kept = b""
    while True:
        try:
            read = os.read(number, 256)  # not through sys.stdin, whose lock would be held when Python ends
        except OSError:
            return
        if not read:
            return
        *lines, kept = (kept + read)[-4096:].split(b"\n")
        if any(line.strip() == b"stop" for line in lines):
            _interrupt()


def _interrupt() -> None:
    """As Ctrl-C does."""
    if hasattr(signal, "pthread_kill"):  # wakes the main thread where it waits
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
    else:
        _thread.interrupt_main()


def _plain(value: Any) -> Any:
    """What JSON can hold: no number that is not finite, paths and the rest as text."""
    if isinstance(value, dict):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_plain(one) for one in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, (str, int, bool)):
        return value
    if isinstance(value, Path):
        return str(value)
    item = getattr(value, "item", None)  # a NumPy number
    return _plain(item()) if callable(item) and getattr(value, "ndim", 1) == 0 else str(value)
