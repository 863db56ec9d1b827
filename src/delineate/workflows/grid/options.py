"""What a person may ask of a grid, in one value that is saved with it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from delineate.recipe import StrictModel
from delineate.workflows.options import DataOptions, SplitOptions


class GridOptions(StrictModel):
    """One grid. Candidates are ``networks`` × ``losses`` × ``optimisers`` × ``augmentations`` and the free ``candidates``.

    ``losses``, ``optimisers``, ``augmentations``
        Empty: what a run would use.
    ``candidates``
        ``"NAME=network:unet,loss:dice,training.lr=1e-3"``.
    ``pretrained``
        ``"NETWORK=FILE"`` or ``"FILE"`` (for every network that takes weights).
    ``settings``
        Values of the recipe that are set for all alike.
    ``seeds``, ``seed``
        How many trainings of each candidate on each fold: seeds ``seed``, ``seed + 1`` … The splits are made once, with ``seed``.
    ``primary``
        The metric that decides; it cannot be changed once the grid has begun.
    ``equal``
        What every candidate gets the same of: optimiser ``steps``, or training ``time`` by measured speed.
    ``budget``
        Seconds of wall-clock for the whole grid; ``epochs`` replaces it.
    ``threads``
        Of one run; with ``None`` the cores are divided by the jobs at the beginning. Never changed afterwards, so that the same
        weights come out whatever the number of jobs.
    """

    data: Path
    reading: DataOptions = DataOptions()
    splitting: SplitOptions = SplitOptions()
    networks: tuple[str, ...] = ()
    losses: tuple[str, ...] = ()
    optimisers: tuple[str, ...] = ()
    augmentations: tuple[str, ...] = ()
    candidates: tuple[str, ...] = ()
    pretrained: tuple[str, ...] = ()
    settings: dict[str, Any] = Field(default_factory=dict)
    seeds: int = Field(default=1, ge=1, le=100)
    seed: int = 0
    primary: str = "dice"
    equal: Literal["steps", "time"] = "steps"
    budget: float | None = Field(default=None, gt=0)
    epochs: int | None = Field(default=None, ge=1)
    size: tuple[int, int] | None = None
    allow: tuple[str, ...] = ()
    device: str | None = None
    threads: int | None = Field(default=None, ge=1)
    language: str = "en"
