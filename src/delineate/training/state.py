"""What a training knows of itself beside the weights."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

from delineate.training import history
from delineate.training.schedule import Timeline


@dataclass
class State:
    """Everything that changes beside the weights; plain values, saved in last.pt."""

    timeline: Timeline
    step: int = 0
    seconds: float = 0.0
    history: list[history.Row] = field(default_factory=list)
    best_step: int = 0
    best_score: float = -math.inf
    loss_sum: float = 0.0  # of the running epoch
    loss_count: int = 0
    images: int = 0
    busy: float = 0.0  # seconds of training steps in the running epoch, and of them waiting for data
    waited: float = 0.0
    bad_steps: int = 0
    bad_in_a_row: int = 0
    rescued: bool = False  # went back to a checkpoint with half the learning rate
    cut: bool = False  # time ran out before the schedule's end

    def plain(self) -> dict[str, Any]:
        return {**vars(self), "timeline": [list(knot) for knot in self.timeline.knots]}

    @classmethod
    def parse(cls, data: dict[str, Any]) -> State:
        return cls(**{**data, "timeline": Timeline(tuple((int(s), float(p)) for s, p in data["timeline"]))})
