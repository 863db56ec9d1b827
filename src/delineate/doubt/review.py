"""Predicted Dice with an interval, and the rule by which a case needs a person's look, with a guarantee that can be stated.

The score is the expected Dice of :class:`~delineate.doubt.evidence.Evidence`: a fixed function of the prediction, not fitted to the
persons the rule is learned from. A person counts once: by the worst of their cases.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from delineate.recipe import ReviewRule

#: A size further than this many robust deviations from the validation truth's is unusual; judged with at least so many persons.
_FAR = 4.0
_SIZES_NEEDED = 8


@dataclass(frozen=True)
class Judged:
    """One validation case: what the prediction promised, what it kept. ``dice`` is NaN where truth and mask are both empty."""

    person: str
    expected: float
    dice: float
    log_share: float
    nothing_found: bool = False
    strange: bool = False
    log_share_truth: float | None = None


@dataclass(frozen=True)
class Verdict:
    """``predicted`` Dice with ``low`` … ``high`` (``None``: no rule in the model), whether a person should look, and why:
    ``review.<code>`` in the catalogue with its placeholders."""

    predicted: float | None
    low: float | None
    high: float | None
    needs_review: bool
    reasons: tuple[tuple[str, dict[str, Any]], ...] = ()


def persons_needed(alpha: float, confidence: float) -> tuple[int, int]:
    """Fewest validation persons with which any case can go unflagged: under ``unflagged``, and under ``all``."""
    return math.ceil(math.log(1 - confidence) / math.log(1 - alpha) - 1e-12), math.ceil(1 / alpha - 1 - 1e-9)


def fit_review(cases: Sequence[Judged], *, dice_bar: float = 0.8, alpha: float = 0.1, confidence: float = 0.9) -> ReviewRule:
    """Learn the rule from validation cases."""
    needed, needed_all = persons_needed(alpha, confidence)
    sizes = np.array([c.log_share_truth for c in cases if c.log_share_truth is not None], dtype=np.float64)
    centre = spread = None
    if len({c.person for c in cases}) >= _SIZES_NEEDED and len(sizes):
        centre = float(np.median(sizes))
        spread = max(1.4826 * float(np.median(np.abs(sizes - centre))), 0.1)
    rule = ReviewRule(
        dice_bar=dice_bar,
        alpha=alpha,
        confidence=confidence,
        needed=needed,
        needed_all=needed_all,
        log_size=centre,
        log_size_spread=spread,
    )
    scores, bad = _by_person(cases, rule)
    guarantee, above = _threshold(scores, bad, alpha, confidence)
    intercept, slope, margin = _line(cases, alpha)
    return rule.model_copy(
        update={
            "guarantee": guarantee,
            "above": above,
            "n": len(scores),
            "intercept": intercept,
            "slope": slope,
            "margin": margin,
        }
    )


def _by_person(cases: Sequence[Judged], rule: ReviewRule) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Per person: the lowest score (-inf where a case is flagged for another reason), and whether a case is under the bar."""
    scores: dict[str, float] = {}
    bad: dict[str, bool] = {}
    for case in cases:
        flagged = case.nothing_found or case.strange or _unusual_size(case.log_share, rule)
        score = -math.inf if flagged else case.expected
        scores[case.person] = min(scores.get(case.person, math.inf), score)
        bad[case.person] = bad.get(case.person, False) or (not math.isnan(case.dice) and case.dice < rule.dice_bar)
    names = list(scores)
    return np.array([scores[name] for name in names]), np.array([bad[name] for name in names], dtype=bool)


def _threshold(scores: NDArray[np.float64], bad: NDArray[np.bool_], alpha: float, confidence: float) -> tuple[Any, float | None]:
    """(guarantee, score above which nothing is flagged)."""
    n = len(scores)
    order = np.argsort(-scores, kind="stable")
    scores, bad = scores[order], bad[order]
    finite = int(np.isfinite(scores).sum())
    accepted = _learn_then_test(bad, finite, alpha, 1 - confidence)
    if accepted:
        return "unflagged", _just_below(scores, accepted)
    if n < math.ceil(1 / alpha - 1 - 1e-9):
        return "none", None
    # Conformal risk control: (persons unflagged and bad + 1) / (n + 1) must not exceed alpha.
    allowed = math.floor(alpha * (n + 1) - 1 + 1e-9)
    wrong = np.flatnonzero(bad & np.isfinite(scores))
    if len(wrong) <= allowed:
        return "all", -1.0  # even without any flag the bound holds
    return "all", float(scores[wrong[allowed]])


