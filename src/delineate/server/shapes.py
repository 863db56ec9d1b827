"""Masks as text: run lengths, and polygons along the borders of pixels. Both give the mask back exactly."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Ring = list[list[int]]


def run_lengths(mask: NDArray[np.bool_]) -> list[int]:
    """Lengths of runs of ``mask`` in C order (slice, row, column), background first (0 where the first pixel is inside)."""
    flat = np.ascontiguousarray(mask).ravel()
    if not flat.size:
        return []
    changes = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    ends = np.concatenate([[0], changes, [flat.size]])
    lengths: list[int] = np.diff(ends).tolist()
    return [0, *lengths] if flat[0] else lengths


def from_run_lengths(lengths: list[int], shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """The mask of :func:`run_lengths`."""
    inside = np.zeros(len(lengths), dtype=bool)
    inside[1::2] = True
    return np.repeat(inside, lengths).reshape(shape)


def polygons(mask: NDArray[np.bool_]) -> list[Ring]:
    """Closed rings of [column, row] corners along the borders of the pixels of a plane: outer rings clockwise as seen on a screen
    (rows downwards), holes the other way. Pixels that touch at a corner only are in rings of their own. Filling by the even-odd or
    the non-zero rule gives the mask back.
    """
    padded = np.pad(np.asarray(mask, dtype=np.int8), 1)
    starts: dict[tuple[int, int], list[tuple[int, int]]] = {}

    def add(points: NDArray[np.int64], fro: tuple[int, int], to: tuple[int, int]) -> None:
        for row, column in points.tolist():
            starts.setdefault((column + fro[0], row + fro[1]), []).append((column + to[0], row + to[1]))

    # The inside is on the right of every edge: right along the top, down the right side, left along the bottom, up the left side.
    inside = padded[1:-1, 1:-1] == 1
    add(np.argwhere(inside & (padded[:-2, 1:-1] == 0)), (0, 0), (1, 0))
    add(np.argwhere(inside & (padded[1:-1, 2:] == 0)), (1, 0), (1, 1))
    add(np.argwhere(inside & (padded[2:, 1:-1] == 0)), (1, 1), (0, 1))
    add(np.argwhere(inside & (padded[1:-1, :-2] == 0)), (0, 1), (0, 0))
    rings: list[Ring] = []
    for first in list(starts):
        while starts.get(first):
            rings.append(_follow(first, starts))
    return rings


def _follow(first: tuple[int, int], starts: dict[tuple[int, int], list[tuple[int, int]]]) -> Ring:
    at, heading = first, (0, 0)
    ring: Ring = []
    while True:
        following = starts[at]
        if len(following) > 1 and heading != (0, 0):
            right = (at[0] - heading[1], at[1] + heading[0])  # rows go down: clockwise on the screen
            to = right if right in following else following[0]
            following.remove(to)
        else:
            to = following.pop()
        turn = (to[0] - at[0], to[1] - at[1])
        if turn != heading:
            ring.append([at[0], at[1]])
        heading, at = turn, to
        if at == first:
            break
    # The first corner may lie in the middle of a straight side.
    if len(ring) > 2 and _straight(ring[-1], ring[0], ring[1]):
        ring.pop(0)
    return ring


def _straight(a: list[int], b: list[int], c: list[int]) -> bool:
    return (b[0] - a[0]) * (c[1] - b[1]) == (b[1] - a[1]) * (c[0] - b[0])


def as_json(encoding: str, classes: Any, shape: tuple[int, ...]) -> dict[str, Any]:
    """The ``mask`` of an answer. ``classes``: (value, name, boolean array) one by one; ``encoding``: ``rle`` or ``polygons``."""
    found: dict[str, Any] = {}
    for _, name, mask in classes:
        if encoding == "rle":
            found[name] = run_lengths(mask)
        elif mask.ndim == 2:
            found[name] = polygons(mask)
        else:
            planes = [(number, plane) for number, plane in enumerate(mask) if plane.any()]
            found[name] = [{"slice": number, "rings": polygons(plane)} for number, plane in planes]
    return {"encoding": encoding, "order": "C", "shape": list(shape), "classes": found}
