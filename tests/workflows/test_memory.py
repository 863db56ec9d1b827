"""Data sets are streamed, not piled up: 4,000 slices of 110 patients in less than 2 GB, 100,000 files found in seconds."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import psutil
import pytest
import tifffile
from PIL import Image

GIGABYTE = 1_000_000_000


def brain_slices(root: Path, patients: int, slices: int, side: int = 256) -> Path:
    """Folders of RGB slices and masks as in the public data set of lower-grade gliomas, drawn."""
    rng = np.random.default_rng(0)
    rows, columns = np.mgrid[:side, :side] / side - 0.5
    for patient in range(patients):
        folder = root / f"TCGA_{patient:04d}_19990101"
        folder.mkdir(parents=True)
        centre, tone = rng.uniform(-0.15, 0.15, 2), rng.uniform(60, 110)
        for number in range(slices):
            height = 2 * number / max(slices - 1, 1) - 1
            head = (rows / 1.1) ** 2 + columns**2 < max(0.05, 0.42 * (1 - height**2) ** 0.5) ** 2
            radius = max(0.0, 0.13 - 0.3 * abs(height))
            tumour = head & ((rows - centre[0]) ** 2 + (columns - centre[1]) ** 2 < radius**2)
            noise = rng.normal(0, 6, (side, side, 3))
            image = np.clip((head * tone + tumour * 70)[..., None] + noise * head[..., None], 0, 255).astype(np.uint8)
            stem = f"{folder.name}_{number + 1}"
            tifffile.imwrite(folder / f"{stem}.tif", image, photometric="rgb")
            tifffile.imwrite(folder / f"{stem}_mask.tif", tumour.astype(np.uint8) * 255)
    return root


def peak_memory(*arguments: str) -> int:
    """Most bytes that a command and its children held at one time."""
    environment = {**os.environ, "DELINEATE_LANG": "en", "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen([sys.executable, "-m", "delineate", "--lang", "en", *arguments], env=environment)
    peak = 0
    while process.poll() is None:
        try:
            whole = psutil.Process(process.pid)
            peak = max(peak, sum(one.memory_info().rss for one in (whole, *whole.children(recursive=True))))
        except psutil.Error:  # ended meanwhile
            continue
        time.sleep(0.1)
    assert process.returncode == 0
    return peak


def check_and_run(data: Path, out: Path) -> tuple[int, int]:
    settings = ("--epochs", "1", "--size", "64", "--threads", "1", "--set", "network.options.widths=[8,16,32]")
    return peak_memory("check", str(data), "--out", str(out / "check")), peak_memory(
        "run", str(data), "--out", str(out / "run"), *settings
    )


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_four_thousand_slices_in_two_gigabytes(tmp_path: Path) -> None:
    few = check_and_run(brain_slices(tmp_path / "few", 10, 10), tmp_path / "of-few")
    many = check_and_run(brain_slices(tmp_path / "many", 110, 37), tmp_path / "of-many")
    assert many[0] < GIGABYTE
    assert many[1] < 2 * GIGABYTE
    assert many[0] - few[0] < GIGABYTE / 4, "what check holds must not grow with the data set"


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_hundred_thousand_files_are_found_in_seconds(tmp_path: Path) -> None:
    from delineate.layouts import scan

    rng = np.random.default_rng(0)
    for patient in range(500):
        folder = tmp_path / f"patient_{patient:03d}"
        folder.mkdir()
        for number in range(100):
            image = rng.integers(0, 256, (8, 8), dtype=np.uint8)
            Image.fromarray(image).save(folder / f"patient_{patient:03d}_{number}.png")
            Image.fromarray((image > 128).astype(np.uint8) * 255).save(folder / f"patient_{patient:03d}_{number}_mask.png")
    began = time.process_time()
    found = scan(tmp_path)
    assert len(found.cases) == 50_000
    assert time.process_time() - began < 30
