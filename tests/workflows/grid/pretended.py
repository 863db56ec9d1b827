"""An engine that pretends to train: scores that a test decides, for the persons the run would have tested. For what is about runs
and not about networks."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from tests.comparison.made_runs import scored

from delineate.domain import LabelSet
from delineate.errors import TrainingDiverged
from delineate.evaluation import summarise, write_cases_csv
from delineate.recipe import Recipe, Splits, load, save_json
from delineate.workflows.folder import RunFolder
from delineate.workflows.grid.engines import Heard
from delineate.workflows.grid.folders import GridRun
from delineate.workflows.grid.worker import record_failure


class Pretended:
    """``fails`` says which runs end with an error; after ``stops_after`` runs Ctrl-C is pressed. ``did``: what was asked."""

    def __init__(self, fails: Callable[[GridRun], bool] = lambda run: False, stops_after: int | None = None) -> None:
        self.fails, self.stops_after = fails, stops_after
        self.did: list[tuple[str, int, int]] = []

    def work(self, runs: Sequence[GridRun], heard: Heard) -> None:
        for run in runs:
            if self.stops_after is not None and len(self.did) >= self.stops_after:
                raise KeyboardInterrupt
            self.did.append((run.candidate.name, run.fold, run.seed))
            heard(run, {"kind": "begin"})
            if self.fails(run):
                record_failure(run.folder, TrainingDiverged("diverged", step=3, lr=0.002))
                heard(run, {"kind": "end", "state": "failed"})
                continue
            heard(run, {"kind": "epoch", "val_dice": 0.5})
            finish(run)
            heard(run, {"kind": "end", "state": "finished"})


def finish(run: GridRun) -> None:
    folder = RunFolder(run.folder)
    splits, recipe = load(Splits, folder / "splits.json"), load(Recipe, folder / "recipe.json")
    labels: LabelSet = recipe.labels
    rng = np.random.default_rng([len(run.candidate.name), run.seed, run.fold])
    persons = splits.folds[0]["test"]
    scores = [scored(person, list(rng.uniform(0.5, 0.9, labels.classes)), labels.names) for person in persons]
    write_cases_csv(folder / "cases.csv", scores)
    save_json(folder / "summary.json", {"test": summarise(scores, splits.unit, labels, bootstrap=10)})
    save_json(folder / "training.json", {"seconds": 6.0, "steps": recipe.training.steps, "best_score": 0.5})
    folder.finish("report", 0.0)
