"""Made-up pixels and the writing of them: one bright ellipse (or a few) on noisy tissue, another one for every seed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
from numpy.typing import NDArray
from PIL import Image


@dataclass(frozen=True)
class Published:
    """A way in which data are published, and what Delineate must make of it.

    ``make`` fills a folder and gives the place a person would name. ``warnings`` are the finding codes of severity warning or error
    (beside too few persons) that belong to the data as published; anything else is unexplained.
    """

    name: str
    make: Callable[[Path], Path]
    layout: str
    cases: int
    persons: int
    unit: str
    rule: str
    classes: tuple[str, ...] = ("foreground",)
    kind: str = ""
    warnings: frozenset[str] = frozenset()
    options: dict[str, Any] = field(default_factory=dict)


#: What is said of pictures whose patients nobody knows, and of slices that are one stack.
BY_IMAGE = ("split-by-image", "patient-unknown")
BY_BLOCK = ("split-by-block", "stack-without-patients")

SETS: dict[str, Published] = {}


def published(**facts: Any) -> Callable[[Callable[[Path], Path]], Callable[[Path], Path]]:
    """Register a generator under its own name."""

    def add(make: Callable[[Path], Path]) -> Callable[[Path], Path]:
        name = make.__name__
        SETS[name] = Published(name, make, **{**facts, "warnings": frozenset(facts.get("warnings", ()))})
        return make

    return add


def scene(seed: int, shape: tuple[int, ...], parts: int = 1) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """(image, labels) of ``shape`` with 2 or 3 axes: ``parts`` ellipsoids, each inside the one before, labelled 1, 2 …"""
    random = np.random.default_rng(seed)
    grid = np.meshgrid(*(np.linspace(-1, 1, n) if n > 1 else np.zeros(1) for n in shape), indexing="ij")
    centre, radius = random.uniform(-0.25, 0.25, len(shape)), random.uniform(0.45, 0.65, len(shape))
    distance = np.sqrt(sum(((axis - c) / r) ** 2 for axis, c, r in zip(grid, centre, radius, strict=True)))
    labels = np.zeros(shape, np.uint8)
    image = 60 + 25 * np.sin(3 * grid[-1] + seed) + random.normal(0, 8, shape)
    for part in range(1, parts + 1):
        inside = distance < 1 - (part - 1) / parts
        labels[inside] = part
        image[inside] += 120 / parts
    return np.clip(image, 1, 255).astype(np.uint8), labels


def several(seed: int, shape: tuple[int, int], count: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """(image, objects numbered 1 … count): small discs that do not touch."""
    random = np.random.default_rng(seed)
    image, objects = random.normal(40, 6, shape), np.zeros(shape, np.uint8)
    rows, columns = np.indices(shape)
    step = shape[1] // count
    for number in range(1, count + 1):
        row, column = random.integers(8, shape[0] - 8), (number - 1) * step + step // 2
        disc = (rows - row) ** 2 + (columns - column) ** 2 < random.integers(9, max(10, min(step // 2 - 1, 7) ** 2))
        objects[disc], image[disc] = number, 150 + 10 * number
    return np.clip(image, 0, 255).astype(np.uint8), objects


def colour(grey: NDArray[np.uint8], tint: tuple[float, float, float] = (1.0, 0.8, 0.7)) -> NDArray[np.uint8]:
    return np.stack([np.clip(grey * t, 0, 255) for t in tint], axis=-1).astype(np.uint8)


def save(path: Path, pixels: NDArray[Any] | Image.Image, **options: Any) -> Path:
    """A picture in the format that the suffix says; bool becomes one bit a pixel."""
    path.parent.mkdir(parents=True, exist_ok=True)
    picture = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    picture.save(path, **options)
    return path


def nifti(
    path: Path, array: NDArray[Any], spacing: tuple[float, float, float] = (1.0, 1.0, 1.0), affine: NDArray[Any] | None = None
) -> Path:
    """``array`` in file order (i, j, k[, t]), spacing likewise. Without an affine the codes are 0: the file says no place."""
    path.parent.mkdir(parents=True, exist_ok=True)
    made = nibabel.Nifti1Image(array, affine)
    if affine is None:
        made.header.set_zooms((*spacing, 1.0)[: array.ndim])
        made.header.set_xyzt_units("mm", "sec")
    nibabel.save(made, path)
    return path


def text(path: Path, content: str = "made up\n") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content, encoding="utf-8")
    return path
