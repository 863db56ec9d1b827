"""It learns, keeps its books, its deadline and its head."""

from __future__ import annotations

import csv
import errno
import os
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from tests.training.small import discs, small_recipe, write_cache

from delineate.domain import LabelSet
from delineate.errors import ResourceError, RunError, TrainingDiverged
from delineate.events import EpochFinished, Event, Note, Progress, StageFinished, StageStarted
from delineate.recipe import AUGMENTATION_PRESETS, Augmentation, Stage
from delineate.training import checkpoints, load_best, loop, train
from delineate.training.planes import PLANES
from delineate.training.step import Learner
from delineate.training.validation import Validator


def notes(events: list[Event]) -> list[str]:
    return [event.code for event in events if isinstance(event, Note)]


def test_it_learns_and_writes_down_what_it_did(tmp_path: Path) -> None:
    recipe = small_recipe(steps=150, epoch_steps=50)
    events: list[Event] = []
    result = train(recipe, discs(tmp_path / "c"), discs(tmp_path / "v", seed=1, groups=3), tmp_path / "run", on_event=events.append)
    assert result.stopped == "finished"
    assert result.steps == 150
    assert result.best_score > 0.8
    assert result.seconds_per_step > 0
    with (tmp_path / "run" / "history.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [int(row["step"]) for row in rows] == [50, 100, 150]
    assert float(rows[-1]["val_dice"]) > float(rows[0]["val_dice"])
    assert float(rows[-1]["loss"]) < float(rows[0]["loss"])
    assert max(float(row["dice_foreground"]) for row in rows) == pytest.approx(result.best_score, abs=1e-5)
    assert isinstance(events[0], StageStarted)
    assert isinstance(events[-1], StageFinished)
    assert [event.step for event in events if isinstance(event, EpochFinished)] == [50, 100, 150]
    assert any(
        {"loss", "images_per_second", "seconds_left"} <= event.values.keys() for event in events if isinstance(event, Progress)
    )
    assert any((tmp_path / "run" / "tensorboard").iterdir())
    assert [path.name for path in sorted((tmp_path / "run" / "examples").iterdir())] == [
        "step_000050.jpg",
        "step_000100.jpg",
        "step_000150.jpg",
    ]
    network = load_best(tmp_path / "run", recipe)
    with torch.inference_mode():
        assert network(torch.zeros(1, 1, 32, 32)).shape == (1, 1, 32, 32)


@pytest.mark.parametrize("kind", ["exclusive", "regions"])
def test_several_classes(tmp_path: Path, kind: str) -> None:
    rng = np.random.default_rng(0)
    planes = []
    for number in range(12):
        left, right = np.zeros((2, 32, 32), dtype=bool)
        left[8:24, 4:12], right[8:24, 20:28] = True, True
        image = (rng.normal(0, 0.1, (32, 32)) + left + 2 * right)[None]
        planes.append((f"g{number}", image, np.stack([left, right]) if kind == "regions" else left + 2 * right))
    cache = write_cache(tmp_path / "c", planes, classes=2, regions=kind == "regions")
    recipe = small_recipe(steps=160, epoch_steps=80, lr=1e-2, augmentation=Augmentation(rotate=10)).model_copy(
        update={"labels": LabelSet(kind=kind, names=("left", "right"))}
    )
    result = train(recipe, cache, cache, tmp_path / "run")
    assert result.best_score > 0.8
    assert "dice_left,dice_right" in (tmp_path / "run" / "history.csv").read_text()


@pytest.mark.parametrize(
    "training",
    [
        {"precision": "bf16", "channels_last": True, "augmentation": AUGMENTATION_PRESETS["heavy"]},
        {"optimiser": "adam", "schedule": "constant", "clip_norm": None, "channels_last": False},
        {"optimiser": "sgd", "schedule": "plateau", "lr": 0.05},
        {"crop": True, "stages": (Stage(until=0.5, size=(16, 16), batch=8), Stage(size=(24, 24), batch=4))},
        {"foreground": 1.0, "ema": 0.0, "warmup": 0.0, "seed": -(2**70)},
    ],
)
def test_every_option_of_the_recipe_trains(tmp_path: Path, training: dict[str, Any]) -> None:
    recipe = small_recipe(**training)
    result = train(recipe, discs(tmp_path / "c"), discs(tmp_path / "v", groups=2, size=(40, 56)), tmp_path / "run")
    assert result.steps == 24
    assert result.best_score > 0


def test_without_validation_the_last_weights_are_kept(tmp_path: Path) -> None:
    result = train(small_recipe(), discs(tmp_path / "c"), None, tmp_path / "run")
    assert result.best_step == result.steps == 24
    assert "dice_foreground" in (tmp_path / "run" / "history.csv").read_text().splitlines()[0]


def test_validation_without_foreground_goes_by_the_loss(tmp_path: Path) -> None:
    empty = write_cache(tmp_path / "v", [("g", np.zeros((1, 32, 32)), np.zeros((32, 32)))])
    result = train(small_recipe(), discs(tmp_path / "c"), empty, tmp_path / "run")
    assert result.best_score < 0
    assert result.best_step > 0


def test_early_stopping(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = small_recipe(steps=100, epoch_steps=2, lr=1e-12, patience=3, ema=0.0)
    result = train(recipe, discs(tmp_path / "c"), discs(tmp_path / "v", groups=2), tmp_path / "run")
    assert result.stopped == "early"
    assert result.steps < 100


class Clock:
    """Time that passes only by training steps and validation."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, step_seconds: Callable[[int], float]) -> None:
        self.now, self.steps = 1000.0, 0
        learn, score = Learner.step, Validator.score

        def step(learner: Learner, *arguments: Any) -> float | None:
            self.now += step_seconds(self.steps)
            self.steps += 1
            return learn(learner, *arguments)

        def scores(validator: Validator, *arguments: Any) -> Any:
            self.now += 0.5
            return score(validator, *arguments)

        monkeypatch.setattr(Learner, "step", step)
        monkeypatch.setattr(Validator, "score", scores)
        monkeypatch.setattr(loop, "time", SimpleNamespace(monotonic=lambda: self.now))


@pytest.mark.parametrize(
    "step_seconds", [lambda k: 0.1, lambda k: 0.05 if k < 120 else 0.2, lambda k: 1.0], ids=["slow", "slower later", "very slow"]
)
def test_a_deadline_shortens_the_schedule_and_the_rate_still_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step_seconds: Callable[[int], float]
) -> None:
    clock = Clock(monkeypatch, step_seconds)
    events: list[Event] = []
    cache, validation = discs(tmp_path / "c"), discs(tmp_path / "v", groups=2)
    recipe = small_recipe(steps=1000, epoch_steps=40)
    result = train(recipe, cache, validation, tmp_path / "run", deadline=clock.now + 60, on_event=events.append)
    assert 40 < clock.now - 1000 <= 60 * 1.11  # used, and kept
    assert "schedule-shortened" in notes(events)
    assert result.stopped == "finished"
    with (tmp_path / "run" / "history.csv").open() as file:
        rates = [float(row["lr"]) for row in csv.DictReader(file)]
    assert rates[-1] < 1e-4


def test_a_deadline_that_holds_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch, lambda k: 0.6 if k < 3 else 0.1)
    events: list[Event] = []
    result = train(
        small_recipe(steps=100, epoch_steps=20),
        discs(tmp_path / "c"),
        None,
        tmp_path / "run",
        deadline=clock.now + 11.6,
        on_event=events.append,
    )
    assert result.steps == 100
    assert "schedule-shortened" not in notes(events)


def test_time_left_over_is_used_but_not_without_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The trial before training met a busy machine: 100 steps were planned where 300 would fit."""
    clock = Clock(monkeypatch, lambda k: 0.1)
    events: list[Event] = []
    result = train(
        small_recipe(steps=100, epoch_steps=10),
        discs(tmp_path / "c"),
        None,
        tmp_path / "run",
        deadline=clock.now + 30,
        on_event=events.append,
    )
    assert result.steps == 150
    assert "schedule-lengthened" in notes(events)


def test_a_deadline_in_the_past_still_gives_a_network(tmp_path: Path) -> None:
    recipe = small_recipe(steps=1000, epoch_steps=10)
    result = train(recipe, discs(tmp_path / "c"), discs(tmp_path / "v", groups=2), tmp_path / "run", deadline=time.monotonic() - 1)
    assert result.stopped == "deadline"
    assert 0 < result.steps < 100
    load_best(tmp_path / "run", recipe)


def poisoned(folder: Path, share: float) -> Any:
    """A cache in which a share of the planes is NaN, as no cache of ours is."""
    cache = discs(folder)
    pixels = np.fromfile(folder / PLANES, np.float16)
    pixels[: int(len(pixels) * share)] = np.nan
    pixels.tofile(folder / PLANES)
    return cache


def test_steps_without_a_finite_loss_are_skipped(tmp_path: Path) -> None:
    recipe = small_recipe(stages=(Stage(size=(32, 32), batch=2),))
    result = train(recipe, poisoned(tmp_path / "c", 1 / 24), None, tmp_path / "run")
    state = torch.load(tmp_path / "run" / checkpoints.LAST, weights_only=True)
    assert result.stopped == "finished"
    assert 0 < state["state"]["bad_steps"] < 10
    for part in ("network", "averaged"):
        assert all(torch.isfinite(tensor).all() for tensor in state["learner"][part].values())


def test_hopeless_training_ends_with_an_error_after_one_rescue(tmp_path: Path) -> None:
    events: list[Event] = []
    with pytest.raises(TrainingDiverged) as caught:
        train(small_recipe(), poisoned(tmp_path / "c", 1.0), None, tmp_path / "run", on_event=events.append)
    assert caught.value.code == "diverged"
    assert notes(events).count("diverging") == 1


def test_a_full_disk_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe, cache, validation = small_recipe(), discs(tmp_path / "c"), discs(tmp_path / "v", groups=2)
    flush, calls = os.fsync, []

    def full(descriptor: int) -> None:
        calls.append(descriptor)
        if len(calls) > 4:
            raise OSError(errno.ENOSPC, "No space left on device")
        flush(descriptor)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(ResourceError) as caught:
            train(recipe, cache, validation, tmp_path / "run")
    assert caught.value.code == "disk-full"
    saved = torch.load(tmp_path / "run" / checkpoints.LAST, weights_only=True)
    assert saved["state"]["step"] > 0
    assert not [p for p in (tmp_path / "run" / "checkpoints").iterdir() if p.suffix == ".tmp"]
    assert train(recipe, cache, validation, tmp_path / "run", resume=True).stopped == "finished"


@pytest.mark.parametrize("error", [MemoryError(), RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory")])
def test_out_of_memory_says_what_helps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def explode(*_: object) -> None:
        raise error

    monkeypatch.setattr(Learner, "step", explode)
    with pytest.raises(ResourceError) as caught:
        train(small_recipe(), discs(tmp_path / "c"), None, tmp_path / "run")
    assert caught.value.code == "out-of-memory"
    assert "32×32" in str(caught.value)


def test_a_cache_that_goes_away_is_told(tmp_path: Path) -> None:
    cache = discs(tmp_path / "c")
    (tmp_path / "c" / PLANES).write_bytes(b"")
    with pytest.raises(RunError) as caught:
        train(small_recipe(), cache, None, tmp_path / "run")
    assert caught.value.code == "cache-damaged"
