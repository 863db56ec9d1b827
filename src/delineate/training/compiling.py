"""Whether compiling the network repays the time it takes: tried on this machine, where there is time to try."""

from __future__ import annotations

import time
from dataclasses import dataclass

from delineate.recipe import Recipe
from delineate.training.measure import random_batch, time_step
from delineate.training.step import Learner

#: Seconds of training from which on it is tried. A trial takes as long as compiling itself: on two cores about a minute for each
#: working size, and the gain that was found there was 7 % (7.04 to 7.56 images/s), so that below this nothing can be won.
TRY_FROM = 2700.0
#: What is saved must be this many times what compiling takes: both are measured once, on a machine that may be busy.
CLEARLY = 1.5


@dataclass(frozen=True)
class CompileTrial:
    """``seconds`` to compile for one working size; ``eager`` and ``compiled`` seconds per training step."""

    seconds: float
    eager: float
    compiled: float

    @property
    def gain(self) -> float:
        """Share of a step's time that is saved."""
        return 1 - self.compiled / self.eager


def compile_trial(recipe: Recipe, size: tuple[int, int], batch: int) -> CompileTrial | None:
    """Compile the recipe's network and time it; ``None`` where it cannot be compiled here (no C++ compiler, an operator that the
    compiler does not know)."""
    recipe = recipe.model_copy(update={"training": recipe.training.model_copy(update={"compile": False})})
    compiled = recipe.model_copy(update={"training": recipe.training.model_copy(update={"compile": True})})
    eager = time_step(recipe, size, batch)
    began = time.monotonic()
    try:
        learner = Learner(compiled)
        learner.step(*random_batch(compiled, size, batch), 0, 1e-4)
        seconds = time.monotonic() - began
        return CompileTrial(max(seconds - eager, 0.0), eager, time_step(compiled, size, batch))
    except Exception:  # noqa: BLE001 - the compiler's many kinds of failure all mean: not here
        return None


def repays(trial: CompileTrial, seconds: float, sizes: int) -> bool:
    """Whether ``seconds`` of training at ``sizes`` working sizes gain clearly more than compiling costs. The trial has left the
    first size's code in the compiler's own cache, but that is not counted on."""
    return trial.gain * seconds > CLEARLY * trial.seconds * sizes
