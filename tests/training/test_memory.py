"""Freed memory goes back to the system, on any system without harm."""

from __future__ import annotations

import sys

import psutil
import pytest
import torch

from delineate.training import give_back


def test_giving_back_is_harmless(monkeypatch: pytest.MonkeyPatch) -> None:
    give_back()
    monkeypatch.setattr(sys, "platform", "win32")
    give_back()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc only")
def test_pieces_between_pieces_are_given_back() -> None:
    """Many small tensors of which every second is freed: what an allocator keeps."""
    process = psutil.Process()
    kept = [torch.ones(20_000) for _ in range(2_000)]  # 160 MB
    del kept[::2]
    before = process.memory_info().rss
    give_back()
    assert before - process.memory_info().rss > 40_000_000
    assert all(tensor.sum() == 20_000 for tensor in kept)
