"""Freed memory goes back to the system, on any system without harm."""

from __future__ import annotations

import subprocess
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


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc only")
def test_freed_memory_stays_while_training_and_goes_afterwards() -> None:
    """64 MiB that are freed and wanted again: no fresh pages while kept, fresh ones before and after."""
    script = """
import resource, torch
from delineate.training.memory import give_back, keep_freed

def fresh_pages():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    torch.ones(16 * 2**20)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

fresh_pages()
first = fresh_pages()
with keep_freed():
    fresh_pages()
    kept = fresh_pages()
give_back()
print(first, kept, fresh_pages())
"""
    out = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.split()
    first, kept, after = map(int, out)
    if first < 1000:
        pytest.skip("this C library keeps freed memory anyway, or pages are large")
    assert kept < first / 10
    assert after > first / 2
