"""A small finished run that several tests look at."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.workflows.small import small_options

from delineate.synthetic import make_dataset
from delineate.workflows.running import RunResult, run


@pytest.fixture(scope="session")
def small_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_dataset(tmp_path_factory.mktemp("small") / "data", patients=8, slices=4, size=96, seed=1)


@pytest.fixture(scope="session")
def finished(small_data: Path, tmp_path_factory: pytest.TempPathFactory) -> RunResult:
    folder = tmp_path_factory.mktemp("finished") / "run"
    return run(out=folder, options=small_options(small_data))
