"""Small caches made of discs on noise: quick to learn, and with everything that matters (persons, empty planes, classes)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from delineate.domain import LabelSet
from delineate.recipe import Augmentation, NetworkRecipe, Preprocessing, Recipe, Stage, Training, save_json
from delineate.training.planes import INDEX, LABELS, PLANES, PlaneCache, open_cache


def disc(shape: tuple[int, int], centre: tuple[float, float], radius: float) -> NDArray[np.bool_]:
    rows, columns = np.ogrid[: shape[0], : shape[1]]
    return (rows - centre[0]) ** 2 + (columns - centre[1]) ** 2 <= radius**2


def write_cache(
    folder: Path, planes: list[tuple[str, NDArray[Any], NDArray[Any]]], classes: int = 1, regions: bool = False, neighbours: int = 0
) -> PlaneCache:
    """A cache of (group, (C, h, w), labels) planes; the person is the group's text before ``-``."""
    folder.mkdir(parents=True, exist_ok=True)
    index: dict[str, Any] = {"key": folder.name, "channels": planes[0][1].shape[0], "regions": regions, "classes": classes}
    index |= {"cases": [], "planes": [], "failed": [], "neighbours": neighbours}
    with (folder / PLANES).open("wb") as images, (folder / LABELS).open("wb") as labels_file:
        for number, (group, image, labels) in enumerate(planes):
            image.astype(np.float16).tofile(images)
            labels.astype(np.uint8).tofile(labels_file)
            index["cases"].append([f"{group}/{number}", group, group.split("-")[0], number])
            pixels = [int((labels[k] == 1).sum() if regions else (labels == k + 1).sum()) for k in range(classes)]
            index["planes"].append([number, 0, *image.shape[1:], pixels])
    save_json(folder / INDEX, index)
    cache = open_cache(folder)
    assert cache is not None
    return cache


def discs(
    folder: Path, groups: int = 6, each: int = 4, size: tuple[int, int] = (32, 32), classes: int = 1, seed: int = 0
) -> PlaneCache:
    """Noise with a bright disc (brighter for higher classes) in three of four planes."""
    rng = np.random.default_rng(seed)
    planes = []
    for group in range(groups):
        for number in range(each):
            image = rng.normal(0, 0.3, (1, *size))
            labels = np.zeros(size, dtype=np.uint8)
            if number % 4:
                for label in range(1, classes + 1):
                    where = disc(size, tuple(rng.uniform(0.25, 0.75, 2) * size), min(size) / 6)
                    labels[where] = label
                    image[0, where] += 1.5 * label
            planes.append((f"person{group}", image, labels))
    return write_cache(folder, planes, classes)


def small_recipe(**training: Any) -> Recipe:
    values: dict[str, Any] = {
        "steps": 24,
        "epoch_steps": 8,
        "stages": (Stage(size=(32, 32), batch=4),),
        "augmentation": Augmentation(rotate=20, scale=0.1, flip_horizontal=0.5, brightness=0.1, noise=0.05),
        "precision": "fp32",
        "threads": 1,
        "ema": 0.9,
        "foreground": 2.0,
    }
    return Recipe(
        labels=LabelSet(),
        preprocessing=Preprocessing(channels=1, size=(32, 32)),
        network=NetworkRecipe(name="unet", options={"widths": [4, 8, 16], "dropout": 0.1}),
        training=Training(**{**values, **training}),
    )
