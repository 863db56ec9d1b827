"""Small pictures from which a page draws two models side by side: the image once, and every mask as a few hundred bytes.

A page that holds every pair of models ready drawn would grow with their square; masks grow with their number, and the page
draws the pair that is asked for.
"""

from __future__ import annotations

import io
import math
from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow
from pydantic import Field, field_validator

from delineate.domain import IGNORE, LabelSet
from delineate.evaluation.cases import printable
from delineate.evaluation.drawing import Labels, channels_first, display, output_size
from delineate.recipe import StrictModel

#: The longer side of a picture.
MOST_SIDE = 320
#: Overlapping regions are bits of one byte.
MOST_REGIONS = 8


class ShownCase(StrictModel):
    """One case: files inside the folder of the index. ``values`` and ``masks`` are keyed by model; a model without is left out.

    ``plane`` is the slice shown (from 0) of ``planes``.
    """

    group: str
    person: str
    image: str
    truth: str
    masks: dict[str, str]
    values: dict[str, float | None]
    plane: int | None = None
    planes: int = 1

    @field_validator("group", "person", mode="before")
    @classmethod
    def _can_be_written(cls, name: object) -> object:
        return printable(name) if isinstance(name, str) else name


class SideBySide(StrictModel):
    """viewer/index.json. With ``overlapping`` a mask's byte has one bit per class, else it is the label. ``failed`` says for which
    models there are no masks, and why (a code, without anybody's paths)."""

    version: int = Field(default=1, ge=1, le=1)
    metric: str = "dice"
    classes: tuple[str, ...] = ()
    overlapping: bool = False
    cases: tuple[ShownCase, ...] = ()
    failed: dict[str, str] = Field(default_factory=dict)


def most_different(values: Mapping[str, Mapping[str, float]], most: int) -> list[str]:
    """The groups to show: of every pair of models the one they differ most on, then every pair's second, up to ``most``.

    ``values``: model (best first) → group → value; NaN is no value. Pairs of the best models come first.
    """
    ranked = []
    for a, b in combinations(values, 2):
        both = [group for group in values[a] if group in values[b]]
        gaps = {group: abs(values[a][group] - values[b][group]) for group in both}
        ranked.append(sorted((g for g in both if not math.isnan(gaps[g])), key=lambda g: (-gaps[g], g)))
    chosen: dict[str, None] = {}
    for place in range(max(map(len, ranked), default=0)):
        for groups in ranked:
            if place < len(groups) and len(chosen) < most:
                chosen.setdefault(groups[place])
    return list(chosen)


def image_png(plane: NDArray[Any], spacing_mm: Sequence[float] | None = None) -> bytes:
    """PNG of one plane, (h, w) or (C, h, w) of any number type, at most :data:`MOST_SIDE` a side; grey where it is grey."""
    stack = channels_first(plane, 3)
    shown = display(stack[None])[0]
    rows, columns = _size((shown.shape[0], shown.shape[1]), spacing_mm)
    smaller = rows <= shown.shape[0] and columns <= shown.shape[1]
    resized = cv2.resize(shown, (columns, rows), interpolation=cv2.INTER_AREA if smaller else cv2.INTER_LINEAR)
    grey = stack.shape[0] != 3
    return _png(np.asarray(resized[..., 0] if grey else resized, dtype=np.uint8))


def mask_png(labels: Labels, label_set: LabelSet, spacing_mm: Sequence[float] | None = None) -> bytes:
    """Grey PNG of one plane's labels, (h, w) or (K, h, w) for overlapping regions, in the size of :func:`image_png`.

    A byte is the label (ignored pixels are background), or one bit per region.
    """
    if label_set.kind == "regions":
        bits = [(labels[k] == 1).astype(np.uint8) << k for k in range(min(label_set.classes, MOST_REGIONS))]
        plane = np.bitwise_or.reduce(bits)
    else:
        plane = np.where((labels == IGNORE) | (labels < 0), 0, labels).astype(np.uint8)
    rows, columns = _size((plane.shape[0], plane.shape[1]), spacing_mm)
    return _png(np.asarray(cv2.resize(plane, (columns, rows), interpolation=cv2.INTER_NEAREST), dtype=np.uint8))


def plane_of_most_disagreement(masks: Sequence[Labels]) -> int | None:
    """Index of the slice with the most pixels that not all ``masks`` (N, h, w) or (K, N, h, w) agree on; ``None``: none."""
    low, high = masks[0].copy(), masks[0].copy()
    for mask in masks[1:]:
        np.minimum(low, mask, out=low)
        np.maximum(high, mask, out=high)
    apart = low != high
    per_plane = apart.sum(axis=tuple(axis for axis in range(apart.ndim) if axis != apart.ndim - 3))
    return int(np.argmax(per_plane)) if per_plane.any() else None


def _size(shape: tuple[int, int], spacing: Sequence[float] | None) -> tuple[int, int]:
    return output_size(shape, spacing, 1, MOST_SIDE)


def _png(picture: NDArray[np.uint8]) -> bytes:
    file = io.BytesIO()
    Pillow.fromarray(picture).save(file, "PNG", optimize=True)
    return file.getvalue()
