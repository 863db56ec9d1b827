"""What a grid says while it works, beside the events every workflow has."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from delineate.events import Event


@dataclass(frozen=True)
class GridPlanned(Event):
    """The plan, before the first run. ``steps``: fewest and most steps of a run; ``seconds`` of wall-clock as expected."""

    runs: int
    done: int
    candidates: tuple[str, ...]
    folds: int
    seeds: int
    steps: tuple[int, int]
    size: tuple[int, int]
    jobs: int
    seconds: float
    equal: Literal["steps", "time"]
    primary: str


@dataclass(frozen=True)
class RunChanged(Event):
    """One run of the grid began, is at ``share`` (0 … 1) of its training, or ended.

    ``val_dice`` is the latest validation Dice; test scores are not told before the end. ``reason`` of a failure, by language.
    """

    candidate: str
    fold: int
    seed: int
    state: Literal["running", "finished", "failed"]
    share: float = 0.0
    loss: float | None = None
    val_dice: float | None = None
    seconds: float | None = None
    reason: tuple[tuple[str, str], ...] = ()
