"""What the core says while it works. Shells (CLI, desktop, server) decide how it looks and in which language.

A workflow takes ``on_event: EventSink``; the default throws events away. Events are plain frozen values.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Event:
    """Base class, so that a sink can be typed."""


@dataclass(frozen=True)
class StageStarted(Event):
    """A named stage begins (catalogue key ``stage.<name>``), e.g. ``scan``, ``check``, ``cache``, ``train``."""

    name: str
    total: int | None = None


@dataclass(frozen=True)
class Progress(Event):
    """``done`` of ``total`` units of the running stage; ``values`` are live numbers such as loss or images per second."""

    stage: str
    done: int
    total: int | None = None
    values: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class StageFinished(Event):
    name: str
    seconds: float


@dataclass(frozen=True)
class EpochFinished(Event):
    """One training epoch ended. ``metrics`` as written to history.csv."""

    epoch: int
    step: int
    metrics: Mapping[str, float]
    best: bool


@dataclass(frozen=True)
class Note(Event):
    """A sentence for the person (catalogue key ``note.<code>``); ``level`` is ``info`` or ``warning``."""

    code: str
    params: Mapping[str, Any] = field(default_factory=dict)
    level: str = "info"


@dataclass(frozen=True)
class InputFinished(Event):
    """One input of a prediction has its result: ``status`` ``done``, ``skipped`` or ``failed``. ``key`` and ``params`` are of the
    sentence that says why (catalogue), empty where it was done; ``outputs`` are the files written."""

    path: str
    status: str
    key: str = ""
    params: Mapping[str, Any] = field(default_factory=dict)
    outputs: tuple[str, ...] = ()


EventSink = Callable[[Event], None]


def discard(event: Event) -> None:
    """The default sink: nobody listens."""
