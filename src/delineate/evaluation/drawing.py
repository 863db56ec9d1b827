"""Outlines on images: truth green, prediction red, both visible where they coincide."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from delineate.domain import LabelSet

TRUTH = (42, 190, 86)
PREDICTION = (240, 52, 62)
_TRUTH_WIDTH, _PREDICTION_WIDTH = 4.4, 2.1
_SMOOTH = 0.4  # of a source pixel: rounds the staircase, keeps an isolated pixel

Rgb = NDArray[np.uint8]
Labels = NDArray[np.integer[Any]]


def channels_first(planes: NDArray[Any], axes: int) -> NDArray[Any]:
    """Add the channel axis where a grey image came without one; ``axes`` is the number of axes with it."""
    if planes.ndim == axes - 1:
        return planes[..., None, :, :]
    if planes.ndim != axes:
        raise ValueError(f"'image' must have {axes - 1} or {axes} axes, got shape {planes.shape}")
    return planes


def display(planes: NDArray[Any]) -> Rgb:
    """(N, C, h, w) of any number type → (N, h, w, 3) uint8 for looking at, with one window for all planes.

    Three channels are shown as colours, anything else by its first channel. 8-bit colour is shown as it is; all else is stretched
    from the 0.5th to the 99.5th percentile. NaN and infinite pixels are shown black.
    """
    shown = planes[:, :3] if planes.shape[1] == 3 else planes[:, :1]
    if not (shown.dtype == np.uint8 and shown.shape[1] == 3):
        values = np.asarray(shown, dtype=np.float32)
        finite = np.isfinite(values)
        sample = values[finite]
        sample = sample[:: max(1, sample.size // 500_000)]
        low, high = np.percentile(sample, (0.5, 99.5)) if sample.size else (0.0, 1.0)
        if high <= low:  # almost all pixels are equal: show what differs, if anything does
            low, high = (float(sample.min()), float(sample.max())) if sample.size else (0.0, 1.0)
        scaled = (np.where(finite, values, low) - low) / (high - low if high > low else 1.0)
        shown = np.asarray(np.rint(np.clip(scaled, 0, 1) * 255), dtype=np.uint8)
    return np.ascontiguousarray(np.broadcast_to(np.moveaxis(shown, 1, -1), (*shown.shape[:1], *shown.shape[2:], 3)))


def output_size(shape: tuple[int, int], spacing: Sequence[float] | None, least: int, most: int) -> tuple[int, int]:
    """(rows, columns) of the picture: square pixels in mm where ``spacing`` (row, column) is known, the shorter side enlarged to
    ``least`` pixels, the longer side ``most`` at the largest."""
    height, width = float(shape[0]), float(shape[1])
    if spacing is not None:
        finest = min(spacing)
        height, width = height * spacing[0] / finest, width * spacing[1] / finest
    factor = max(1.0, least / min(height, width))
    factor = min(factor, most / max(height, width))
    return max(1, round(height * factor)), max(1, round(width * factor))


def outlined(picture: Rgb, truth: Labels | None, pred: Labels | None, label_set: LabelSet, size: tuple[int, int]) -> Rgb:
    """(h, w, 3) uint8 resized to ``size`` with the outlines of every class; ``None`` for truth or prediction leaves it out."""
    rows, columns = size
    enlarged = rows >= picture.shape[0] and columns >= picture.shape[1]
    resized = cv2.resize(picture, (columns, rows), interpolation=cv2.INTER_CUBIC if enlarged else cv2.INTER_AREA)
    canvas = np.asarray(resized, dtype=np.float32)
    for labels, colour, width in ((truth, TRUTH, _TRUTH_WIDTH), (pred, PREDICTION, _PREDICTION_WIDTH)):
        if labels is None:
            continue
        for label in range(1, label_set.classes + 1):
            mask = label_set.one_class(labels, label)
            if mask.any():
                alpha = _line(mask, size, width)[..., None]
                canvas = canvas * (1 - alpha) + np.asarray(colour, dtype=np.float32) * alpha
    return np.asarray(np.rint(canvas), dtype=np.uint8)


def _line(mask: NDArray[np.bool_], size: tuple[int, int], width: float) -> NDArray[np.float32]:
    """Opacity (0…1) of an anti-aliased line along the mask's outline at the picture's resolution, from the distance to it."""
    rows, columns = size
    scale = (rows / mask.shape[0], columns / mask.shape[1])
    soft = mask.astype(np.float32)
    if min(scale) > 1:
        soft = cv2.resize(soft, (columns, rows), interpolation=cv2.INTER_NEAREST)
        soft = cv2.GaussianBlur(soft, (0, 0), sigmaX=_SMOOTH * scale[1], sigmaY=_SMOOTH * scale[0], borderType=cv2.BORDER_REPLICATE)
        inside = soft > 0.5
    else:  # coverage of a picture pixel; below one half so that thin structures are not lost
        inside = cv2.resize(soft, (columns, rows), interpolation=cv2.INTER_AREA) >= 0.4
    # A frame of background: an object that the image cuts off is outlined there too, and distances exist for a full mask.
    framed = np.pad(inside, 1).astype(np.uint8)
    within = cv2.distanceTransform(framed, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    beyond = cv2.distanceTransform(1 - framed, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    from_outline = np.where(framed > 0, within - 0.5, beyond - 0.5)[1:-1, 1:-1]
    return np.asarray(np.clip(width / 2 + 0.5 - from_outline, 0, 1), dtype=np.float32)
