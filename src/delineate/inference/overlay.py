"""A picture to look at: the image with each class's outline in its colour."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from delineate.domain import Image, LabelSet, Mask
from delineate.formats.atomic import replacing
from delineate.preprocessing import plane_axes

MAX_SIDE = 2048


def overlay(image: Image, mask: Mask, labels: LabelSet) -> NDArray[np.uint8]:
    """(rows, columns, 3) uint8: grey or RGB stretched between its 1st and 99th percentile, outlines on top.

    Of a volume the axial slice with the largest segmented area (the middle one where nothing was found). Pictures with a side
    beyond :data:`MAX_SIDE` are made smaller.
    """
    import cv2

    pixels, classes = image.pixels, [labels.one_class(mask.labels, k) for k in range(1, labels.classes + 1)]
    if image.geometry.ndim == 3:
        axes = plane_axes(image.geometry, 0)
        pixels, moved = axes.apply(pixels, leading=1), [axes.apply(one) for one in classes]
        area = sum(np.count_nonzero(one, axis=(1, 2)) for one in moved)
        plane = int(np.argmax(area)) if np.any(area) else pixels.shape[1] // 2
        pixels, classes = pixels[:, plane], [one[plane] for one in moved]
    picture = _eight_bit(pixels)
    size = picture.shape[:2]
    shrink = min(1.0, MAX_SIDE / max(size))
    if shrink < 1:
        width, height = max(1, round(size[1] * shrink)), max(1, round(size[0] * shrink))
        picture = cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)
        classes = [cv2.resize(one.astype(np.float32), (width, height), interpolation=cv2.INTER_AREA) >= 0.5 for one in classes]
    thickness = max(1, round(min(picture.shape[:2]) / 400))
    for label, one in enumerate(classes, start=1):
        solid = np.ascontiguousarray(one, dtype=np.uint8)
        inner = cv2.erode(solid, np.ones((3, 3), np.uint8), iterations=thickness, borderType=cv2.BORDER_CONSTANT, borderValue=0)
        picture[(solid == 1) & (inner == 0)] = _rgb(labels.colour(label))
    return picture


def write_overlay(path: Path, image: Image, mask: Mask, labels: LabelSet) -> Path:
    """Write :func:`overlay` as PNG. Raises ResourceError ``cannot-write``."""
    from PIL import Image as Picture

    drawn = Picture.fromarray(overlay(image, mask, labels))
    with replacing(path, ".png") as temporary:
        drawn.save(temporary, format="PNG", compress_level=2)
    return path


def _eight_bit(pixels: NDArray[Any]) -> NDArray[np.uint8]:
    """(C, h, w) → (h, w, 3): three channels as RGB, otherwise the first as grey."""
    shown = pixels[:3] if pixels.shape[0] >= 3 else pixels[:1]
    if shown.dtype == np.uint8 and shown.shape[0] == 3:
        return np.ascontiguousarray(shown.transpose(1, 2, 0))
    values = np.nan_to_num(shown.astype(np.float64), nan=0.0, posinf=0.0, neginf=0.0)
    low, high = np.percentile(values, [1, 99])
    if high <= low:
        low, high = float(values.min()), float(values.max())
    scaled = np.clip((values - low) / (high - low), 0, 1) if high > low else np.zeros_like(values)
    grey = np.round(scaled * 255).astype(np.uint8)
    return np.ascontiguousarray(np.broadcast_to(grey, (3, *grey.shape[1:])).transpose(1, 2, 0))


def _rgb(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)
