"""Train the discs in a process of its own, so that a test can kill it: ``python -m tests.training.killable RUN CACHE SLOW``."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from tests.training.small import small_recipe

from delineate.events import Event
from delineate.recipe import AUGMENTATION_PRESETS, Stage
from delineate.training import loop, train
from delineate.training.planes import open_cache

RECIPE = small_recipe(
    steps=30,
    epoch_steps=10,
    augmentation=AUGMENTATION_PRESETS["heavy"],
    stages=(Stage(until=0.5, size=(16, 16), batch=6), Stage(size=(32, 32), batch=4)),
    threads=2,
)


def main(run: Path, cache: Path, slow: float) -> None:
    loop._SAVE_EVERY = 0.05  # also in the middle of an epoch
    loop._TELL_EVERY = 0.0

    def tell(event: Event) -> None:
        print(type(event).__name__, getattr(event, "done", ""), flush=True)
        time.sleep(slow)

    planes, validation = open_cache(cache / "train"), open_cache(cache / "validation")
    assert planes is not None
    train(RECIPE, planes, validation, run, resume=True, on_event=tell)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), float(sys.argv[3]))
