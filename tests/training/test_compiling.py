"""Compiling is tried only where there is time, and done only where it repays its time."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.training.small import small_recipe

from delineate.training import compiling
from delineate.training.compiling import CompileTrial, compile_trial, repays
from delineate.workflows.compiling import decide_compile

TRIAL = CompileTrial(seconds=60.0, eager=0.2, compiled=0.186)  # 7 %


def test_the_rule() -> None:
    """7 % of 30 minutes are 126 s: enough for one compilation of 60 s with half of it to spare, not for two."""
    assert TRIAL.gain == pytest.approx(0.07)
    assert repays(TRIAL, 1800, 1)
    assert not repays(TRIAL, 1800, 2)
    assert repays(TRIAL, 3600, 2)
    assert not repays(CompileTrial(1.0, 0.2, 0.21), 1e6, 1), "slower is never worth it"


def test_the_decision_and_its_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    tried = []

    def trial(recipe: object, size: tuple[int, int], batch: int) -> CompileTrial | None:
        tried.append((size, batch))
        return found

    found: CompileTrial | None = TRIAL
    monkeypatch.setattr(compiling, "compile_trial", trial)
    recipe = small_recipe()
    assert decide_compile(recipe, None) == recipe, "without a budget nothing is measured"
    assert decide_compile(recipe, 900.0).reasons["training.compile"].code == "compile-short"
    assert not tried
    long = decide_compile(recipe, 7200.0)
    assert long.training.compile
    assert (tried, long.reasons["training.compile"].by) == ([((32, 32), 4)], "measured")
    found = CompileTrial(600.0, 0.2, 0.199)
    assert not decide_compile(recipe, 7200.0).training.compile
    found = None
    assert decide_compile(recipe, 7200.0).reasons["training.compile"].code == "compile-cannot"


def test_a_network_that_cannot_be_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    def refuse(*_: object) -> None:
        raise RuntimeError("no C++ compiler")

    monkeypatch.setattr(torch, "compile", refuse)
    assert compile_trial(small_recipe(), (32, 32), 4) is None


@pytest.mark.slow  # compiles: a minute
def test_a_trial_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path))
    trial = compile_trial(small_recipe(), (32, 32), 4)
    if trial is None:
        pytest.skip("nothing can be compiled here")
    assert trial.seconds > 1
    assert trial.eager > 0
    assert trial.compiled > 0
