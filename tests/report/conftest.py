"""One whole fake run per session; tests that change it copy it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.report.fake_run import make_run


@pytest.fixture(scope="session")
def _finished_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_run(tmp_path_factory.mktemp("run") / "run", tests=5, validations=3, animations=1, noise=5.0)


@pytest.fixture
def run_copy(_finished_run: Path, tmp_path: Path) -> Callable[[], Path]:
    """A fresh copy of the fake run."""

    def copy() -> Path:
        return Path(shutil.copytree(_finished_run, tmp_path / "run", dirs_exist_ok=True))

    return copy
