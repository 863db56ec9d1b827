"""How far the predicted amount is from the true one, wherever it lies: what is reported as a volume or an area.

Absolute values, so that a mean over persons does not let too much and too little cancel out; the sign is in the two volumes
themselves. The relative one is Heimann's "relative absolute volume difference" (Heimann et al. 2009, doi:10.1109/TMI.2009.2013851),
as a share and not in percent.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

from delineate.metrics.overlap import Confusion

VolumeUnit = Literal["mL", "mm2", "px"]


def pixel_size(spacing_mm: Sequence[float] | None) -> tuple[float, VolumeUnit]:
    """What one pixel is worth and in which unit: mL with three spacings, mm² with two, 1 px without."""
    if spacing_mm is None:
        return 1.0, "px"
    product = math.prod(spacing_mm)
    return (product / 1000, "mL") if len(spacing_mm) == 3 else (product, "mm2")


def volume_difference(counts: Confusion, size: float = 1.0) -> float:
    """|predicted − true| amount, in the unit of ``size``; NaN where both are empty, as Dice."""
    return math.nan if counts.both_empty else abs(counts.prediction - counts.truth) * size


def relative_volume_difference(counts: Confusion) -> float:
    """|predicted − true| / true; 1 for nothing found, above 1 for more than twice as much; NaN where nothing is true."""
    return abs(counts.prediction - counts.truth) / counts.truth if counts.truth else math.nan
