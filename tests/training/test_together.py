"""Two processes give what one gives: same batches, same loss over the whole batch, same statistics of the norms."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from tests.training.small import discs
from tests.training.together import recipe_of

from delineate.errors import RecipeError
from delineate.recipe import Stage
from delineate.training import train
from delineate.training.batches import BatchMaker
from delineate.training.checkpoints import BEST
from delineate.training.team import check_batches

ROOT = Path(__file__).parents[2]


def together(run: Path, caches: Path, norm: str, processes: int = 2, **options: Any) -> None:
    """Train with ``torchrun`` on a port of the system's choice."""
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes)]
    command += ["-m", "tests.training.together", str(run), str(caches), norm, json.dumps(options)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=280, check=False)
    assert done.returncode == 0, done.stderr[-3000:]


def alone(run: Path, caches: Path, norm: str, **options: Any) -> None:
    cache, validation = discs(caches / "train", size=(48, 48)), discs(caches / "validation", groups=2, size=(48, 48))
    train(recipe_of(norm, **options), cache.only(lambda plane: plane.group != "person5"), validation, run)


def rows(run: Path) -> list[dict[str, str]]:
    with (run / "history.csv").open() as file:
        return list(csv.DictReader(file))


@pytest.mark.slow  # two processes load torch and train: some 10 s
@pytest.mark.parametrize(("norm", "options"), [("batch", {}), ("group", {"accumulate": 2}), ("batch", {"loss": "lovasz_hinge"})])
def test_two_processes_give_what_one_gives(norm: str, options: dict[str, Any], tmp_path: Path) -> None:
    alone(tmp_path / "one", tmp_path, norm, **{k: v for k, v in options.items() if k != "accumulate"})
    together(tmp_path / "two", tmp_path, norm, **options)
    one, two = rows(tmp_path / "one"), rows(tmp_path / "two")
    assert len(one) == len(two) == 3
    for before, after in zip(one, two, strict=True):
        for key in ("loss", "val_loss", "val_dice"):
            assert float(after[key]) == pytest.approx(float(before[key]), rel=5e-3, abs=5e-3), key
        assert after["lr"] == before["lr"]
    ours, theirs = load_file(tmp_path / "two" / BEST), load_file(tmp_path / "one" / BEST)
    assert ours.keys() == theirs.keys()
    for name, tensor in ours.items():
        torch.testing.assert_close(tensor, theirs[name], rtol=0.02, atol=5e-3)


@pytest.mark.slow  # as above, twice
def test_a_stopped_training_goes_on_together(tmp_path: Path) -> None:
    alone(tmp_path / "one", tmp_path, "batch", patience=None)
    together(tmp_path / "two", tmp_path, "batch")
    saved = torch.load(tmp_path / "two" / "checkpoints" / "last.pt", weights_only=True)
    assert saved["state"]["step"] == 12
    together(tmp_path / "two", tmp_path, "batch", resume=True)  # nothing left to do: all end
    assert len(rows(tmp_path / "two")) == 3


def test_more_processes_than_images() -> None:
    recipe = recipe_of("batch", stages=(Stage(size=(32, 32), batch=3),))
    check_batches(recipe.training, 3)
    with pytest.raises(RecipeError, match="4 processes"):
        check_batches(recipe.training, 4)


def test_every_process_makes_the_same_batch(tmp_path: Path) -> None:
    cache = discs(tmp_path / "train", size=(48, 48))
    recipe = recipe_of("batch")
    images = [BatchMaker(cache, recipe).make(7, recipe.training.stages[0])[0] for _ in range(2)]
    assert torch.equal(*images)
