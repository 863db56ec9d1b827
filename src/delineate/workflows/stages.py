"""Stages: each announces itself, is timed, and ends in an event, whatever happens inside."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from delineate.events import EventSink, StageFinished, StageStarted


@contextmanager
def stage(name: str, on_event: EventSink, total: int | None = None) -> Iterator[None]:
    """``with stage("scan", on_event): …`` says when a stage starts and how long it took."""
    on_event(StageStarted(name, total))
    start = time.monotonic()
    yield
    on_event(StageFinished(name, time.monotonic() - start))
