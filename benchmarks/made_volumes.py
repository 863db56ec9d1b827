"""Images made for benchmarks: a folder of patients with RGB slices and masks, in the layout of the brain-MRI set that R2 uses.

Bright blobs in a textured disc: enough for a network to learn something in seconds, nothing that anyone would mistake for a person.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import tifffile
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter


def made_slice(rng: np.random.Generator, size: int, empty: bool) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """(size, size, 3) uint8 image and (size, size) mask of 0 and 255."""
    rows, columns = np.mgrid[:size, :size] / size - 0.5
    body = (rows / 0.44) ** 2 + (columns / 0.36) ** 2 < 1
    image = np.where(body, 90.0, 4.0)[..., None] + gaussian_filter(rng.normal(0, 60, (size, size, 3)), (2, 2, 0))
    mask = np.zeros((size, size), dtype=bool)
    if not empty:
        y, x = rng.uniform(-0.18, 0.18, 2)
        height, width = rng.uniform(0.05, 0.13, 2)
        mask = ((rows - y) / height) ** 2 + ((columns - x) / width) ** 2 < 1
        image[..., 1] += 70.0 * mask
        image[..., 0] += 25.0 * mask
    image[..., 2] += 20.0 * gaussian_filter(rng.normal(0, 4, (size, size)), 5)
    return image.clip(0, 255).astype(np.uint8), np.where(mask, 255, 0).astype(np.uint8)


def write_patients(folder: Path, *, patients: int = 4, slices: int = 8, size: int = 256, seed: int = 0) -> Path:
    """``folder/P_001/P_001_1.tif`` with ``P_001_1_mask.tif``; a third of the slices is empty. Returns ``folder``."""
    for number in range(1, patients + 1):
        rng = np.random.default_rng((seed, number))
        name = f"P_{number:03d}"
        (folder / name).mkdir(parents=True, exist_ok=True)
        for position in range(1, slices + 1):
            image, mask = made_slice(rng, size, empty=position % 3 == 0)
            tifffile.imwrite(folder / name / f"{name}_{position}.tif", image, photometric="rgb", compression="zlib")
            tifffile.imwrite(folder / name / f"{name}_{position}_mask.tif", mask, compression="zlib")
    return folder
