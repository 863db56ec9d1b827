"""Accepted work that outlives the connection, and the process: queue, workers, results on disk, retention."""

from __future__ import annotations

import hashlib
import json
import logging
import secrets
import shutil
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from delineate.errors import DelineateError, ResourceError, UsageError
from delineate.server.audit import Audit
from delineate.server.forms import possible, write
from delineate.server.gate import StoppedError, Ticket
from delineate.server.intake import Upload
from delineate.server.job_table import CANCELLED, DONE, FAILED, FINAL, QUEUED, JobTable, Record
from delineate.server.problems import from_system, plain, trace_of
from delineate.server.settings import MIB, Settings
from delineate.server.shelf import Shelf
from delineate.server.telemetry import Telemetry
from delineate.server.unpack import open_image
from delineate.server.work import Segmented, segment

log = logging.getLogger("delineate.server")
_SWEEP = 30.0
_AGAIN = 1.0


class Jobs:
    """``state/jobs/<id>/input`` until the job has ended, then ``…/result`` until its time is over."""

    def __init__(self, settings: Settings, shelf: Shelf, audit: Audit, telemetry: Telemetry) -> None:
        self.folder = settings.state / "jobs"
        self.folder.mkdir(parents=True, exist_ok=True)
        self._settings, self._shelf, self._audit, self._telemetry = settings, shelf, audit, telemetry
        self._table = JobTable(settings.state / "jobs.sqlite")
        self._tickets: dict[str, Ticket] = {}
        self._wake = threading.Condition()
        self._closing = False
        self._threads: list[threading.Thread] = []
        self._stored = 0

    def start(self) -> None:
        """Take up what a former process left, and begin to work."""
        for name in self._table.recover():
            self._audit.write(event="job-failed", job=name, outcome="job-crashed")
        known = self._table.ids()
        for left in self.folder.iterdir():
            if left.name not in known:
                shutil.rmtree(left, ignore_errors=True)
        self._stored = _bytes_under(self.folder)
        for number in range(self._settings.job_workers):
            self._threads.append(threading.Thread(target=self._work, name=f"job-{number}", daemon=True))
        self._threads.append(threading.Thread(target=self._sweep, name="retention", daemon=True))
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """Stop working. What runs goes back to the queue, for the next process."""
        with self._wake:
            self._closing = True
            self._wake.notify_all()
        for ticket in list(self._tickets.values()):
            ticket.stop()
        until = time.monotonic() + self._settings.drain
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))
        if not any(thread.is_alive() for thread in self._threads):
            self._table.close()
            return
        for name in list(self._tickets):  # busy where nothing can be interrupted: the process ends around it
            with suppress(DelineateError):
                self._table.release(name)

    @property
    def closing(self) -> bool:
        return self._closing

    def counts(self) -> Mapping[str, float]:
        return self._table.counts()

    def check_room(self) -> None:
        """Raises UsageError ``server-busy`` (429) or ResourceError ``storage-full`` (507) before a body is read."""
        if self._closing:
            raise ResourceError("server-closing")
        waiting = int(self._table.counts()[QUEUED])
        if waiting >= self._settings.queue:
            raise UsageError("server-busy", seconds=30, waiting=waiting)
        if self._stored > self._settings.max_stored:
            raise ResourceError("storage-full", megabytes=self._settings.max_stored // MIB)

    def accept(self, upload: Upload, *, model: str, who: str, params: dict[str, Any]) -> Record:
        """Keep the upload as a job; once this returns the job is not lost any more. Raises ResourceError ``cannot-write``."""
        name = secrets.token_hex(16)
        place = self.folder / name
        try:
            place.mkdir()
            upload.folder.rename(place / "input")
            job = Record(
                name, QUEUED, model, who, params, [path.name for path in upload.files], upload.sha256, upload.size, time.time()
            )
            self._table.add(job)
        except (OSError, ResourceError) as error:
            shutil.rmtree(place, ignore_errors=True)
            raise from_system(error) or error from None
        self._stored += upload.size
        with self._wake:
            self._wake.notify()
        return job

    def get(self, name: str, who: str) -> Record:
        """Raises UsageError ``job-unknown``: none such, or somebody else's."""
        job = self._table.get(name)
        if job is None or job.who != who:
            raise UsageError("job-unknown")
        return job

    def progress(self, job: Record) -> dict[str, int]:
        ticket = self._tickets.get(job.id)
        if ticket is not None and job.state not in FINAL:
            return {"done": ticket.done, "total": ticket.total}
        return {"done": int(job.state == DONE), "total": 1}

    def result(self, job: Record) -> Path:
        """The folder of a finished job's results. Raises UsageError ``job-not-done``."""
        if job.state != DONE:
            raise UsageError("job-not-done", state=job.state)
        return self.folder / job.id / "result"

    def cancel(self, name: str, who: str) -> None:
        """Stop the job if it runs, and forget it with all its files."""
        self.get(name, who)
        self._table.delete(name)
        ticket = self._tickets.get(name)
        if ticket is not None:
            ticket.stop()  # its worker removes the files when it has let go of them
        else:
            self._forget(name)

    def _forget(self, name: str) -> None:
        place = self.folder / name
        size = _bytes_under(place)
        shutil.rmtree(place, ignore_errors=True)
        self._stored = max(0, self._stored - size)

    def _work(self) -> None:
        while not self._closing:
            try:
                job = self._table.claim()
            except Exception:  # a full disk, most often: tried again
                log.exception("jobs cannot be read")
                job = None
            if job is None:
                with self._wake:
                    if not self._closing:
                        self._wake.wait(_AGAIN)
                continue
            self._one(job)

    def _one(self, job: Record) -> None:
        ticket = self._tickets[job.id] = Ticket(time.monotonic() + self._settings.job_timeout)
        place = self.folder / job.id
        problem: dict[str, Any] | None = None
        outputs: dict[str, str] = {}
        state = DONE
        try:
            if self._closing:
                raise StoppedError
            outputs = self._compute(job, place, ticket)
        except StoppedError:
            state = QUEUED if self._closing and self._table.get(job.id) is not None else CANCELLED
        except Exception as error:  # noqa: BLE001 - a worker must outlive every job
            state, known = FAILED, from_system(error)
            if known is None:
                log.error("job %s failed: a bug\n%s", job.id, trace_of(error))
                known = ResourceError("server-bug")
            problem = plain(known)
        self._end(job, state, problem, outputs)

    def _compute(self, job: Record, place: Path, ticket: Ticket) -> dict[str, str]:
        served = self._shelf.get(job.model)
        files = [place / "input" / name for name in job.files]
        shutil.rmtree(place / "input" / "unpacked", ignore_errors=True)  # of an attempt that was cut short
        image = open_image(files, place / "input", served.predictor.record, self._settings)
        began = time.perf_counter()
        found = segment(
            served,
            image,
            ticket,
            sha256=job.sha256,
            clean=bool(job.params.get("clean", True)),
            measures=bool(job.params.get("measures", True)),
            refuse_unfamiliar=self._settings.refuse_unfamiliar,
        )
        self._telemetry.work.labels(served.id).observe(time.perf_counter() - began)
        partial, final = place / "result.part", place / "result"
        shutil.rmtree(partial, ignore_errors=True)
        shutil.rmtree(final, ignore_errors=True)
        forms = {}
        for form in possible(found):
            ticket.check()
            paths = write(found, served, partial / form, form, identity=bool(job.params.get("identity", True)))
            forms[form] = [path.name for path in paths]
        _save(found, partial, forms)
        partial.rename(final)
        ticket.done = ticket.total = max(ticket.total, 1)
        return {"model_sha256": served.sha256, "output_sha256": found.facts["output_sha256"]}

    def _end(self, job: Record, state: str, problem: dict[str, Any] | None, outputs: dict[str, str]) -> None:
        """Write down how it ended, trying until the disk takes it."""
        while True:
            try:
                if state == QUEUED:
                    self._table.release(job.id)
                elif state != CANCELLED:
                    code = "done" if problem is None else str(problem["code"])
                    self._audit.write(
                        event=f"job-{state}",
                        job=job.id,
                        who=job.who,
                        model=job.model,
                        input_sha256=job.sha256,
                        outcome=code,
                        **outputs,
                    )
                    if not self._table.finish(job.id, state, problem):
                        state = CANCELLED  # it was deleted while it was being written
                break
            except DelineateError:
                if self._closing:
                    break  # still "running": the next process takes it up again
                time.sleep(_AGAIN)
        self._tickets.pop(job.id, None)
        if state != QUEUED:
            self._telemetry.images.labels(job.model, state).inc()
        if state == CANCELLED:
            self._forget(job.id)
        elif state in FINAL:
            shutil.rmtree(self.folder / job.id / "input", ignore_errors=True)  # not kept longer than needed
            self._stored = _bytes_under(self.folder)

    def _sweep(self) -> None:
        """Forget what is older than the retention."""
        while True:
            with self._wake:
                if not self._closing:
                    self._wake.wait(_SWEEP)
                if self._closing:
                    return
            with suppress(DelineateError):
                for name in self._table.older(time.time() - self._settings.retention):
                    self._table.delete(name)
                    self._forget(name)


def _save(found: Segmented, folder: Path, forms: dict[str, list[str]]) -> None:
    labels = np.ascontiguousarray(found.mask.labels)
    found.facts["output_sha256"] = hashlib.sha256(labels.tobytes()).hexdigest()
    np.savez_compressed(folder / "labels.npz", labels=labels)
    record = {"facts": found.facts, "forms": forms, "labels": found.labels.model_dump(mode="json")}
    (folder / "result.json").write_text(json.dumps(record), encoding="utf-8")


def load_result(folder: Path) -> tuple[dict[str, Any], NDArray[Any]]:
    """(result.json, labels) of a finished job."""
    record: dict[str, Any] = json.loads((folder / "result.json").read_text(encoding="utf-8"))
    with np.load(folder / "labels.npz", allow_pickle=False) as arrays:
        return record, arrays["labels"]


def _bytes_under(folder: Path) -> int:
    total = 0
    for path in folder.rglob("*"):
        with suppress(OSError):
            if path.is_file():
                total += path.stat().st_size
    return total
