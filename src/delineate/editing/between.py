"""Slices between drawn ones, by shape.

Raya & Udupa, "Shape-based interpolation of multidimensional objects", IEEE TMI 9 (1990) 32–42.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from delineate.editing.changes import Change, change_to
from delineate.editing.document import Document
from delineate.editing.planes import Plane


def signed_distance(mask: NDArray[np.bool_], scale: tuple[float, float]) -> NDArray[np.float64]:
    """Distance to the boundary, which runs half a pixel from the pixels' middles: positive inside, negative outside."""
    inner = ndimage.distance_transform_edt(np.pad(mask, 1), sampling=scale)[1:-1, 1:-1]
    outer = ndimage.distance_transform_edt(~mask, sampling=scale)
    half = min(scale) / 2
    return np.asarray(np.where(mask, inner - half, half - outer))


def interpolate(document: Document, plane: Plane, label: int, first: int, last: int) -> Change | None:
    """Draw ``label`` between ``first`` and ``last`` of a plane, from the signed distances of the slices it is drawn on.

    Slices in between on which the class is drawn already stay and guide their neighbours; other classes are not painted over.
    """
    frame, (layer, value) = document.frame(plane), document.target(label)
    first, last = min(first, last), max(first, last)
    drawn = [i for i in range(first, last + 1) if (frame.view(document.edited[layer], i) == value).any()]
    if len(drawn) < 2 or drawn[-1] - drawn[0] == len(drawn) - 1:
        return None
    stack = np.stack([frame.view(document.edited[layer], i) for i in range(drawn[0], drawn[-1] + 1)])
    wanted = stack == value
    distances = {i: signed_distance(frame.view(document.edited[layer], i) == value, frame.scale) for i in drawn}
    for low, high in pairwise(drawn):
        for index in range(low + 1, high):
            share = (index - low) / (high - low)
            wanted[index - drawn[0]] = (1 - share) * distances[low] + share * distances[high] > 0
    after = np.where(wanted & (stack == 0), np.uint8(value), stack)
    after = after[:, ::-1] if frame.flip_v else after
    origin = [0, 0, 0]
    origin[frame.normal] = drawn[0]
    return change_to(document.edited, layer, (origin[0], origin[1], origin[2]), np.moveaxis(after, 0, frame.normal))
