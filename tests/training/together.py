"""One of several processes of ``torchrun``: trains with the others on a made cache. Arguments: RUN CACHES NORM OPTIONS."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from tests.training.small import small_recipe

from delineate.recipe import NetworkRecipe, Recipe, Stage
from delineate.training import train
from delineate.training.following import follow
from delineate.training.planes import open_cache
from delineate.training.processes import rank
from delineate.training.team import dismiss

STAGES = (Stage(until=0.5, size=(32, 32), batch=5), Stage(until=1.0, size=(48, 48), batch=4))


def recipe_of(norm: str, **training: Any) -> Recipe:
    plain = small_recipe(**{"steps": 12, "epoch_steps": 4, "stages": STAGES, "loss": "dice+ce", **training})
    return plain.model_copy(update={"network": NetworkRecipe(options={"widths": [4, 8, 16], "norm": norm})})


def main(run: Path, caches: Path, norm: str, options: dict[str, Any]) -> None:
    if rank() > 0:
        follow()
        return
    cache, validation = open_cache(caches / "train"), open_cache(caches / "validation")
    assert cache is not None
    half = cache.only(lambda plane: plane.group != "person5")  # a part of the cache's planes, as a run has it
    resume = options.pop("resume", False)
    train(recipe_of(norm, **options), half, validation, run, resume=resume)
    dismiss()


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], json.loads(sys.argv[4]))
