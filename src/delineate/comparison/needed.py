"""How many persons it would take to tell two models apart."""

from __future__ import annotations

import math

from scipy import stats

POWER = 0.8
#: Asymptotic relative efficiency of the signed-rank test to the paired t-test for normal differences (Pitman; Lehmann 1975).
WILCOXON_ARE = 3 / math.pi
#: A difference that needs more is, for every practical purpose, none.
MOST = 100_000


def power_of_paired_t(effect: float, n: int, alpha: float = 0.05) -> float:
    """Chance that a two-sided paired t-test on ``n`` persons finds a true difference of ``effect`` standard deviations."""
    if n < 2:
        return 0.0
    limit = float(stats.t.ppf(1 - alpha / 2, n - 1))
    shift = abs(effect) * math.sqrt(n)
    found = float(stats.nct.sf(limit, n - 1, shift))
    wrong_side = float(stats.nct.cdf(-limit, n - 1, shift)) if shift < 5 else 0.0  # beyond, it is 0 and SciPy may say NaN
    return found + wrong_side


def persons_needed(effect: float | None, *, alpha: float = 0.05, power: float = POWER) -> dict[str, int | None]:
    """``{"t", "wilcoxon"}``: the least number for ``power``, two-sided at ``alpha``, if ``effect`` (Cohen's dz) is the true one.

    Exact for the paired t-test (noncentral t); for the signed-rank test that number over its efficiency 3/π, which holds for
    normal differences. ``None`` where there is no effect or more than 100 000 would be needed.
    """
    if effect is None or effect == 0 or not math.isfinite(effect):
        return {"t": None, "wilcoxon": None}
    low, high = 1, 2
    while power_of_paired_t(effect, high, alpha) < power:
        low, high = high, 2 * high
        if low > MOST:
            return {"t": None, "wilcoxon": None}
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if power_of_paired_t(effect, middle, alpha) >= power else (middle, high)
    return {"t": high, "wilcoxon": math.ceil(high / WILCOXON_ARE)}
