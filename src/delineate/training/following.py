"""What the processes beside process 0 do: take part in its training steps until it says that there are none left."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist

from delineate.errors import ResourceError, RunError
from delineate.recipe import Recipe, parse
from delineate.training import checkpoints
from delineate.training.batches import BatchMaker, Prefetcher
from delineate.training.planes import PlaneCache, open_cache
from delineate.training.step import Learner
from delineate.training.team import RESET, RESTORE, STEP, Team


def job_of(recipe: Recipe, cache: PlaneCache, run_folder: Path) -> dict[str, Any]:
    """What another process needs to know of a training. :class:`ResourceError` where the cache had no room for all planes: the
    others read it, not the images."""
    if cache.left_out():
        raise ResourceError("cache-too-large-for-processes", planes=cache.left_out(), path=cache.folder)
    return {
        "recipe": recipe.model_dump(mode="json"),
        "cache": str(cache.folder.resolve()),
        "planes": [plane.offset for plane in cache.planes],
        "run": str(run_folder.resolve()),
    }


def follow() -> None:
    """Take part in trainings until process 0 has none any more."""
    team = Team()
    while (job := team.job()) is not None:
        _take_part(team, job)
    dist.destroy_process_group()


def _take_part(team: Team, job: dict[str, Any]) -> None:
    recipe = parse(Recipe, job["recipe"], "recipe of process 0")
    training, folder, planes = recipe.training, Path(job["run"]), set(job["planes"])
    whole = open_cache(Path(job["cache"]))
    if whole is None:
        raise RunError("cache-damaged", path=job["cache"], reason="not whole")
    if training.threads is not None:
        torch.set_num_threads(training.threads)
    maker = BatchMaker(whole.only(lambda plane: plane.offset in planes), recipe)
    learner = Learner(recipe, team)
    stage = training.stages[0]
    with Prefetcher(maker.make, lambda step: stage) as batches:
        while True:
            kind, step, number, lr = team.order()
            if kind == STEP:
                stage = training.stages[number]
                images, labels = batches.get(step, stage)
                learner.step(images, labels, step, lr)
            elif kind == RESTORE:
                saved = checkpoints.load_last(folder, checkpoints.recipe_digest(recipe))
                if saved is None:
                    raise RunError("checkpoint-damaged", path=folder, reason="last.pt is gone")
                learner.restore(saved["learner"])
                learner.lr_scale = 1.0  # process 0 multiplies it in
            elif kind == RESET:
                learner = Learner(recipe, team)
            else:
                return
