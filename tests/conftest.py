"""Shared by all tests: where real data are, one thread pool per worker, no display needed."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import settings

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
os.environ.setdefault("MPLBACKEND", "Agg")
os.environ["DELINEATE_LANG"] = "en"
# What a trial of engines found belongs to the person: tests neither read nor write it.
os.environ["DELINEATE_CACHE"] = tempfile.mkdtemp(prefix="delineate-tests-")

# The same examples every time: a change is judged by what it changed. No deadline: how long an example takes says how busy the
# machine is, not whether the code is right.
settings.register_profile("repeatable", derandomize=True, deadline=None, print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "repeatable"))


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real data (``DELINEATE_DATA`` or ``../shared/data``); skipped with the reason where it is absent."""
    folder = Path(os.environ.get("DELINEATE_DATA", Path(__file__).resolve().parents[2] / "shared" / "data"))
    if not folder.is_dir():
        if os.environ.get("CI") == "true":
            pytest.fail(f"real data not found at {folder}")
        pytest.skip(f"real data not found at {folder}")
    return folder
