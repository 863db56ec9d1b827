"""Were the separate objects of a class found? Components are matched one to one, and found or missed as a whole.

A component is what hangs together over faces, edges or corners (8 neighbours in 2-D, 26 in 3-D). A predicted and a true component
are a hit where their **IoU is above 0.1** and each counts once: the largest possible number of hits is taken (Hopcroft & Karp's
matching), so that nothing depends on the order of components. IoU > 0.1 is the rule of nnDetection (Baumgartner et al. 2021,
arXiv:2106.00817) and of the PI-CAI challenge (Saha et al. 2024, doi:10.1016/S1470-2045(24)00220-1), lenient enough for small
lesions whose outline is uncertain; one to one is what Metrics Reloaded asks for (Maier-Hein et al. 2024). No component is left
out for its size: clean-up belongs to the prediction, where it is chosen on validation cases and recorded.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, sparse
from scipy.sparse.csgraph import maximum_bipartite_matching

from delineate.metrics.boxes import joint_box
from delineate.metrics.overlap import as_masks

#: A pair of components hits with an IoU above this.
LESION_IOU = 0.1


@dataclass(frozen=True)
class Lesions:
    """Components of one class: ``hits`` of them found, of ``truth`` true and ``prediction`` predicted ones. Adds up over images."""

    hits: int = 0
    truth: int = 0
    prediction: int = 0

    def __add__(self, other: Lesions) -> Lesions:
        return Lesions(self.hits + other.hits, self.truth + other.truth, self.prediction + other.prediction)

    @property
    def f1(self) -> float:
        """2 hits / (true + predicted); 0 where only one of the two has any, NaN where neither has."""
        return 2 * self.hits / (self.truth + self.prediction) if self.truth + self.prediction else math.nan

    @property
    def precision(self) -> float:
        """Share of the predicted components that are hits; NaN where nothing was predicted."""
        return self.hits / self.prediction if self.prediction else math.nan

    @property
    def recall(self) -> float:
        """Share of the true components that were found (sensitivity by lesion); NaN where there is none."""
        return self.hits / self.truth if self.truth else math.nan


def lesions(
    pred: NDArray[Any], truth: NDArray[Any], ignore: NDArray[Any] | None = None, *, iou_above: float = LESION_IOU
) -> Lesions:
    """Match the components of two boolean arrays of one shape (2 or 3 axes); ignored pixels are background in both.

    ``iou_above`` in [0, 1): with 0, any overlap hits.
    """
    if not 0 <= iou_above < 1:
        raise ValueError(f"'iou_above' must be in [0, 1), got {iou_above}")
    p, t, without = as_masks(pred, truth, ignore)
    if without is not None:
        p, t = p & ~without, t & ~without
    window = joint_box(p, t)
    if window is None:
        return Lesions()
    corners = np.ones((3,) * p.ndim)
    named_p, many_p = ndimage.label(p[window], corners)
    named_t, many_t = ndimage.label(t[window], corners)
    if not many_p or not many_t:
        return Lesions(0, int(many_t), int(many_p))
    both = (named_p > 0) & (named_t > 0)
    codes, shared = np.unique((named_p[both].astype(np.int64) - 1) * many_t + (named_t[both] - 1), return_counts=True)
    rows, columns = codes // many_t, codes % many_t
    size_p, size_t = np.bincount(named_p.ravel())[1:], np.bincount(named_t.ravel())[1:]
    hit = shared > iou_above * (size_p[rows] + size_t[columns] - shared)
    graph = sparse.csr_matrix((np.ones(int(hit.sum()), np.int8), (rows[hit], columns[hit])), shape=(many_p, many_t))
    matched = maximum_bipartite_matching(graph, perm_type="column")
    return Lesions(int(np.count_nonzero(matched >= 0)), int(many_t), int(many_p))
