"""A DICOM segmentation put onto its image's grid: such objects begin at their first plane that is not empty."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from delineate.domain import Geometry, Source
from delineate.formats import RawLabels, read_image
from delineate.formats.dicom_seg_place import read_segments

_TOLERANCE = 0.1
"""Voxels: what rounding of positions in headers makes."""


def placed(raw: RawLabels, image: Geometry, source: Source, series: Source) -> RawLabels:
    """``raw`` on the grid of ``image``, zero outside its own, where it is a DICOM segmentation whose voxels are voxels of the image
    (axes in any order and direction) and none with a value lies outside; else ``raw`` unchanged.

    An image without an affine may be a series with gaps (``series``): there frames find their slices one by one. Other formats hold
    what they hold: a NIfTI of another size than its image is a mistake to be told, not a crop.

    Raises UnreadableFile: it was drawn on other slices than those of the series.
    """
    own = raw.geometry
    if raw.meta.get("modality") != "SEG" or raw.values is None or own.ndim != 3 or image.ndim != 3:
        return raw
    if image.affine is None:
        return _slice_by_slice(raw, source, series)
    if own.affine is None or own.shape == image.shape:
        return raw
    steps = np.linalg.solve(image.affine, own.affine)  # index on the object's grid → index on the image's
    turn, start = np.rint(steps[:3, :3]), steps[:3, 3]
    if not np.array_equal(np.abs(turn) @ np.ones(3), np.ones(3)) or not np.array_equal(np.abs(turn).T @ np.ones(3), np.ones(3)):
        return raw
    far = np.array([n - 1 for n in own.shape], float)
    drift = np.abs((steps[:3, :3] - turn) @ far).max() + np.abs(start - np.rint(start)).max()
    if drift > _TOLERANCE:
        return raw
    filled = np.argwhere(raw.values != 0)
    places = filled @ turn.T.astype(int) + np.rint(start).astype(int)
    if len(places) and (places.min() < 0 or bool((places >= np.array(image.shape)).any())):
        return raw
    values = np.zeros(image.shape, raw.values.dtype)
    values[tuple(places.T)] = raw.values[tuple(filled.T)]
    return replace(raw, values=values, geometry=Geometry(image.shape, image.spacing, image.affine))


def _slice_by_slice(raw: RawLabels, source: Source, series: Source) -> RawLabels:
    image = read_image(series.path, item=series.item)
    if not image.meta.get("files"):
        return raw
    found = read_segments(source.path, image)
    if source.item is not None:
        values = found.masks[found.numbers.index(int(source.item))]
    else:
        values = np.zeros(image.geometry.shape, np.uint16)
        for number, mask in zip(found.numbers, found.masks, strict=True):
            values[mask > 0] = number
    return replace(raw, values=values, geometry=image.geometry)
