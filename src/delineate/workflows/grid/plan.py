"""grid.json: what was asked, what was decided for all, what each candidate used."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from delineate.domain import Unit
from delineate.recipe import StrictModel
from delineate.workflows.grid.candidates import Candidate
from delineate.workflows.grid.options import GridOptions

#: How the checkpoint, thresholds and clean-up of every run are chosen: on validation persons, by this rule.
SELECTION = "best-validation-dice"


class PlannedCandidate(Candidate):
    """``steps`` and ``images`` of every run of it; ``step_seconds`` is what one step cost in the trial, on average."""

    steps: int = Field(ge=1)
    epoch_steps: int = Field(ge=1)
    images: int
    step_seconds: float


class GridPlan(StrictModel):
    """Decided once, before the first run. ``seconds`` is how long the whole grid was expected to take on ``jobs`` jobs."""

    candidates: tuple[PlannedCandidate, ...]
    unit: Unit
    split_method: str
    folds: int
    seeds: tuple[int, ...]
    size: tuple[int, int]
    selection: str = SELECTION
    jobs: int
    threads: int | None
    device: str
    precision: str
    run_overhead: float
    seconds: float

    @property
    def runs(self) -> int:
        return len(self.candidates) * self.folds * len(self.seeds)


class Used(StrictModel):
    """What one candidate's finished runs took. ``seconds`` are of training, all runs together."""

    runs: int
    steps: int
    images: int
    seconds: float
    seconds_per_run: float


class Missing(StrictModel):
    """A run that is not in the comparison, and why: ``failed`` with the error's code and sentence, ``waiting``, or ``unpaired``
    (it is finished, but other candidates are not on that fold and seed)."""

    candidate: str
    fold: int
    seed: int
    state: Literal["failed", "waiting", "unpaired"]
    code: str | None = None
    reason: dict[str, str] = Field(default_factory=dict)


class GridFile(StrictModel):
    version: Literal[1] = 1
    options: GridOptions
    plan: GridPlan | None = None
    used: dict[str, Used] = Field(default_factory=dict)
    missing: tuple[Missing, ...] = ()

    def fairness(self) -> dict[str, Any]:
        """What was the same for all: the block of that name in comparison.json."""
        plan = self.plan
        assert plan is not None
        return {
            "budget_rule": self.options.equal,
            "budget_seconds": self.options.budget,
            "epochs": self.options.epochs,
            "primary": self.options.primary,
            "selection": plan.selection,
            "splits": {"method": plan.split_method, "unit": plan.unit, "folds": plan.folds, "seed": self.options.seed},
            "seeds": list(plan.seeds),
            "size": list(plan.size),
            "threads": plan.threads,
            "device": plan.device,
            "precision": plan.precision,
            "candidates": {
                candidate.name: {
                    "network": candidate.network.name,
                    "loss": candidate.loss,
                    "optimiser": candidate.optimiser,
                    "augmentation": candidate.augmentation,
                    "settings": candidate.settings,
                    "steps_per_run": candidate.steps,
                    "images_per_run": candidate.images,
                    **({"used": self.used[candidate.name].model_dump(mode="json")} if candidate.name in self.used else {}),
                }
                for candidate in plan.candidates
            },
            "missing": [missing.model_dump(mode="json") for missing in self.missing],
        }
