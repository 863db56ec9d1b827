"""Requests that are answered at once: admitted or sent away, computed by a few threads, stopped when nobody waits any more."""

from __future__ import annotations

import asyncio
import hashlib
import json
import shutil
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from starlette.requests import Request

from delineate.errors import ResourceError, UsageError
from delineate.server.corrections import read_corrected
from delineate.server.display import encode
from delineate.server.forms import JSON, NATIVE, ZIP, answer_json, only_one, write, zipped
from delineate.server.gate import StoppedError, Ticket
from delineate.server.intake import GoneError, Upload
from delineate.server.settings import Settings
from delineate.server.shelf import Served
from delineate.server.telemetry import Telemetry
from delineate.server.unpack import open_image
from delineate.server.work import corrected, segment

_LOOK = 0.5
#: A form of answer beside those of :mod:`delineate.server.forms`: the image itself, nothing computed.
DISPLAY = "display"


@dataclass(frozen=True)
class Options:
    """What the fields of a request ask for."""

    clean: bool = True
    identity: bool = True
    mask: str = "rle"
    measures: bool = True


@dataclass(frozen=True)
class Answer:
    """A finished answer; ``facts`` for the audit log and headers."""

    body: bytes
    suffix: str
    facts: dict[str, Any]

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.body).hexdigest()


class Desk:
    """``settings.workers`` threads compute, ``settings.queue`` requests wait; who comes then is told when to come again."""

    def __init__(self, settings: Settings, telemetry: Telemetry) -> None:
        self._settings, self._telemetry = settings, telemetry
        self._pool = ThreadPoolExecutor(settings.workers, thread_name_prefix="segment")
        self._lock = threading.Lock()
        self._admitted = self._uploading = 0
        self._typical = 1.0
        self._tickets: set[Ticket] = set()
        self.closing = False
        self.leaving = False
        """A signal asked for the end: what was begun is finished."""

    def close(self) -> None:
        self.closing = True
        for ticket in list(self._tickets):
            ticket.stop()
        self._pool.shutdown(wait=True, cancel_futures=True)

    def check_room(self) -> None:
        """Raises UsageError ``server-busy``, before a body is read."""
        if self.closing:
            raise ResourceError("server-closing")
        waiting = self._admitted - self._settings.workers
        if waiting >= self._settings.queue:
            seconds = max(1, min(120, round(waiting * self._typical / self._settings.workers)))
            raise UsageError("server-busy", seconds=seconds, waiting=waiting)

    def begin_upload(self) -> None:
        """Raises UsageError ``server-busy`` where too many bodies are coming in; pair with :meth:`end_upload`."""
        if self._uploading >= self._settings.uploads:
            raise UsageError("server-busy", seconds=5, waiting=self._uploading)
        self._uploading += 1

    def end_upload(self) -> None:
        self._uploading -= 1

    async def answer(self, request: Request, served: Served, upload: Upload, form: str, options: Options, language: str) -> Answer:
        """Compute; the upload's folder is removed when the work has let go of it.

        Raises what reading and segmenting raise, and GoneError where the client left.
        """
        try:
            self.check_room()
        except BaseException:
            shutil.rmtree(upload.folder, ignore_errors=True)
            raise
        ticket = Ticket(time.monotonic() + self._settings.timeout)
        self._enter(ticket)
        try:
            future = self._pool.submit(self._work, served, upload, form, options, language, ticket)
        except RuntimeError:  # closed just now
            self._leave(ticket, upload.folder)
            raise ResourceError("server-closing") from None
        future.add_done_callback(lambda _: self._leave(ticket, upload.folder))
        waiting = asyncio.wrap_future(future)
        try:
            while not (await asyncio.wait({waiting}, timeout=_LOOK))[0]:
                if await request.is_disconnected():
                    raise GoneError
                if ticket.deadline is not None and time.monotonic() > ticket.deadline:
                    raise ResourceError("work-too-long", seconds=round(self._settings.timeout))
            return waiting.result()
        except StoppedError:
            raise ResourceError("server-closing") from None
        finally:
            ticket.stop()
            future.cancel()

    def _enter(self, ticket: Ticket) -> None:
        with self._lock:
            self._admitted += 1
            self._tickets.add(ticket)
            self._telemetry.waiting.set(self._admitted)

    def _leave(self, ticket: Ticket, folder: Path) -> None:
        shutil.rmtree(folder, ignore_errors=True)
        with self._lock:
            self._admitted -= 1
            self._tickets.discard(ticket)
            self._telemetry.waiting.set(self._admitted)

    def _work(self, served: Served, upload: Upload, form: str, options: Options, language: str, ticket: Ticket) -> Answer:
        ticket.check()
        began = time.perf_counter()
        settings = self._settings
        image = open_image(upload.files, upload.folder, served.predictor.record, settings)
        if form == DISPLAY:
            body, media = encode(image, upload.folder)
            return Answer(body, media, {"modality": image.meta.get("modality")})
        measures = options.measures and form in (JSON, ZIP)
        if upload.labels is not None:
            mask = read_corrected(upload.labels, served.predictor.record.labels, image.geometry)
            found = corrected(served, image, mask, ticket, sha256=upload.sha256, measures=measures)
        else:
            found = segment(
                served,
                image,
                ticket,
                sha256=upload.sha256,
                clean=options.clean,
                measures=measures,
                refuse_unfamiliar=settings.refuse_unfamiliar,
            )
        out = upload.folder / "out"
        if form == JSON:
            answer = Answer(as_bytes(answer_json(found, options.mask, language)), "", found.facts)
        elif form == ZIP:
            paths = write(found, served, out, NATIVE, identity=options.identity)
            answer = Answer(zipped(paths, answer_json(found, "none", language)), ".zip", found.facts)
        else:
            path = only_one(write(found, served, out, form, identity=options.identity))
            answer = Answer(path.read_bytes(), form, found.facts)
        seconds = time.perf_counter() - began
        self._typical = 0.9 * self._typical + 0.1 * seconds
        self._telemetry.work.labels(served.id).observe(seconds)
        return answer


def as_bytes(plain: dict[str, Any]) -> bytes:
    """Compact JSON."""
    return json.dumps(plain, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode("utf-8")
