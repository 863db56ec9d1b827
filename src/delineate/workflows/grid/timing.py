"""What a training step of each candidate costs here, from a few trials: enough to say how long a grid takes."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from delineate.planning import Draft, apply_overrides
from delineate.planning.budget import mean_step_seconds
from delineate.recipe import Recipe, Stage
from delineate.workflows.grid.candidates import Candidate

_BATCH = 8
#: What the trial does not contain: making the batch, averaging weights, telling how far it is.
_BESIDE = 1.08
Line = tuple[float, float]


class StepCosts:
    """Seconds per step as a line over the pixels of a batch: fixed cost and slope, as the plan of a single run has it.

    Each network is timed with the first candidate's loss and optimiser, and each further loss or optimiser on the first network:
    N + M trials in place of N × M. ``quick``: at the small size only, where the plan does not depend on it.
    """

    def __init__(self, candidates: Sequence[Candidate], base: Recipe, draft: Draft, *, quick: bool) -> None:
        self.first, self.base, self.quick = candidates[0], base, quick
        self.small, self.large = draft.sizes[0], draft.sizes[-1]
        self._line = cache(self._measured)

    def seconds(self, candidate: Candidate, stages: Sequence[Stage]) -> float:
        """Mean over the schedule's stages."""
        fixed, slope = self._of(candidate)
        return mean_step_seconds(stages, 0, lambda _, size, batch: (fixed + slope * batch * size[0] * size[1]) * _BESIDE)

    def at(self, candidate: Candidate, size: tuple[int, int], batch: int) -> float:
        return self.seconds(candidate, (Stage(size=size, batch=batch),))

    def inference(self, candidate: Candidate, size: tuple[int, int]) -> float:
        """Seconds to predict one plane: a forward pass is about a third of a step."""
        return self.at(candidate, size, _BATCH) / _BATCH / 3

    def _of(self, candidate: Candidate) -> Line:
        fixed, slope = self._line(_network(candidate), _rest(self.first))
        if _rest(candidate) != _rest(self.first):
            with_own = self._line(_network(self.first), _rest(candidate))
            without = self._line(_network(self.first), _rest(self.first))
            fixed += max(0.0, with_own[0] - without[0])
            slope += max(0.0, with_own[1] - without[1])
        return fixed, slope

    def _measured(self, network: str, rest: str) -> Line:
        import json

        from delineate.errors import ResourceError
        from delineate.training import time_step

        recipe = apply_overrides(self.base, {**json.loads(network), **json.loads(rest)})

        def trial(size: tuple[int, int]) -> float:
            try:
                return time_step(recipe, size, _BATCH, repetitions=2 if self.quick else 3)
            except (MemoryError, RuntimeError) as error:
                if isinstance(error, MemoryError) or "memory" in str(error).lower():
                    raise ResourceError("out-of-memory", batch=_BATCH, size=f"{size[0]}×{size[1]}") from None
                raise

        low = trial(self.small)
        low_pixels, high_pixels = _BATCH * self.small[0] * self.small[1], _BATCH * self.large[0] * self.large[1]
        if self.quick or self.small == self.large:
            return 0.0, low / low_pixels
        high = trial(self.large)
        slope = max((high - low) / (high_pixels - low_pixels), 0.5 * high / high_pixels)
        return max(0.0, high - slope * high_pixels), slope


def _network(candidate: Candidate) -> str:
    import json

    own = {key: value for key, value in candidate.overrides().items() if key.startswith("network")}
    options = {name: value for name, value in own["network"]["options"].items() if name != "pretrained"}
    return json.dumps({**own, "network": {**own["network"], "options": options}}, sort_keys=True)


def _rest(candidate: Candidate) -> str:
    import json

    return json.dumps({k: v for k, v in candidate.overrides().items() if not k.startswith("network")}, sort_keys=True)
