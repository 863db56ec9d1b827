"""The decision whether to compile, with its reason in the recipe."""

from __future__ import annotations

from delineate.recipe import Reason, Recipe


def decide_compile(recipe: Recipe, seconds: float | None) -> Recipe:
    """``recipe`` with ``training.compile`` and its reason. ``seconds`` of training; ``None`` where it goes by epochs, so that the
    same recipe comes out on every machine."""
    from delineate.training import processes
    from delineate.training.compiling import TRY_FROM, compile_trial, repays

    if seconds is None or processes.world() > 1:
        return recipe
    if seconds < TRY_FROM:
        return _with(recipe, False, Reason(code="compile-short", params={"minutes": round(TRY_FROM / 60)}))
    last = recipe.training.stages[-1]
    trial = compile_trial(recipe, last.size, last.batch)
    if trial is None:
        return _with(recipe, False, Reason(code="compile-cannot", by="measured"))
    pays = repays(trial, seconds, len(recipe.training.stages))
    params = {"seconds": round(trial.seconds), "gain": round(100 * trial.gain), "sizes": len(recipe.training.stages)}
    return _with(recipe, pays, Reason(code="compile-pays" if pays else "compile-does-not-pay", params=params, by="measured"))


def _with(recipe: Recipe, compile_: bool, reason: Reason) -> Recipe:
    return recipe.model_copy(
        update={
            "training": recipe.training.model_copy(update={"compile": compile_}),
            "reasons": {**recipe.reasons, "training.compile": reason},
        }
    )
