"""A plane of a document as the picture a screen shows: pixels in grey or colour, classes filled or outlined, the crosshair."""

from __future__ import annotations

import math
from typing import Any, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from delineate.editing.changes import Labels
from delineate.editing.document import Document
from delineate.editing.planes import Frame, Plane
from delineate.editing.pyramid import Pyramid
from delineate.editing.view import ViewState, to_plane, to_screen
from delineate.errors import UsageError

Picture = NDArray[np.uint8]
Number = TypeVar("Number", np.uint8, np.float32)
Rectangle = tuple[int, int, int, int]
"""(x, y, width, height) in device pixels."""

BACKDROP = 0
CROSSHAIR = (255, 220, 60)
_SHARP_FROM = 3.0  # device pixels per pixel from which pixels are shown as squares: what is edited is seen


class Renderer:
    """Draws one document; keeps what makes scrolling quick. Labels are read anew every time, so nothing is to be told of edits."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._pyramid = Pyramid(document)

    def with_labels_of(self, document: Document) -> Renderer:
        """One for ``document``, the same image with other labels, that has what this one keeps of the pixels."""
        made = Renderer(document)
        made._pyramid = self._pyramid
        return made

    def draw(self, view: ViewState, plane: Plane, size: tuple[int, int], part: Rectangle | None = None) -> Picture:
        """(height, width, 3) uint8 RGB of a view of ``size`` (height, width), or only of its ``part``.

        A part is what the whole picture has there: after a stroke only the touched rectangle need be drawn.
        """
        frame = self._document.frame(plane)
        x, y, width, height = part or (0, 0, size[1], size[0])
        picture = self._pixels(view, frame, size, (x, y, width, height))
        if view.layer != "none" and view.opacity > 0:
            for shown, colours in self._labels(view, frame, size, (x, y, width, height)):
                picture = _blend(picture, shown, colours, view)
        if view.show_crosshair:
            v, u = frame.point(view.crosshair)
            cx, cy = (math.floor(value) for value in to_screen(view, frame, v, u, size))
            if 0 <= cx - x < width:
                picture[:, cx - x] = CROSSHAIR
            if 0 <= cy - y < height:
                picture[cy - y] = CROSSHAIR
        return picture

    def _pixels(self, view: ViewState, frame: Frame, size: tuple[int, int], part: Rectangle) -> Picture:
        steps = [view.zoom * scale for scale in frame.scale]
        level = max(0, math.floor(math.log2(1 / max(*steps, 1e-9)) + 1e-9))
        level = min(level, max(0, math.floor(math.log2(max(*frame.shape, 1)))))
        slice_ = self._pyramid.level(frame.plane, view.slice_of(frame), view.channel, level)
        mode = cv2.INTER_NEAREST if min(steps) >= _SHARP_FROM else cv2.INTER_LINEAR
        crop, matrix = _crop(slice_, view, frame, size, part, 2**level)
        if crop is None:
            return np.full((part[3], part[2], 3), BACKDROP, np.uint8)
        grey = _windowed(crop, view)
        warped = np.asarray(
            cv2.warpAffine(grey, matrix, part[2:], flags=mode | cv2.WARP_INVERSE_MAP, borderMode=cv2.BORDER_REPLICATE), np.uint8
        )
        picture = warped if warped.ndim == 3 else np.asarray(cv2.cvtColor(warped, cv2.COLOR_GRAY2RGB), np.uint8)
        _clear_outside(picture, view, frame, size, part)
        return picture

    def _labels(
        self, view: ViewState, frame: Frame, size: tuple[int, int], part: Rectangle
    ) -> list[tuple[Labels, NDArray[np.uint8]]]:
        """Labels under the device pixels of ``part`` with the colour table of each layer."""
        document, index = self._document, view.slice_of(frame)
        overlap = document.label_set.kind == "regions"
        if view.layer == "threshold":
            if document.probabilities is None:
                raise UsageError("editing-no-probabilities")
            shares = frame.view(document.probabilities, index)
            # only what is seen is decided: a slider must not wait for a whole slide
            seen = np.stack([_warp_nearest(one, view, frame, size, part, outside=-1) for one in shares])
            decided = document.label_set.decide(seen, view.thresholds)
            warped = list(decided) if overlap else [decided]
        else:
            labels = {"edited": document.edited, "predicted": document.predicted, "truth": document.truth}[view.layer]
            if labels is None:
                return []
            warped = [_warp_nearest(plane, view, frame, size, part) for plane in frame.view(labels, index)]
        return [(plane, _table(view, layer + 1 if overlap else None)) for layer, plane in enumerate(warped)]


def _windowed(crop: NDArray[Any], view: ViewState) -> NDArray[np.uint8]:
    low, width = view.window.low, max(view.window.width, 1e-6)
    if crop.dtype == np.uint8:
        if low == 0 and width == 255:
            return np.ascontiguousarray(crop)
        table = np.clip((np.arange(256) - low) * (255 / width), 0, 255).astype(np.uint8)
        return np.asarray(cv2.LUT(np.ascontiguousarray(crop), table), np.uint8)
    scaled = np.subtract(crop, np.float32(low), dtype=np.float32)
    scaled *= np.float32(255 / width)
    np.nan_to_num(scaled, copy=False, nan=0.0)
    return np.asarray(np.clip(scaled, 0, 255), np.uint8)


def _crop(
    array: NDArray[Any], view: ViewState, frame: Frame, size: tuple[int, int], part: Rectangle, shrink: int
) -> tuple[NDArray[Any] | None, NDArray[np.float64]]:
    """What of ``array`` (the slice, smaller by ``shrink``) lies under ``part``, and the matrix from device pixels to it."""
    x, y, width, height = part
    top, left = ((value + 0.5) / shrink - 0.5 for value in to_plane(view, frame, x + 0.5, y + 0.5, size))
    dv, du = (1 / (view.zoom * scale * shrink) for scale in frame.scale)
    rows, columns = array.shape[:2]
    v0, v1 = max(0, math.floor(top) - 1), min(rows, math.ceil(top + dv * height) + 2)
    u0, u1 = max(0, math.floor(left) - 1), min(columns, math.ceil(left + du * width) + 2)
    matrix = np.array([[du, 0.0, left - u0], [0.0, dv, top - v0]])
    return (None if v0 >= v1 or u0 >= u1 else array[v0:v1, u0:u1]), matrix


def _clear_outside(picture: Picture, view: ViewState, frame: Frame, size: tuple[int, int], part: Rectangle) -> None:
    """Device pixels whose middle lies beyond the image's edge are backdrop."""
    x, y, width, height = part
    left, top = to_screen(view, frame, -0.5, -0.5, size)
    right, bottom = to_screen(view, frame, frame.shape[0] - 0.5, frame.shape[1] - 0.5, size)
    picture[: max(0, math.ceil(top - 0.5) - y)] = BACKDROP
    picture[max(0, min(height, math.ceil(bottom - 0.5) - y)) :] = BACKDROP
    picture[:, : max(0, math.ceil(left - 0.5) - x)] = BACKDROP
    picture[:, max(0, min(width, math.ceil(right - 0.5) - x)) :] = BACKDROP


