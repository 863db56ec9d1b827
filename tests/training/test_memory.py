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
    """Steps of a small network: no fresh pages while memory is kept, thousands in every step otherwise; then all is given back."""
    script = """
import resource, psutil, torch
from delineate.recipe import NetworkRecipe, Recipe, Training
from delineate.training.memory import give_back, keep_freed
from delineate.training.step import Learner

torch.set_num_threads(1)
network = NetworkRecipe(name="unet", options={"widths": [8, 16], "decoder": "transposed"})
learner = Learner(Recipe(network=network, training=Training(threads=1)))
images, labels = torch.randn(4, 1, 192, 192), torch.zeros(4, 192, 192, dtype=torch.uint8)

def fresh_pages():
    found = []
    for number in range(7):
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        learner.step(images, labels, number, 1e-3)
        found.append(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
    return sorted(found[2:])[1]  # the first steps find their places; one of the others may still meet a gap that is too small

plain = fresh_pages()
with keep_freed():
    kept = fresh_pages()
    torch.ones(16_000_000)  # 61 MiB, freed at once: what the steps alone leave behind differs from time to time
    held = psutil.Process().memory_info().rss
give_back()
print(plain, kept, fresh_pages(), (held - psutil.Process().memory_info().rss) >> 20)
"""
    out = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.split()
    plain, kept, after, given_back = map(int, out)
    if plain < 1000:
        pytest.skip("this C library keeps freed memory anyway, or pages are large")
    assert kept < plain / 10
    assert after > max(5 * kept, plain / 50)  # fewer than before where gaps between pieces are large enough to be used again
    assert given_back >= 30
