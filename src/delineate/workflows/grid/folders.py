"""Which runs there are, how far each is, and how its folder begins."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from delineate.errors import RunError
from delineate.recipe import Recipe, Splits, load, read_json, save_json
from delineate.workflows.folder import RunFolder
from delineate.workflows.grid.plan import GridFile, GridPlan, PlannedCandidate
from delineate.workflows.grid.planning import recipe_of
from delineate.workflows.options import RunOptions

GRID = "grid.json"
FAILURE = "failure.json"
#: Copied into every run: what was found of the data, once for all.
_COMMON = ("unusable.json", "dataset.json", "findings.json")

State = Literal["finished", "failed", "started", "waiting"]


@dataclass(frozen=True)
class GridRun:
    """One run: ``folder`` is its run folder, which any other command takes too."""

    candidate: PlannedCandidate
    fold: int
    seed: int
    folder: Path

    @property
    def state(self) -> State:
        done = RunFolder(self.folder).done()
        if "report" in done and (self.folder / "summary.json").is_file():
            return "finished"
        if (self.folder / FAILURE).is_file():
            return "failed"
        return "started" if "plan" in done else "waiting"

    def failure(self) -> dict[str, Any]:
        """``code`` and the sentence in each language, of a failed run."""
        path = self.folder / FAILURE
        return dict(read_json(path)) if path.is_file() else {}


class Grid:
    """A grid's folder: grid.json, ``runs/<candidate>/fold<k>-seed<s>/``, what they share, and the comparison at the end."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __truediv__(self, name: str) -> Path:
        return self.path / name

    def exists(self) -> bool:
        return (self / GRID).is_file()

    @property
    def file(self) -> GridFile:
        if not self.exists():
            raise RunError("grid-missing", path=self.path)
        return load(GridFile, self / GRID)

    def save(self, file: GridFile) -> None:
        save_json(self / GRID, file)

    @property
    def plan(self) -> GridPlan:
        plan = self.file.plan
        assert plan is not None
        return plan

    def runs(self) -> list[GridRun]:
        """Seed by seed and fold by fold, all candidates on one before the next: a grid that is stopped has pairs to compare."""
        plan = self.plan
        return [
            GridRun(candidate, fold, seed, self.path / "runs" / candidate.folder / f"fold{fold}-seed{seed}")
            for seed in plan.seeds
            for fold in range(plan.folds)
            for candidate in plan.candidates
        ]

    def prepare(self, run: GridRun) -> None:
        """Leave the run's folder as a run leaves it that has checked and planned: ``run --resume`` does the rest. A failure of
        before is forgotten."""
        (run.folder / FAILURE).unlink(missing_ok=True)
        folder = RunFolder(run.folder)
        if "plan" in folder.done():
            return
        file = self.file
        options, plan = file.options, self.plan
        splits = load(Splits, self / "splits.json")
        method = splits.method if plan.folds == 1 else f"{splits.method}, {run.fold + 1}/{plan.folds}"
        shared = self.path / "shared" / f"fold{run.fold}"
        run_options = RunOptions(
            data=options.data,
            reading=options.reading,
            splitting=options.splitting.model_copy(update={"folds": None}),
            epochs=options.epochs,
            network=run.candidate.network.name,
            seed=run.seed,
            device=plan.device,
            threads=plan.threads,
            name=f"{run.candidate.name} fold {run.fold} seed {run.seed}",
            cache=(self.path / "cache").resolve(),
            allow=options.allow,
            language=options.language,
        )
        save_json(folder / "options.json", run_options)
        for name in _COMMON:
            save_json(folder / name, read_json(self / name))
        save_json(folder / "splits.json", splits.model_copy(update={"folds": (splits.folds[run.fold],), "method": method}))
        save_json(folder / "fingerprint.json", read_json(shared / "fingerprint.json"))
        recipe = recipe_of(load(Recipe, shared / "recipe.json"), run.candidate, run.seed, options.equal)
        save_json(folder / "recipe.json", recipe)
        save_json(folder / "plan.json", {"elapsed": 0.0, "reserve": 0.0})
        save_json(folder / "stages.json", {"check": 0.0, "plan": 0.0})  # last: from now on it can be resumed
