"""The small finished run of the workflow tests."""

from __future__ import annotations

from tests.workflows.conftest import finished, small_data

__all__ = ["finished", "small_data"]
