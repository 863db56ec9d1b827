"""The review rule: what it flags, and that it holds its promise over many validation sets."""

from __future__ import annotations

import math

import numpy as np
import pytest
from benchmarks.doubt_simulation import simulate
from scipy import stats

from delineate.domain import LabelSet
from delineate.doubt import Evidence, Judged, fit_review, persons_needed, review


def judged(scores: list[float], dice: list[float]) -> list[Judged]:
    return [Judged(f"p{i}", s, d, -2.0) for i, (s, d) in enumerate(zip(scores, dice, strict=True))]


def test_how_many_persons_are_needed() -> None:
    """22: the chance that 22 persons are all good although a tenth is bad, 0.9**22, is below 0.1; 0.9**21 is not."""
    assert persons_needed(0.1, 0.9) == (22, 9)
    assert 0.9**22 <= 0.1 < 0.9**21
    assert persons_needed(0.5, 0.9) == (4, 1)


def test_few_persons_flag_everything_and_say_how_many_are_needed() -> None:
    rule = fit_review(judged([0.99] * 8, [0.95] * 8))
    assert (rule.guarantee, rule.above, rule.n, rule.needed, rule.needed_all) == ("none", None, 8, 22, 9)
    verdict = review(0.99, -2.0, False, rule)
    assert verdict.needs_review
    assert verdict.reasons == (("too-few-persons", {"n": 8, "needed": 9}),)


def test_nobody_at_all() -> None:
    rule = fit_review([])
    assert rule.guarantee == "none"
    assert review(0.9, -2.0, False, rule).needs_review


def test_enough_good_persons_flag_nobody_like_them() -> None:
    rule = fit_review(judged(list(np.linspace(0.9, 0.99, 30)), [0.9] * 30))
    assert rule.guarantee == "unflagged"
    assert not review(0.5, -2.0, False, rule).needs_review


def test_the_threshold_is_that_of_the_binomial_test() -> None:
    """30 persons, the five lowest scores bad: nobody bad among the 25 above, so that the ladder's first step (22) holds; the last
    (30 with five bad) does not."""
    scores = list(np.linspace(0.70, 0.99, 30))
    rule = fit_review(judged(scores, [0.5] * 5 + [0.9] * 25))
    assert stats.binom.cdf(5, 30, 0.1) > 0.1
    assert rule.guarantee == "unflagged"
    assert rule.above == pytest.approx(scores[30 - 23])
    assert review(scores[7] - 0.001, -2.0, False, rule).needs_review
    assert not review(scores[8], -2.0, False, rule).needs_review


def test_conformal_risk_control_by_hand() -> None:
    """12 persons, alpha 0.2: floor(0.2 · 13 - 1) = 1 bad person may go unflagged; above the second worst-placed one nothing is."""
    scores = [0.99, 0.98, 0.97, 0.96, 0.95, 0.94, 0.93, 0.92, 0.91, 0.90, 0.89, 0.88]
    dice = [0.9, 0.5, 0.9, 0.9, 0.9, 0.5, 0.9, 0.9, 0.9, 0.9, 0.9, 0.9]
    rule = fit_review(judged(scores, dice), alpha=0.2)
    assert rule.guarantee == "all"
    assert rule.above == pytest.approx(0.94)


def test_a_person_counts_by_the_worst_case() -> None:
    cases = [Judged("p", 0.9, 0.95, -2), Judged("p", 0.7, 0.4, -2)]
    assert fit_review(cases).n == 1


def test_what_is_flagged_for_another_reason_is_flagged_in_learning_too() -> None:
    cases = [*judged([0.9] * 30, [0.9] * 30), Judged("odd", 0.99, 0.1, -2.0, strange=True)]
    rule = fit_review(cases)
    assert not review(0.95, -2.0, False, rule).needs_review


def test_an_empty_mask_is_always_looked_at() -> None:
    rule = fit_review(judged([0.9] * 30, [0.9] * 30))
    verdict = review(0.99, -9.0, True, rule)
    assert verdict.needs_review
    assert verdict.predicted is None
    assert "nothing-found" in dict(verdict.reasons)


def test_a_size_far_from_all_is_looked_at() -> None:
    cases = [Judged(f"p{i}", 0.9, 0.9, -2.0, log_share_truth=-2.0 + 0.01 * i) for i in range(30)]
    rule = fit_review(cases)
    assert not review(0.9, -2.0, False, rule).reasons
    assert dict(review(0.9, math.log(0.9), False, rule).reasons) == {"unusual-size": {"share": "90"}}


def test_the_predicted_dice_follows_the_line_of_the_persons() -> None:
    scores = list(np.linspace(0.6, 0.98, 40))
    rule = fit_review(judged(scores, [s - 0.1 for s in scores]))
    verdict = review(0.8, -2.0, False, rule)
    assert verdict.predicted == pytest.approx(0.7, abs=0.01)
    assert verdict.low is not None
    assert verdict.high is not None
    assert 0.65 < verdict.low <= verdict.predicted <= verdict.high < 0.75


def test_an_image_of_another_kind_gets_no_predicted_dice() -> None:
    rule = fit_review(judged([0.9] * 30, [0.9] * 30))
    verdict = review(0.99, -2.0, False, rule, (("inverted", {"times": "3", "order": ""}),))
    assert (verdict.predicted, verdict.low, verdict.high, verdict.needs_review) == (None, None, None, True)


def test_no_rule_gives_no_promise() -> None:
    verdict = review(0.9, -2.0, False, None)
    assert (verdict.predicted, verdict.needs_review) == (None, False)
    assert review(0.9, -2.0, False, None, (("inverted", {"times": "3", "order": ""}),)).needs_review


def test_expected_dice_is_the_dice_with_truths_drawn_from_the_probabilities() -> None:
    rng = np.random.default_rng(0)
    p = np.clip(rng.normal(0.5, 0.4, (1, 60, 60)), 0.01, 0.99)
    mask = (p[0] >= 0.5).astype(np.uint8)
    drawn = []
    for _ in range(200):
        truth = rng.random((60, 60)) < p[0]
        drawn.append(2 * np.count_nonzero(truth & (mask == 1)) / (np.count_nonzero(truth) + np.count_nonzero(mask)))
    assert Evidence(LabelSet()).add(p, mask).expected_dice == pytest.approx(np.mean(drawn), abs=0.003)


def test_evidence_in_parts_is_evidence_of_the_whole() -> None:
    p = np.random.default_rng(1).random((1, 6, 8, 8))
    mask = (p[0] > 0.6).astype(np.uint8)
    whole = Evidence(LabelSet()).add(p, mask)
    parts = Evidence(LabelSet())
    for number in range(6):
        parts.add(p[:, number], mask[number])
    assert parts.expected_dice == pytest.approx(whole.expected_dice)
    assert parts.log_share == pytest.approx(whole.log_share)


@pytest.mark.parametrize("noise", [0.3, math.inf])
def test_the_promise_holds_over_many_validation_sets(noise: float) -> None:
    """Share of broken promises at most 1 - confidence (0.1), and the joint risk at most alpha on average; 3 standard errors of 300
    repeats are allowed."""
    enough = simulate(40, noise, bar=0.8, alpha=0.1, repeats=300, new=20_000)
    assert enough["unflagged_rule_breaks_promise_of_all_sets"] <= 0.1 + 3 * math.sqrt(0.09 / 300)
    few = simulate(15, noise, bar=0.8, alpha=0.1, repeats=300, new=20_000)
    assert few["guarantees"].keys() <= {"all", "none"}
    assert few["mean_unflagged_and_bad"] <= 0.1 + 0.01
