"""Distances between outlines. Tools differ in this measure (Podobnik & Vrtovec 2024, arXiv:2410.02630), so every choice is stated.

Surface: foreground pixels with a background neighbour across a face (4 neighbours in 2-D, 6 in 3-D); what lies outside the image is
background. Distances go from pixel centre to pixel centre, Euclidean, exact (no mesh, no sub-pixel surface).
HD95 is the **larger of the two directed 95th percentiles** (linear interpolation), as in the code of Metrics Reloaded (Maier-Hein
et al. 2024); MedPy takes one percentile of both directed sets pooled instead, which usually gives a smaller value.
Unit: millimetres with ``spacing_mm``, else pixels, where a step from slice to slice counts as one pixel like any other.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, spatial

from delineate.metrics.boxes import joint_box
from delineate.metrics.overlap import Mask, as_masks

Distances = NDArray[np.float64]

_LARGE = 4_000_000  # pixels of the box beyond which a tree of surface points is quicker and smaller than a distance transform


def surface_distances(
    pred: NDArray[Any], truth: NDArray[Any], spacing_mm: Sequence[float] | None = None, ignore: NDArray[Any] | None = None
) -> tuple[Distances, Distances] | None:
    """Distance of every surface pixel of ``pred`` to the surface of ``truth``, and the other way round; ``None`` where either
    has no pixel. Both arrays have 2 or 3 axes, ``spacing_mm`` one value per axis. Ignored pixels count as background in both.
    """
    p, t, without = as_masks(pred, truth, ignore)
    if without is not None:
        p, t = p & ~without, t & ~without
    sampling = _sampling(spacing_mm, p.ndim)
    window = joint_box(p, t)
    if window is None or not p.any() or not t.any():
        return None
    edge_p, edge_t = _surface(p[window]), _surface(t[window])
    if edge_p.size > _LARGE:
        return _by_tree(edge_p, edge_t, sampling)
    to_truth = ndimage.distance_transform_edt(~edge_t, sampling=sampling)[edge_p]
    to_pred = ndimage.distance_transform_edt(~edge_p, sampling=sampling)[edge_t]
    return np.asarray(to_truth, dtype=np.float64), np.asarray(to_pred, dtype=np.float64)


def _by_tree(edge_p: Mask, edge_t: Mask, sampling: tuple[float, ...]) -> tuple[Distances, Distances]:
    """The same distances from a k-d tree of the surface pixels: a surface grows slower than the box that a transform fills."""
    points = [np.argwhere(edge) * np.asarray(sampling) for edge in (edge_p, edge_t)]
    there = spatial.KDTree(points[1]).query(points[0])[0]
    back = spatial.KDTree(points[0]).query(points[1])[0]
    return np.asarray(there, dtype=np.float64), np.asarray(back, dtype=np.float64)


def hd95_of(distances: tuple[Distances, Distances] | None) -> float:
    """HD95 of what :func:`surface_distances` gave; NaN for ``None``."""
    if distances is None:
        return math.nan
    return float(max(np.percentile(distances[0], 95), np.percentile(distances[1], 95)))


def assd_of(distances: tuple[Distances, Distances] | None) -> float:
    """ASSD of what :func:`surface_distances` gave; NaN for ``None``."""
    if distances is None:
        return math.nan
    return float((distances[0].sum() + distances[1].sum()) / (distances[0].size + distances[1].size))


def hd95(pred: NDArray[Any], truth: NDArray[Any], spacing_mm: Sequence[float] | None = None) -> float:
    """95 % Hausdorff distance in mm (or pixels without ``spacing_mm``); NaN where either mask is empty. See the module's head."""
    return hd95_of(surface_distances(pred, truth, spacing_mm))


def assd(pred: NDArray[Any], truth: NDArray[Any], spacing_mm: Sequence[float] | None = None) -> float:
    """Average symmetric surface distance: the mean over both directed sets pooled; NaN where either mask is empty."""
    return assd_of(surface_distances(pred, truth, spacing_mm))


def nsd(pred: NDArray[Any], truth: NDArray[Any], tolerance: float, spacing_mm: Sequence[float] | None = None) -> float:
    """Normalised surface distance (Nikolov et al. 2021, doi:10.2196/26151), counting surface pixels, not mesh area: the share of
    both surfaces within ``tolerance`` (mm, or pixels without spacing) of the other. Like Dice it is 0 where only one of the masks
    is empty and NaN where both are.
    """
    distances = surface_distances(pred, truth, spacing_mm)
    both_empty = distances is None and not np.any(pred) and not np.any(truth)
    return nsd_of(distances, tolerance, both_empty=both_empty)


def nsd_of(distances: tuple[Distances, Distances] | None, tolerance: float, *, both_empty: bool) -> float:
    """NSD of what :func:`surface_distances` gave; for ``None``, 0 where only one mask is empty and NaN where both are."""
    if not tolerance >= 0:
        raise ValueError(f"'tolerance' must be 0 or more, got {tolerance}")
    if distances is None:
        return math.nan if both_empty else 0.0
    reach = tolerance * (1 + 1e-9)  # a step of exactly the tolerance counts, whatever its square root rounds to
    near = sum(int(np.count_nonzero(d <= reach)) for d in distances)
    return near / (distances[0].size + distances[1].size)


def _sampling(spacing_mm: Sequence[float] | None, axes: int) -> tuple[float, ...]:
    if spacing_mm is None:
        return (1.0,) * axes
    sampling = tuple(float(s) for s in spacing_mm)
    if len(sampling) != axes or not all(math.isfinite(s) and s > 0 for s in sampling):
        raise ValueError(f"'spacing_mm' must be {axes} positive numbers, got {spacing_mm}")
    return sampling


def _surface(mask: Mask) -> Mask:
    return np.asarray(mask & ~ndimage.binary_erosion(mask, border_value=0), dtype=np.bool_)
