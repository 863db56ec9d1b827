"""Pictures of the check page: how the mask rule reads one example, and a montage of varied cases with their outlines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from delineate.dataset.facts import CaseFacts
from delineate.dataset.loading import load_image, load_mask, load_raw_labels
from delineate.domain import IGNORE, Case, LabelSet
from delineate.errors import DelineateError
from delineate.recipe import MaskRule
from delineate.report.page import data_uri

TILE = 264
LARGE = 420
MONTAGE = 12
Rgb = NDArray[np.uint8]


@dataclass(frozen=True)
class Tile:
    """One picture: ``uri`` is a ``data:`` address, ``plane`` (number from 1, of how many) of a volume."""

    uri: str
    case: str
    person: str
    share: float
    plane: tuple[int, int] | None


@dataclass(frozen=True)
class Example:
    """Image, mask file as stored, and what the rule makes of it."""

    case: str
    image: str
    raw: str
    classes: str
    files: int
    plane: tuple[int, int] | None


def montage(
    facts: Sequence[CaseFacts], cases: Mapping[str, Case], rule: MaskRule, labels: LabelSet, wanted: int = MONTAGE
) -> list[Tile]:
    """Up to ``wanted`` cases with outlines, from the least to the most marked, as many persons as possible."""
    tiles = []
    for fact in varied(facts, wanted):
        try:
            image, mask = _planes(cases[fact.case], rule, labels)
        except (DelineateError, KeyError):
            continue  # became unreadable since it was measured; the findings name such files
        picture = outlined(_shown(image.pixels, TILE, image.spacing), mask.labels, labels)
        share = 100 * fact.foreground_pixels / max(fact.pixels, 1)
        tiles.append(Tile(_png(picture), fact.case, fact.person, share, image.plane))
    return tiles


def varied(facts: Sequence[CaseFacts], wanted: int) -> list[CaseFacts]:
    """Cases spread evenly over the amount marked; one per person as long as there are enough persons. Empty masks last."""
    marked = sorted((f for f in facts if f.usable and f.foreground_pixels), key=lambda f: (f.foreground_pixels / f.pixels, f.case))
    best: dict[str, CaseFacts] = {}
    for number, fact in enumerate(marked):
        rank = (number * 7919) % max(len(marked), 1)  # a fixed shuffle, so that not every person shows the least marked case
        known = best.get(fact.person)
        if known is None or rank < (marked.index(known) * 7919) % len(marked):
            best[fact.person] = fact
    pool = [f for f in marked if best[f.person] is f] if len(best) >= wanted else marked
    chosen = [pool[int(i)] for i in np.unique(np.linspace(0, len(pool) - 1, min(wanted, len(pool))).round())] if pool else []
    empty = [f for f in facts if f.usable and not f.foreground_pixels]
    return chosen + empty[: wanted - len(chosen)] if len(chosen) < wanted else chosen


def rule_example(facts: Sequence[CaseFacts], cases: Mapping[str, Case], rule: MaskRule, labels: LabelSet) -> Example | None:
    """The case with most classes (of these the one with a middling amount marked); ``None`` where no mask can be shown."""
    usable = [f for f in facts if f.usable and f.foreground_pixels]
    most = max((sum(p > 0 for p in f.class_pixels) for f in usable), default=0)
    rich = sorted((f for f in usable if sum(p > 0 for p in f.class_pixels) == most), key=lambda f: (f.foreground_pixels, f.case))
    if not rich:
        return None
    fact = rich[len(rich) // 2]
    case = cases[fact.case]
    try:
        image, mask = _planes(case, rule, labels)
        raw = _raw_plane(case, image.index)
    except DelineateError:
        return None
    picture = _shown(image.pixels, LARGE, image.spacing)
    size = picture.shape[1], picture.shape[0]
    drawn = cv2.resize(_coloured(mask.labels, labels), size, interpolation=cv2.INTER_NEAREST)
    return Example(
        fact.case,
        _png(picture),
        _png(cv2.resize(raw, size, interpolation=cv2.INTER_NEAREST)),
        _png(np.asarray(drawn, np.uint8)),
        len(case.masks),
        image.plane,
    )


@dataclass(frozen=True)
class _Plane:
    """``pixels`` (C, h, w) of one plane, ``spacing`` of its rows and columns in mm; ``index`` and ``plane`` (1…n, n) where it is
    one of a volume."""

    pixels: NDArray[Any]
    spacing: tuple[float, ...] | None
    index: int | None
    plane: tuple[int, int] | None


@dataclass(frozen=True)
class _Labels:
    labels: NDArray[Any]


def _planes(case: Case, rule: MaskRule, labels: LabelSet) -> tuple[_Plane, _Labels]:
    """The plane with most foreground: of the image, and of its labels ((h, w), or (K, h, w) for regions)."""
    image = load_image(case)
    mask = load_mask(case, rule, labels, image_geometry=image.geometry).labels
    spacing = None if image.geometry.spacing is None else image.geometry.spacing[-2:]
    if image.geometry.ndim == 2:
        return _Plane(image.pixels, spacing, None, None), _Labels(mask)
    marked = (mask != 0) & (mask != IGNORE)
    counts = marked.sum(axis=tuple(i for i in range(mask.ndim) if i != mask.ndim - 3))
    index = int(np.argmax(counts)) if counts.any() else len(counts) // 2
    return _Plane(image.pixels[:, index], spacing, index, (index + 1, len(counts))), _Labels(mask[..., index, :, :])


def _raw_plane(case: Case, index: int | None) -> Rgb:
    """The mask files as stored (several: the brightest of them), stretched to what a screen shows."""
    total: NDArray[Any] | None = None
    for raw in load_raw_labels(case)[:64]:
        values = raw.colours if raw.colours is not None else raw.values
        if values is None:
            continue
        if raw.palette is not None and raw.values is not None:
            values = raw.palette[np.clip(raw.values, 0, len(raw.palette) - 1).astype(np.intp)]
        colour = raw.colours is not None or raw.palette is not None
        if values.ndim - colour == 3:
            values = values[index if index is not None and index < len(values) else 0]
        if not colour:
            grey = np.nan_to_num(values.astype(np.float32))
            top = float(grey.max())
            values = np.repeat((grey * (255 / top) if top > 0 else grey).clip(0, 255).astype(np.uint8)[..., None], 3, axis=-1)
        total = values if total is None else np.maximum(total, values)
    return np.zeros((8, 8, 3), np.uint8) if total is None else np.ascontiguousarray(total, np.uint8)


def _shown(pixels: NDArray[Any], side: int, spacing: tuple[float, ...] | None = None) -> Rgb:
    """(C, h, w) → (rows, columns, 3) for looking at, longest side ``side``, pixels of unequal sides
    (``spacing``) shown in their proportion. Three channels are shown as colours, else the first."""
    chosen = pixels[:3] if pixels.shape[0] == 3 else pixels[:1]
    too_dark = float(np.percentile(chosen, 99.9)) < 100 if chosen.dtype == np.uint8 else True
    if len(chosen) == 1 or too_dark:  # 8-bit colours that can be seen are left as they are
        values = np.asarray(chosen, np.float32)
        finite = values[np.isfinite(values)]
        low, high = np.percentile(finite, (0.5, 99.5 if chosen.dtype != np.uint8 else 99.9)) if finite.size else (0.0, 1.0)
        if high <= low:
            low, high = (float(finite.min()), float(finite.max()) or 1.0) if finite.size else (0.0, 1.0)
        scaled = (np.nan_to_num(values, nan=float(low)) - low) / max(float(high - low), 1e-6)
        chosen = (np.clip(scaled, 0, 1) * 255).astype(np.uint8)
    picture = np.ascontiguousarray(np.repeat(np.moveaxis(chosen, 0, -1), 3 // len(chosen), axis=-1))
    tall, wide = spacing if spacing is not None else (1.0, 1.0)
    rows, columns = picture.shape[0] * tall, picture.shape[1] * wide
    scale = side / max(rows, columns)
    size = max(1, round(columns * scale)), max(1, round(rows * scale))
    return np.asarray(
        cv2.resize(picture, size, interpolation=cv2.INTER_AREA if size[0] < picture.shape[1] else cv2.INTER_CUBIC), np.uint8
    )


def outlined(picture: Rgb, mask: NDArray[Any], labels: LabelSet) -> Rgb:
    """``picture`` with a thin outline per class in the class's colour, smooth at the picture's own resolution."""
    canvas: Rgb = picture.copy()
    for label in range(1, labels.classes + 1):
        inside = labels.one_class(mask, label)
        if inside.any():
            large = cv2.resize(inside.astype(np.float32), canvas.shape[1::-1], interpolation=cv2.INTER_LINEAR)
            contours, _ = cv2.findContours((large >= 0.5).astype(np.uint8), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
            halo = canvas.copy()
            cv2.drawContours(halo, contours, -1, (0, 0, 0), 3, cv2.LINE_AA)  # so that the line is seen on bright tissue too
            canvas = cv2.addWeighted(canvas, 0.45, halo, 0.55, 0)
            cv2.drawContours(canvas, contours, -1, _rgb(labels.colour(label)), 1, cv2.LINE_AA)
    return canvas


def _coloured(mask: NDArray[Any], labels: LabelSet) -> Rgb:
    picture = np.full((*mask.shape[-2:], 3), (24, 28, 34), np.uint8)
    for label in range(1, labels.classes + 1):
        picture[labels.one_class(mask, label)] = _rgb(labels.colour(label))
    ignored = (mask == IGNORE).any(axis=0) if labels.kind == "regions" else mask == IGNORE
    picture[ignored] = (128, 128, 128)
    return picture


def _rgb(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def _png(picture: Rgb) -> str:
    # Level 9 takes seven times as long as 6, for a tenth less.
    done, content = cv2.imencode(".png", picture[..., ::-1], [cv2.IMWRITE_PNG_COMPRESSION, 6])
    if not done:
        raise ValueError("'picture' must be (rows, columns, 3) uint8")
    return data_uri(content.tobytes())
