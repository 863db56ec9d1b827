"""Rebuild the demonstration model that the package carries: ``python3 dev.py demo-model``.

A small U-Net trained on the synthetic data set, with its full run record beside it, so that ``predict``, the window and the
server can be tried in the first minute.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

import delineate.synthetic
from delineate.events import EpochFinished, Event, StageFinished
from delineate.synthetic import make_dataset
from delineate.workflows.options import DataOptions, RunOptions
from delineate.workflows.running import run

#: What is kept of the run: everything small that says how the model came to be.
RECORD = (
    "model.onnx", "recipe.json", "fingerprint.json", "splits.json", "findings.json", "history.csv", "cases.csv",
    "choices.json", "summary.json", "provenance.json", "dataset.json",
)  # fmt: skip
LARGEST = 2 * 1024 * 1024


def _tell(event: Event) -> None:
    if isinstance(event, StageFinished):
        print(f"{event.name}: {event.seconds:.1f} s", flush=True)
    elif isinstance(event, EpochFinished):
        print(f"  epoch {event.epoch}, step {event.step}: validation Dice {event.metrics.get('val_dice', 0):.4f}", flush=True)


def rebuild(target: Path, budget: float = 300.0) -> None:
    with tempfile.TemporaryDirectory() as temporary:
        data = make_dataset(Path(temporary) / "synthetic-chest-ct", patients=48, slices=10, size=192, seed=2026)
        options = RunOptions(
            data=data,
            reading=DataOptions(classes="lung"),
            budget=budget,
            seed=2026,
            name="demo",
            notes=("synthetic", "demonstration"),
            settings={"network.options.widths": [8, 16, 32, 64, 96]},
        )
        result = run(out=Path(temporary) / "run", options=options, on_event=_tell)
        if result.model.stat().st_size > LARGEST:
            sys.exit(f"the model has {result.model.stat().st_size} bytes, more than {LARGEST}")
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir(parents=True)
        for name in RECORD:
            shutil.copyfile(result.folder / name, target / name)
        print(f"{target}: {result.model.stat().st_size / 1e6:.2f} MB, test Dice {result.summary['test']['dice']}")


if __name__ == "__main__":
    rebuild(Path(delineate.synthetic.__file__).parent / "demo_model")
