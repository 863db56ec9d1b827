"""What a person may ask of a run, in one value that is saved with the run so that it can be resumed and repeated."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from pydantic import Field

from delineate.errors import UsageError
from delineate.recipe import StrictModel

#: Budgets of at least so many seconds try test-time augmentation unless told not to.
TTA_FROM = 300.0


class DataOptions(StrictModel):
    """How to read the folder. All ``None``: by evidence. ``mask_meaning`` is a JSON file with rule and classes
    (:class:`delineate.recipe.MaskMeaning`) that count in the place of what masks look like."""

    layout: str | None = None
    image_pattern: str | None = None
    mask_pattern: str | None = None
    patient_pattern: str | None = None
    table: Path | None = None
    classes: str | None = None
    mask_meaning: Path | None = None


class SplitOptions(StrictModel):
    """How persons are split. ``sample`` is (seed, n), as reference system R2 draws its patients."""

    folds: int | None = Field(default=None, ge=2, le=50)
    split_file: Path | None = None
    sample: tuple[int, int] | None = None
    keep_published: bool = True
    validation: float = Field(default=0.15, gt=0, lt=0.9)
    test: float = Field(default=0.2, gt=0, lt=0.9)


class RunOptions(StrictModel):
    """One run. ``budget`` is in seconds of wall-clock for the whole run; ``epochs`` replaces it.

    ``cache`` is a folder of preprocessed planes that several runs share; whoever gave it removes it.
    """

    data: Path
    reading: DataOptions = DataOptions()
    splitting: SplitOptions = SplitOptions()
    budget: float | None = Field(default=None, gt=0)
    epochs: int | None = Field(default=None, ge=1)
    network: str | None = None
    augmentation: str | None = None
    preset: str | None = None
    size: tuple[int, int] | None = None
    settings: dict[str, Any] = Field(default_factory=dict)
    recipe_file: Path | None = None
    allow: tuple[str, ...] = ()
    seed: int = 0
    device: str | None = None
    threads: int | None = Field(default=None, ge=1)
    name: str | None = None
    keep_cache: bool = False
    tta: bool | None = None
    dice_bar: float = Field(default=0.8, gt=0, lt=1)
    alpha: float = Field(default=0.1, gt=0, lt=1)
    ensemble: bool = False
    cache: Path | None = None
    language: str = "en"
    notes: tuple[str, ...] = ()

    @property
    def tries_tta(self) -> bool:
        """Whether test-time augmentation is tried: as asked, else where the time for it does not matter."""
        return self.tta if self.tta is not None else self.budget is not None and self.budget >= TTA_FROM


_UNITS = {"s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86400.0, "": 60.0}


def parse_budget(text: str) -> float:
    """``"15m"``, ``"90s"``, ``"1h30m"``, ``"2h"``; a bare number is minutes. Seconds."""
    compact = text.strip().lower().replace(" ", "")
    parts = re.findall(r"(\d+(?:\.\d+)?)(min|[smhd]|$)", compact)
    if not parts or "".join(number + unit for number, unit in parts) != compact:
        raise UsageError("bad-budget", text=text)
    seconds = sum(float(number) * _UNITS[unit] for number, unit in parts)
    if seconds < 20:
        raise UsageError("budget-too-short", text=text)
    return seconds


def parse_size(text: str) -> tuple[int, int]:
    """``"256"`` or ``"256x320"`` (rows x columns)."""
    found = re.fullmatch(r"(\d+)(?:[x×*](\d+))?", text.strip().lower())
    if not found:
        raise UsageError("bad-size", text=text)
    rows = int(found[1])
    columns = int(found[2] or rows)
    if not (16 <= rows <= 8192 and 16 <= columns <= 8192):
        raise UsageError("bad-size", text=text)
    return rows, columns


def parse_sample(text: str) -> tuple[int, int]:
    """``"10"`` or ``"seed=42,n=10"`` → (seed, n)."""
    found = re.fullmatch(r"\s*(?:seed\s*=\s*(\d+)\s*,\s*)?(?:n\s*=\s*)?(\d+)\s*", text)
    if not found:
        raise UsageError("bad-sample", text=text)
    return int(found[1] or 42), int(found[2])
