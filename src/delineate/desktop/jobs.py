"""Work beside the window: a function in a thread of its own, which tells how far it is and can be stopped.

Nothing a job does touches a widget; it talks by signals, which always arrive in the window's thread.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from PySide6.QtCore import QObject, QRunnable, Qt, QThreadPool, Signal, Slot

from delineate.errors import DelineateError

_log = logging.getLogger("delineate.desktop")


class StoppedError(Exception):
    """The person stopped the job. Raised inside the work by :meth:`Job.report` and :meth:`Job.check`."""


class Job(QObject):
    """One piece of work. ``progress`` (done, total; total 0: unknown), ``told`` (one of :mod:`delineate.events`), then one of
    ``done`` (the work's result), ``failed`` (the exception) and ``stopped``, and last ``ended``."""

    progress = Signal(int, int)
    told = Signal(object)
    done = Signal(object)
    failed = Signal(object)
    stopped = Signal()
    ended = Signal()
    _sent = Signal(str, object)

    def __init__(self, title: str, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.title = title
        self.running = True
        self._stop = False
        # Through the queue of the window's thread, whatever the receivers are: a lambda has no thread of its own.
        self._sent.connect(self._deliver, Qt.ConnectionType.QueuedConnection)

    # -- called from the window

    def stop(self) -> None:
        """Ask the work to end; it does at its next :meth:`report` or :meth:`check`."""
        self._stop = True

    # -- called from the work

    @property
    def stopping(self) -> bool:
        return self._stop

    def check(self) -> None:
        if self._stop:
            raise StoppedError

    def report(self, done: int, total: int = 0) -> None:
        self.check()
        self._sent.emit("progress", (done, total))

    def tell(self, event: object) -> None:
        """An event sink for workflows (:mod:`delineate.events`); stopping reaches the workflow as an exception."""
        self.check()
        self._sent.emit("told", event)

    def run(self, work: Callable[[Job], Any]) -> None:
        try:
            result = work(self)
        except StoppedError:
            self._sent.emit("stopped", None)
        except Exception as error:  # noqa: BLE001 - a failed job is told in the window, which goes on
            if not isinstance(error, (DelineateError, MemoryError)):
                _log.exception("a job failed")
            self._sent.emit("failed", error)
        else:
            self._sent.emit("done", result)

    @Slot(str, object)
    def _deliver(self, kind: str, value: Any) -> None:
        if kind == "progress":
            self.progress.emit(*value)
            return
        if kind == "told":
            self.told.emit(value)
            return
        self.running = False
        if kind == "stopped":
            self.stopped.emit()
        else:
            (self.done if kind == "done" else self.failed).emit(value)
        self.ended.emit()


class Jobs(QObject):
    """The jobs of a window. ``changed`` when one begins or ends."""

    changed = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._pool = QThreadPool(self)
        self._running: list[Job] = []

    @property
    def running(self) -> tuple[Job, ...]:
        return tuple(self._running)

    def start(
        self,
        title: str,
        work: Callable[[Job], Any],
        done: Callable[[Any], None] | None = None,
        failed: Callable[[Exception], None] | None = None,
    ) -> Job:
        """Begin ``work(job)`` in a thread; ``title`` is a sentence for the status bar."""
        job = Job(title, self)
        if done is not None:
            job.done.connect(done)
        if failed is not None:
            job.failed.connect(failed)
        job.ended.connect(lambda: self._ended(job))
        self._running.append(job)
        self._pool.start(_Runner(job, work))
        self.changed.emit()
        return job

    def stop_all(self, milliseconds: int = 30_000) -> bool:
        """Stop everything and wait; whether all has ended."""
        for job in self._running:
            job.stop()
        return self._pool.waitForDone(milliseconds)

    def _ended(self, job: Job) -> None:
        self._running.remove(job)
        self.changed.emit()
        job.deleteLater()


class _Runner(QRunnable):
    def __init__(self, job: Job, work: Callable[[Job], Any]) -> None:
        super().__init__()
        self._job, self._work = job, work

    def run(self) -> None:
        self._job.run(self._work)
