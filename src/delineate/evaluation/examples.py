"""Which groups are shown, and the index of their pictures."""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Sequence
from typing import Literal

from pydantic import field_validator

from delineate.evaluation.cases import printable
from delineate.evaluation.scores import GroupScore
from delineate.recipe import StrictModel

Rank = Literal["best", "median", "worst"]


class Picture(StrictModel):
    """One file of the run's ``pictures/`` folder.

    ``kind``: ``case`` is a still (PNG), ``volume`` an animation over the slices (GIF). ``file`` is the name inside ``pictures/``,
    without folders. ``plane`` is the slice a still shows, ``None`` for images and animations.
    """

    group: str
    person: str
    part: str
    dice: float | None
    kind: Literal["case", "volume"]
    file: str
    rank: Rank | None = None
    plane: int | None = None

    @field_validator("group", "person", mode="before")
    @classmethod
    def _can_be_written(cls, name: object) -> object:
        return printable(name) if isinstance(name, str) else name


class PictureIndex(StrictModel):
    """pictures/index.json."""

    version: Literal[1] = 1
    pictures: tuple[Picture, ...] = ()


def picture_name(part: str, group: str, suffix: str) -> str:
    """A file name for ``group`` that every file system takes: ``test_TCGA_CS_4941.gif``. Names that had to be changed carry a short
    hash of the original, so that two groups never share a file."""
    plain = re.sub(r"[^A-Za-z0-9._-]+", "_", group).strip("._")[:80]
    if plain != group:
        plain = f"{plain or 'group'}_{hashlib.sha256(group.encode('utf-8', 'surrogatepass')).hexdigest()[:8]}"
    return f"{part}_{plain}{suffix}"


def choose_examples(scores: Sequence[GroupScore], n: int = 3) -> list[tuple[GroupScore, Rank]]:
    """Up to ``n`` groups by Dice: a third each from the best, around the median, and the worst, best first, nobody twice.

    Groups without a Dice (truth and prediction empty) show nothing and are not chosen. Ties go by name. One group alone is the
    median.
    """
    ranked = sorted((s for s in scores if not math.isnan(s.value("dice"))), key=lambda s: (-s.value("dice"), s.group))
    if not ranked or n < 1:
        return []
    if len(ranked) == 1 or n == 1:
        return [(ranked[len(ranked) // 2], "median")]
    if len(ranked) == 2 or n == 2:
        return [(ranked[0], "best"), (ranked[-1], "worst")]
    wanted = min(n, len(ranked))
    best = worst = max(1, wanted // 3)
    middle = wanted - best - worst
    start = max(best, min((len(ranked) - middle) // 2, len(ranked) - worst - middle))
    return [
        *((s, "best") for s in ranked[:best]),
        *((s, "median") for s in ranked[start : start + middle]),
        *((s, "worst") for s in ranked[len(ranked) - worst :]),
    ]
