"""Tiny data, and grids of which the runs are pretended."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.workflows.grid.pretended import Pretended

from delineate.synthetic import make_dataset
from delineate.workflows.grid import running
from delineate.workflows.grid.running import GridResult, compare_grid

#: Nothing is left to what the machine measures but its speed.
ASKED: dict[str, Any] = {
    "networks": ("unet", "attention_unet"),
    "losses": ("dice", "bce_dice"),
    "epochs": 1,
    "size": (64, 64),
    "threads": 1,
    "device": "cpu",
    "settings": {"network.options.widths": [8, 16], "training.precision": "fp32", "training.channels_last": True},
}

Grids = Callable[..., GridResult]


@pytest.fixture(scope="session")
def tiny_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_dataset(tmp_path_factory.mktemp("tiny") / "data", patients=8, slices=2, size=64, seed=1)


@pytest.fixture
def pretend(monkeypatch: pytest.MonkeyPatch, tiny_data: Path) -> Grids:
    """``pretend(folder, engine, **options)``: a grid on ``tiny_data`` whose runs are those of ``engine``."""

    def grid(folder: Path, engine: Pretended | None = None, *, resume: bool = False, **changes: Any) -> GridResult:
        monkeypatch.setattr(running, "engine_of", lambda *_: engine or Pretended())
        if resume:
            return compare_grid(out=folder, resume=True, **changes)
        return compare_grid(tiny_data, folder, **{**ASKED, **changes})

    return grid
