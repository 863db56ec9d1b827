"""Options of a run that takes seconds."""

from __future__ import annotations

from pathlib import Path

from delineate.workflows.options import RunOptions

#: Small enough for seconds, large enough to learn something; nothing is left to a measurement, so that equal runs are equal.
SETTINGS = {
    "network.options.widths": [8, 16, 32],
    "training.precision": "fp32",
    "training.channels_last": True,
    "training.threads": 1,
    "training.device": "cpu",
}


def small_options(data: Path, **changes: object) -> RunOptions:
    base = RunOptions(data=data, epochs=12, size=(64, 64), settings=dict(SETTINGS))
    return base.model_copy(update=changes)