def _learn_then_test(bad: NDArray[np.bool_], finite: int, alpha: float, delta: float) -> int:
    """How many of the highest scores go unflagged (0: none can).

    Given the score of rank m + 1, the m persons above it are independent draws from those above it, so the number of bad ones
    among them is binomial with the risk of going unflagged there. The risks of a fixed ladder of m (the fewest persons with which
    0, 1, 2 … bad ones still reject "the risk is above alpha", and at last everybody) are tested in order until one is not rejected:
    no correction is needed for testing several (fixed sequence testing).
    """
    from scipy import stats  # late: takes half a second to load, and a prediction only reads the rule

    n, accepted = len(bad), 0
    ladder: list[int] = []
    for allowed in range(n + 1):
        m = ladder[-1] + 1 if ladder else 1
        while m <= n and stats.binom.cdf(allowed, m, alpha) > delta:
            m += 1
        if m > n:
            break
        ladder.append(m)
    for m in [*ladder, *([n] if ladder and ladder[-1] != n else [])]:
        if m > finite or stats.binom.cdf(int(bad[:m].sum()), m, alpha) > delta:
            break
        accepted = m
    return accepted


def _just_below(scores: NDArray[np.float64], m: int) -> float:
    following = float(scores[m]) if m < len(scores) else -math.inf
    return max(following, -1.0)  # JSON knows no infinity; no score is below 0


def _line(cases: Sequence[Judged], alpha: float) -> tuple[float, float, float | None]:
    """Dice ≈ intercept + slope · expected Dice, and the margin that holds for 1 - alpha of persons, from residuals of persons
    left out one at a time (jackknife+; Barber et al. 2021)."""
    known = [c for c in cases if not math.isnan(c.dice)]
    persons = sorted({c.person for c in known})
    if len(persons) < 2:
        return 0.0, 1.0, None
    worst = []
    for person in persons:
        intercept, slope = _least_squares([c for c in known if c.person != person])
        worst.append(max(abs(c.dice - _clip(intercept + slope * c.expected)) for c in known if c.person == person))
    rank = math.ceil((len(worst) + 1) * (1 - alpha) - 1e-9)
    margin = float(np.sort(worst)[rank - 1]) if rank <= len(worst) else None
    return (*_least_squares(known), margin)


def _least_squares(cases: Sequence[Judged]) -> tuple[float, float]:
    """Slope drawn towards 1 (two made-up persons' worth), never below 0: few persons with alike scores tell no slope."""
    x = np.array([c.expected for c in cases])
    y = np.array([c.dice for c in cases])
    spread = 2 * 0.05**2
    slope = (float(((x - x.mean()) * (y - y.mean())).sum()) + spread) / (float(((x - x.mean()) ** 2).sum()) + spread)
    slope = max(0.0, slope)
    return float(y.mean() - slope * x.mean()), slope


def _clip(value: float) -> float:
    return min(1.0, max(0.0, value))


def _unusual_size(log_share: float, rule: ReviewRule) -> bool:
    if rule.log_size is None or rule.log_size_spread is None:
        return False
    return abs(log_share - rule.log_size) > _FAR * rule.log_size_spread


def review(
    expected: float,
    log_share: float,
    nothing_found: bool,
    rule: ReviewRule | None,
    strange: Sequence[tuple[str, dict[str, Any]]] = (),
) -> Verdict:
    """Apply ``rule`` to one case; ``strange`` are reasons the image itself gives."""
    reasons = list(strange)
    if rule is None:
        return Verdict(None, None, None, bool(reasons), tuple(reasons))
    if nothing_found:
        return Verdict(None, None, None, True, (*reasons, ("nothing-found", {})))
    line = _clip(rule.intercept + rule.slope * expected)
    predicted: float | None = line
    low: float | None = 0.0 if rule.margin is None else _clip(line - rule.margin)
    high: float | None = 1.0 if rule.margin is None else _clip(line + rule.margin)
    if strange:  # what holds for patients like those of validation says nothing of an image of another kind
        predicted = low = high = None
    if _unusual_size(log_share, rule):
        reasons.append(("unusual-size", {"share": f"{100 * math.exp(log_share):.2g}"}))
    if rule.above is None:
        reasons.append(("too-few-persons", {"n": rule.n, "needed": min(rule.needed, rule.needed_all)}))
    elif expected <= rule.above:
        reasons.append(("low-expected", {"expected": f"{expected:.3f}", "above": f"{rule.above:.3f}"}))
    return Verdict(predicted, low, high, bool(reasons), tuple(reasons))
