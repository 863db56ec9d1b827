"""What an image's values are inside a region."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

PERCENTILES = (5, 25, 75, 95)
STATISTICS = ("min", "max", "mean", "sd", "median", *(f"p{percent:02d}" for percent in PERCENTILES))


def intensity_statistics(values: NDArray[np.generic]) -> dict[str, float]:
    """Statistics of ``values`` (any shape), in the image's own unit. ``sd`` divides by n (the region is all there is, no sample);
    percentiles are interpolated linearly; values that are no number are left out. Empty where nothing is left."""
    kept = np.asarray(values, dtype=np.float64).ravel()
    kept = kept[np.isfinite(kept)]
    if not kept.size:
        return {}
    points = np.percentile(kept, PERCENTILES)
    found = {"min": kept.min(), "max": kept.max(), "mean": kept.mean(), "sd": kept.std(), "median": np.median(kept)}
    found |= dict(zip(STATISTICS[5:], points, strict=True))
    return {name: float(value) for name, value in found.items()}
