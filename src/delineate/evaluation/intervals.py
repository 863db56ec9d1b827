"""Mean, median and a bootstrap interval of one number per person."""

from __future__ import annotations

import inspect
import math
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy import stats

#: With fewer persons an interval would only pretend to know something.
LEAST_PERSONS = 3
#: BCa and percentile agree beyond this many persons, and BCa's jackknife grows with its square.
MOST_FOR_BCA = 1000
_SEED_NAME = "rng" if "rng" in inspect.signature(stats.bootstrap).parameters else "random_state"  # renamed in SciPy 1.15


def describe(values: Sequence[float], *, seed: int = 0, bootstrap: int = 2000) -> dict[str, Any]:
    """``{"mean", "median", "sd", "ci95": [low, high] | None, "ci_method", "n"}`` of the values that are not NaN.

    ``sd`` is the sample standard deviation (n - 1), ``None`` for one value. ``ci95`` is a bootstrap interval of the mean,
    resampling the values (persons): bias-corrected and accelerated (``"BCa"``, Efron 1987, doi:10.1080/01621459.1987.10478410),
    ``"percentile"`` where BCa is undefined (all values equal) or n > 1000, and ``None`` with fewer than three values. The same
    values and seed give the same interval.
    """
    defined = np.array([v for v in values if not math.isnan(v)], dtype=np.float64)
    n = int(defined.size)
    if n == 0:
        return {"mean": None, "median": None, "sd": None, "ci95": None, "ci_method": None, "n": 0}
    low_high, method = _interval(defined, seed, bootstrap)
    return {
        "mean": float(defined.mean()),
        "median": float(np.median(defined)),
        "sd": float(defined.std(ddof=1)) if n > 1 else None,
        "ci95": low_high,
        "ci_method": method,
        "n": n,
    }


def _interval(values: np.ndarray[Any, np.dtype[np.float64]], seed: int, resamples: int) -> tuple[list[float] | None, str | None]:
    if values.size < LEAST_PERSONS or resamples < 1:
        return None, None
    batch = max(1, 4_000_000 // values.size)  # bounds memory to some 32 MB
    methods = ("BCa", "percentile") if values.size <= MOST_FOR_BCA and np.ptp(values) > 0 else ("percentile",)
    for method in methods:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a degenerate BCa warns and gives NaN, which is looked at below
            result = stats.bootstrap(
                (values,),
                np.mean,
                axis=-1,
                vectorized=True,
                n_resamples=resamples,
                batch=batch,
                confidence_level=0.95,
                method=method,
                **{_SEED_NAME: np.random.default_rng(seed)},
            )
        low, high = float(result.confidence_interval.low), float(result.confidence_interval.high)
        if math.isfinite(low) and math.isfinite(high):
            return [min(low, high), max(low, high)], method  # equal values: the two may differ in the last bit
    return None, None
