"""Pictures of results: stills of a plane, animations over the slices of a volume, montages."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow
from PIL import ImageDraw

from delineate.domain import LabelSet
from delineate.evaluation.drawing import PREDICTION, TRUTH, Labels, Rgb, channels_first, display, outlined, output_size

LEAST_SIDE, MOST_SIDE = 384, 900
MAX_GIF_BYTES = 1_200_000
_GIF_STEPS = ((320, 48, 64), (288, 40, 48), (224, 32, 32), (176, 24, 24), (128, 16, 16))  # side, frames, colours
_MARGIN = 3  # slices shown before and after the organ
_MILLISECONDS = 120


def case_picture(
    image_plane: NDArray[Any],
    truth: Labels | None,
    pred: Labels | None,
    label_set: LabelSet,
    *,
    spacing_mm: Sequence[float] | None = None,
) -> bytes:
    """PNG of one plane with the true outline green and the predicted one red.

    ``image_plane`` is (h, w) or (C, h, w) of any number type, labels are (h, w) or, for overlapping regions, (K, h, w).
    ``spacing_mm`` (row, column) makes pixels of unequal sides look right. Small images are enlarged to 384 pixels.
    """
    plane = channels_first(image_plane, 3)
    size = output_size((plane.shape[-2], plane.shape[-1]), spacing_mm, LEAST_SIDE, MOST_SIDE)
    return _png(outlined(display(plane[None])[0], truth, pred, label_set, size))


def volume_gif(
    planes: NDArray[Any],
    truth: Labels | None,
    pred: Labels | None,
    label_set: LabelSet,
    *,
    spacing_mm: Sequence[float] | None = None,
    max_bytes: int = MAX_GIF_BYTES,
) -> bytes:
    """Animated GIF over the slices where truth or prediction is, and a few around; every slice where neither is anywhere.

    ``planes`` is (N, h, w) or (N, C, h, w), labels (N, h, w) or (K, N, h, w); ``spacing_mm`` (row, column). Size, number of
    frames and colours are reduced until the file is at most ``max_bytes`` (the smallest setting is returned even if larger).
    Each frame says which slice it is.
    """
    stack = channels_first(planes, 4)
    first, last = _extent(truth, pred, label_set, stack.shape[0])
    content = b""
    for side, frames, colours in _GIF_STEPS:
        chosen = np.unique(np.linspace(first, last, min(frames, last - first + 1)).round().astype(int))
        shown = display(stack[chosen])
        height, width = output_size((stack.shape[-2], stack.shape[-1]), spacing_mm, side, side)
        pictures = []
        for frame, index in zip(shown, chosen, strict=True):
            drawn = outlined(frame, _plane(truth, index), _plane(pred, index), label_set, (height, width))
            pictures.append(_numbered(drawn, f"{index + 1}/{stack.shape[0]}"))
        content = _gif(pictures, colours)
        if len(content) <= max_bytes:
            break
    return content


def busiest_plane(truth: Labels, pred: Labels, label_set: LabelSet) -> int:
    """Index of the slice that shows most: the largest true area, then the largest predicted area, then the middle."""
    for labels in (truth, pred):
        areas = sum(label_set.one_class(labels, k).sum(axis=(1, 2)) for k in range(1, label_set.classes + 1))
        if np.max(areas) > 0:
            return int(np.argmax(areas))
    return int(truth.shape[-3] // 2)


def montage(pictures: Sequence[bytes], columns: int = 3, gap: int = 8) -> bytes:
    """PNG of several pictures in a grid, each centred in a cell of the largest one's size."""
    if not pictures:
        raise ValueError("'pictures' must not be empty")
    opened = [Pillow.open(io.BytesIO(content)).convert("RGB") for content in pictures]
    columns = max(1, min(columns, len(opened)))
    rows = math.ceil(len(opened) / columns)
    width, height = max(p.width for p in opened), max(p.height for p in opened)
    sheet = Pillow.new("RGB", (columns * width + (columns - 1) * gap, rows * height + (rows - 1) * gap), (255, 255, 255))
    for number, picture in enumerate(opened):
        x = (number % columns) * (width + gap) + (width - picture.width) // 2
        y = (number // columns) * (height + gap) + (height - picture.height) // 2
        sheet.paste(picture, (x, y))
    return _png(np.asarray(sheet))


def _extent(truth: Labels | None, pred: Labels | None, label_set: LabelSet, count: int) -> tuple[int, int]:
    used = np.zeros(count, dtype=bool)
    for labels in (truth, pred):
        if labels is not None:
            for label in range(1, label_set.classes + 1):
                used |= label_set.one_class(labels, label).any(axis=(1, 2))
    where = np.flatnonzero(used)
    if where.size == 0:
        return 0, count - 1
    return max(0, int(where[0]) - _MARGIN), min(count - 1, int(where[-1]) + _MARGIN)


def _plane(labels: Labels | None, index: int) -> Labels | None:
    return None if labels is None else labels[..., index, :, :]


def _numbered(picture: Rgb, text: str) -> Pillow.Image:
    image = Pillow.fromarray(picture)
    draw = ImageDraw.Draw(image)
    left, top, right, bottom = draw.textbbox((5, 4), text)
    draw.rectangle((left - 3, top - 2, right + 3, bottom + 2), fill=(0, 0, 0))
    draw.text((5, 4), text, fill=(220, 220, 220))
    return image


def _gif(frames: Sequence[Pillow.Image], colours: int) -> bytes:
    """One palette for all frames (a palette each would flicker), with the two outline colours always in it."""
    strip = np.concatenate([np.asarray(frame)[::3, ::3].reshape(-1, 3) for frame in frames])
    adaptive = Pillow.fromarray(strip[None]).quantize(colors=colours, method=Pillow.Quantize.MEDIANCUT)
    entries = [*(adaptive.getpalette() or [])[: 3 * colours], *TRUTH, *PREDICTION]
    palette = Pillow.new("P", (1, 1))
    palette.putpalette(entries + entries[-3:] * (256 - len(entries) // 3))
    indexed = [frame.quantize(palette=palette, dither=Pillow.Dither.NONE) for frame in frames]
    file = io.BytesIO()
    indexed[0].save(
        file, "GIF", save_all=True, append_images=indexed[1:], duration=_MILLISECONDS, loop=0, optimize=True, disposal=1
    )
    return file.getvalue()


def _png(picture: Rgb) -> bytes:
    file = io.BytesIO()
    Pillow.fromarray(picture).save(file, "PNG")
    return file.getvalue()
