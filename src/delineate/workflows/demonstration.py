"""``demo``: the whole job on a made-up data set, for a first look without anybody's patients."""

from __future__ import annotations

import shutil
from pathlib import Path

from delineate.errors import RunError
from delineate.events import EventSink, discard
from delineate.synthetic import make_dataset
from delineate.workflows.options import DataOptions, RunOptions
from delineate.workflows.running import RunResult, run
from delineate.workflows.stages import stage

NOTES = ("synthetic",)
PATIENTS, SLICES, SIZE = 24, 10, 192


def demo(
    out: str | Path = "demo", *, budget: float = 150.0, seed: int = 0, language: str = "en", on_event: EventSink = discard
) -> RunResult:
    """Make synthetic chest-CT-like slices in ``out/data`` and do the whole run in ``out/run``.

    An earlier demonstration in ``out`` is replaced; a folder that holds anything else is refused.
    """
    out = Path(out)
    data = out / "data"
    if out.exists() and any(entry.name not in ("data", "run") for entry in out.iterdir()):
        raise RunError("run-not-empty", path=out)
    shutil.rmtree(data, ignore_errors=True)
    with stage("synthetic", on_event):
        make_dataset(data, patients=PATIENTS, slices=SLICES, size=SIZE, seed=seed)
    options = RunOptions(
        data=data,
        reading=DataOptions(classes="lung"),
        budget=budget,
        seed=seed,
        language=language,
        name="demo",
        notes=NOTES,
    )
    return run(out=out / "run", options=options, overwrite=True, on_event=on_event)
