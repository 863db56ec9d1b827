"""What a training knows of itself beside the weights."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from delineate.domain import LabelSet
from delineate.training import history
from delineate.training.schedule import Timeline

if TYPE_CHECKING:
    from delineate.training.validation import Scores


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


def epoch_row(state: State, lr: float, scores: Scores | None, labels: LabelSet) -> history.Row:
    """The line of history.csv for the epoch that ends in ``state``."""
    nan = math.nan
    values = {
        "step": state.step,
        "epoch": len(state.history) + 1,
        "seconds": round(state.seconds, 2),
        "lr": lr,
        "loss": state.loss_sum / state.loss_count if state.loss_count else nan,
        "images_per_second": state.images / state.busy if state.busy else nan,
        "data_share": state.waited / state.busy if state.busy else nan,
    }
    if scores is not None:
        values |= {"val_loss": scores.loss, "val_dice": scores.dice, "val_iou": scores.iou}
        values |= {"val_precision": scores.precision, "val_recall": scores.recall}
        values |= {f"dice_{name}": dice for name, dice in zip(labels.names, scores.classes, strict=True)}
    return {key: history.finite(float(value)) for key, value in values.items()}