def _warp_nearest(
    plane: NDArray[Number], view: ViewState, frame: Frame, size: tuple[int, int], part: Rectangle, outside: int = 0
) -> NDArray[Number]:
    """(height, width): the value under the middle of each device pixel."""
    x, y, width, height = part
    v0, u0 = to_plane(view, frame, x + 0.5, y + 0.5, size)
    rows = np.rint(v0 + np.arange(height) / (view.zoom * frame.scale[0])).astype(np.intp)
    columns = np.rint(u0 + np.arange(width) / (view.zoom * frame.scale[1])).astype(np.intp)
    fits_v, fits_u = (rows >= 0) & (rows < plane.shape[0]), (columns >= 0) & (columns < plane.shape[1])
    shown = np.full((height, width), outside, plane.dtype)
    if fits_v.any() and fits_u.any():
        (a, b), (c, d) = (np.flatnonzero(fits)[[0, -1]] for fits in (fits_v, fits_u))
        shown[a : b + 1, c : d + 1] = plane[rows[a : b + 1]].take(columns[c : d + 1], axis=1)
    return shown


def _table(view: ViewState, region: int | None) -> NDArray[np.uint8]:
    """(256, 4): colour of every label and whether it is shown; with ``region`` that class's colour for the value 1."""
    table = np.zeros((256, 4), np.uint8)
    for label, colour in enumerate(view.colours, start=1):
        if label not in view.hidden and region in (None, label):
            table[1 if region else label] = (*colour, 255)
    return table


def _blend(picture: Picture, shown: Labels, table: NDArray[np.uint8], view: ViewState) -> Picture:
    visible = table[:, 3].take(shown)
    if view.outline:
        kernel = np.ones((3, 3), np.uint8)
        edge = cv2.erode(shown, kernel) != cv2.dilate(shown, kernel)
        visible = np.where(edge, visible, np.uint8(0))
    if not visible.any():
        return picture
    paint = np.asarray(cv2.merge([table[:, channel].take(shown) for channel in range(3)]), np.uint8)
    strength = max(view.opacity, 0.9) if view.outline else view.opacity
    mixed = cv2.addWeighted(picture, 1 - strength, paint, strength, 0)
    cv2.copyTo(mixed, visible, picture)
    return picture


def render(document: Document, view: ViewState, plane: Plane, size: tuple[int, int]) -> Picture:
    """One picture, without anything kept; see :meth:`Renderer.draw`."""
    return Renderer(document).draw(view, plane, size)
