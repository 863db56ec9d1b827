"""Data sets that are broken on purpose, one function each, and what Delineate says of them: what they are made with.

Each starts from a small sound data set (ten pictures of a bright disc in ``images/``, their masks in ``masks/``) and breaks it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from tests.workflows.broken_files import nifti, save

PERSONS = 10
SIZE = 48


@dataclass(frozen=True)
class Broken:
    """
    ``findings``
        Code → severity, of the findings that ``check`` must make.
    ``error``
        Code of the error that ends ``check`` instead: nothing can be said of the folder but why.
    ``exit``
        Exit code of ``check``. ``run`` with one epoch ends with the same.
    ``named``
        Files that a finding (or the error) must name, below the root; words with ``:`` that the error must say.
    ``usable``
        Labelled cases that are left to work with.
    ``arguments``
        More arguments of the command; ``{root}`` stands for the folder.
    """

    build: Callable[[Path], None]
    findings: dict[str, str]
    error: str | None
    exit: int
    named: tuple[str, ...]
    usable: int | None
    arguments: tuple[str, ...]


BROKEN: dict[str, Broken] = {}


def broken(
    *,
    error: str | None = None,
    exit: int | None = None,  # noqa: A002 - what it is called everywhere
    named: Sequence[str] = (),
    usable: int | None = None,
    arguments: Sequence[str] = (),
    **findings: str,
) -> Callable[[Callable[[Path], None]], Callable[[Path], None]]:
    """Register a data set. Findings are written with underscores: ``mask_empty="warning"``."""
    codes = {code.replace("_", "-"): severity for code, severity in findings.items()}
    code = exit if exit is not None else 3 if error or "error" in codes.values() else 0

    def register(build: Callable[[Path], None]) -> Callable[[Path], None]:
        BROKEN[build.__name__] = Broken(build, codes, error, code, tuple(named), usable, tuple(arguments))
        return build

    return register


def scene(number: int, size: tuple[int, int] = (SIZE, SIZE)) -> tuple[Any, Any]:
    """A noisy picture (uint8) of a bright disc, and its mask (0, 255); another one for every number."""
    random = np.random.default_rng(number)
    rows, columns = np.mgrid[: size[0], : size[1]]
    row, column = random.uniform(0.35, 0.65, 2) * size
    inside = (rows - row) ** 2 + (columns - column) ** 2 <= (0.2 * min(size) + random.uniform(0, 4)) ** 2
    coarse = np.kron(random.normal(0, 25, (size[0] // 4 + 1, size[1] // 4 + 1)), np.ones((4, 4)))[: size[0], : size[1]]
    pixels = 70 + 90 * inside + coarse + random.normal(0, 8, size)
    return np.clip(pixels, 0, 255).astype(np.uint8), (inside * 255).astype(np.uint8)


def image(root: Path, number: int, suffix: str = ".png") -> Path:
    return root / "images" / f"p{number:02d}{suffix}"


def mask(root: Path, number: int, suffix: str = ".png") -> Path:
    return root / "masks" / f"p{number:02d}{suffix}"


def sound(root: Path, persons: int = PERSONS, suffix: str = ".png") -> None:
    for number in range(persons):
        pixels, inside = scene(number)
        save(image(root, number, suffix), pixels)
        save(mask(root, number, suffix), inside)


def patients(root: Path, persons: int, slices: int = 2) -> None:
    """A folder per patient: ``p00/p00_1.png`` + ``p00/p00_1_mask.png``."""
    for number in range(persons):
        for position in range(slices):
            pixels, inside = scene(100 * number + position)
            save(root / f"p{number:02d}" / f"p{number:02d}_{position + 1}.png", pixels)
            save(root / f"p{number:02d}" / f"p{number:02d}_{position + 1}_mask.png", inside)


def volumes(root: Path, persons: int = PERSONS) -> None:
    for number in range(persons):
        planes = [scene(10 * number + plane, (32, 32)) for plane in range(3)]
        nifti(image(root, number, ".nii.gz"), np.stack([plane[0] for plane in planes], -1).astype(np.float32))
        nifti(mask(root, number, ".nii.gz"), (np.stack([plane[1] for plane in planes], -1) > 0).astype(np.uint8))


def is_root() -> bool:
    """Permissions mean nothing to root."""
    return hasattr(os, "geteuid") and os.geteuid() == 0
