"""What the runs of a grid cost together: the time each may train for, and a refusal of budgets in which nothing is learned."""

from __future__ import annotations

import math
from collections.abc import Sequence

from delineate.errors import UsageError
from delineate.planning.schedule import VALIDATION_SHARE
from delineate.recipe import Stage
from delineate.workflows.deciding import MARGIN
from delineate.workflows.folder import Clock
from delineate.workflows.grid.candidates import Candidate
from delineate.workflows.grid.options import GridOptions
from delineate.workflows.grid.plan import PlannedCandidate
from delineate.workflows.grid.timing import StepCosts

#: With fewer steps than this a network has learned so little that the comparison would be one of beginnings.
LEAST_STEPS = 100
#: Seconds that the statistics and the page at the end take.
CONCLUDING = 15.0
#: Runs beside each other share the memory's bandwidth and slow each other down.
SIDE_BY_SIDE = 0.12


class Reckoning:
    """Seconds, all of them wall-clock.

    ``predicted``: planes that one run predicts beside training; ``reserve``: seconds of a run beside training and predicting;
    ``caching``: seconds of making all folds' caches, once.
    """

    def __init__(
        self,
        options: GridOptions,
        candidates: Sequence[Candidate],
        costs: StepCosts,
        *,
        folds: int,
        jobs: int,
        predicted: int,
        reserve: float,
        caching: float,
    ) -> None:
        self._options, self._candidates, self._costs = options, candidates, costs
        self._predicted, self._reserve, self._caching = predicted, reserve, caching
        self._runs = len(candidates) * options.seeds * folds
        #: As many runs as there are jobs go on at a time.
        self._waves = math.ceil(self._runs / jobs)
        self._slower = 1 + SIDE_BY_SIDE if jobs > 1 else 1.0

    def mean_step(self, width: int, size: tuple[int, int], batch: int) -> float:
        """A training step, the mean over candidates; each has its own width."""
        del width
        return mean([self._costs.at(c, size, batch) for c in self._candidates])

    def mean_plane(self, width: int, size: tuple[int, int]) -> float:
        """Predicting one plane, the mean over candidates."""
        del width
        return mean([self._costs.inference(c, size) for c in self._candidates])

    def step(self, candidate: Candidate, stages: Sequence[Stage]) -> float:
        """A training step of one candidate beside the other jobs."""
        return self._costs.seconds(candidate, stages) * self._slower

    def beside(self, size: tuple[int, int]) -> float:
        """One run beside its training."""
        return self._reserve + self._predicted * self.mean_plane(0, size)

    def for_training(self, size: tuple[int, int], clock: Clock) -> tuple[float, float] | tuple[None, None]:
        """What one run may train for, as if it were alone (this is what is planned with) and as it will be beside the others."""
        if self._options.budget is None:
            return None, None
        left = self._options.budget * (1 - MARGIN) - clock.elapsed() - CONCLUDING - self._caching
        alone = max(1.0, (left / self._waves - self.beside(size)) / self._slower)
        return alone, alone * self._slower

    def total(self, planned: Sequence[PlannedCandidate], size: tuple[int, int], clock: Clock) -> float:
        """The whole grid, from its start.

        Raises
        ------
        UsageError
            ``grid-budget-too-small`` says what would be enough.
        """
        before, beside = clock.elapsed() + self._caching + CONCLUDING, self.beside(size)

        def run(steps: int, candidate: PlannedCandidate) -> float:
            return steps * candidate.step_seconds / (1 - VALIDATION_SHARE) + beside

        fewest = min(candidate.steps for candidate in planned)
        if self._options.budget is not None and fewest < LEAST_STEPS:
            need = [run(LEAST_STEPS, candidate) for candidate in planned]
            worst = mean(need) if self._options.equal == "steps" else max(need)
            enough = (before + worst * self._waves) / (1 - MARGIN)
            raise UsageError(
                "grid-budget-too-small",
                budget=round(self._options.budget / 60, 1),
                runs=self._runs,
                steps=fewest,
                least=LEAST_STEPS,
                enough=math.ceil(enough * 1.05 / 60),
            )
        return before + mean([run(candidate.steps, candidate) for candidate in planned]) * self._waves


def mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values)
