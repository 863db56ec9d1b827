"""Several runs at once on this machine: processes that do one run after the other, watched by a thread each.

A process of its own, and not this one, so that a run that eats the memory or crashes takes nothing else with it.
"""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from delineate.errors import RunError
from delineate.workflows.grid.engines import Heard
from delineate.workflows.grid.folders import GridRun
from delineate.workflows.grid.worker import record_failure

#: Seconds a run has to write its checkpoint after Ctrl-C.
_GRACE = 60.0
_POSIX = os.name == "posix"


class LocalEngine:
    """``jobs`` processes; ``folder`` is for what they print."""

    def __init__(self, jobs: int, folder: Path) -> None:
        self.jobs, self.folder = jobs, folder

    def work(self, runs: Sequence[GridRun], heard: Heard) -> None:
        waiting: queue.Queue[GridRun] = queue.Queue()
        for run in runs:
            waiting.put(run)
        messages: queue.Queue[tuple[GridRun | None, Mapping[str, Any]]] = queue.Queue()
        workers = [_Worker(number, self.folder, waiting, messages) for number in range(min(self.jobs, len(runs)))]
        for worker in workers:
            worker.start()
        try:
            working = len(workers)
            while working:
                try:
                    about, message = messages.get(timeout=0.5)
                except queue.Empty:
                    continue
                if about is not None:
                    heard(about, message)
                    continue
                working -= 1
                if message.get("error"):
                    raise message["error"]
        finally:
            for worker in workers:
                worker.stop()
            for worker in workers:
                worker.join(_GRACE)
                worker.kill()


class _Worker(threading.Thread):
    def __init__(
        self,
        number: int,
        folder: Path,
        waiting: queue.Queue[GridRun],
        messages: queue.Queue[tuple[GridRun | None, Mapping[str, Any]]],
    ) -> None:
        super().__init__(daemon=True)
        self.log = folder / f"worker-{number}.log"
        self.waiting, self.messages = waiting, messages
        self.process: subprocess.Popen[str] | None = None
        self.stopping = False

    def run(self) -> None:
        error: BaseException | None = None
        try:
            while not self.stopping:
                try:
                    run = self.waiting.get_nowait()
                except queue.Empty:
                    break
                self._do(run)
        except Exception as caught:  # noqa: BLE001 - handed to the thread that can tell a person
            error = caught
        finally:
            self._close()
            self.messages.put((None, {"error": error}))

    def _do(self, run: GridRun) -> None:
        process = self.process if self.process is not None and self.process.poll() is None else self._open()
        assert process.stdin is not None
        assert process.stdout is not None
        self.messages.put((run, {"kind": "begin"}))
        process.stdin.write(f"{run.folder.resolve()}\n")
        process.stdin.flush()
        for line in process.stdout:
            message = json.loads(line)
            if message["kind"] == "end":
                self.messages.put((run, message))
                return
            self.messages.put((run, message))
        code = process.wait()
        if self.stopping:
            return
        record_failure(run.folder, _died(code, self.log))
        self.messages.put((run, {"kind": "end", "state": "failed"}))

    def _open(self) -> subprocess.Popen[str]:
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("a", encoding="utf-8") as log:
            # A session of its own: Ctrl-C in the terminal reaches this process, which tells the workers.
            self.process = subprocess.Popen(
                [sys.executable, "-m", "delineate.workflows.grid.worker"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                encoding="utf-8",
                start_new_session=_POSIX,
                env=_environment(),
            )
        return self.process

    def _close(self) -> None:
        process = self.process
        if process is not None and process.poll() is None and process.stdin is not None:
            process.stdin.close()

    def stop(self) -> None:
        """Ask for the end: the run writes its checkpoint first."""
        self.stopping = True
        if self.is_alive() and self.process is not None and self.process.poll() is None and _POSIX:
            self.process.send_signal(signal.SIGINT)

    def kill(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        if self.process is not None:
            for pipe in (self.process.stdin, self.process.stdout):
                if pipe is not None:
                    pipe.close()


def _environment() -> dict[str, str]:
    """The worker finds this very package, also where it is only on this process's path."""
    import delineate

    source = str(Path(delineate.__file__).resolve().parents[1])
    path = os.environ.get("PYTHONPATH")
    return {**os.environ, "PYTHONPATH": os.pathsep.join([source, path] if path else [source])}


def _died(code: int, log: Path) -> RunError:
    """A process that the system ended (SIGKILL: most often for want of memory), or one that could not go on by itself."""
    where = Path(*log.parts[-2:])
    if code < 0:
        names = {one.value: one.name for one in signal.Signals}
        return RunError("grid-run-died", reason=names.get(-code, str(-code)), path=where)
    lines = [line for line in log.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
    return RunError("grid-run-bug", reason=lines[-1][:300] if lines else f"exit code {code}", path=where)
