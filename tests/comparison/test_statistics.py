"""Every statistic against an independent computation: SciPy, brute force, or a published example."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from delineate.comparison.needed import persons_needed, power_of_paired_t
from delineate.comparison.pairs import chance_of_better_mean, compare_pair, share_better
from delineate.comparison.ranking import groups_not_told_apart, rank_models
from delineate.comparison.signed_rank import cohens_dz, holm, signed_rank, smallest_p
from delineate.comparison.variance import variance_components

#: Darwin's maize (Fisher 1935, The Design of Experiments, ch. 3): crossed minus self-fertilised, eighths of an inch. Wilcoxon's
#: test of them is a textbook example: V = 96, p = 0.0413.
MAIZE = [49, -67, 8, 16, 6, 23, 28, 41, 14, 29, 56, 24, 75, 60, -48]


def brute_force(differences: list[float]) -> float:
    """Two-sided p over all signs, straight from the definition."""
    used = np.array([d for d in differences if d])
    ranks = stats.rankdata(np.abs(used))
    centre = ranks.sum() / 2
    seen = abs(ranks[used > 0].sum() - centre)
    sums = [sum(r for r, s in zip(ranks, signs, strict=True) if s) for signs in itertools.product((0, 1), repeat=len(ranks))]
    return sum(abs(x - centre) >= seen - 1e-9 for x in sums) / len(sums)


def test_signed_rank_on_a_published_example() -> None:
    found = signed_rank(MAIZE)
    assert (found.positive, found.negative, found.n, found.method) == (96, 24, 15, "exact")
    assert found.p == pytest.approx(0.04126, abs=5e-5)
    assert found.rank_biserial == pytest.approx((96 - 24) / 120)


@given(st.lists(st.integers(-4, 4), min_size=1, max_size=9))
def test_signed_rank_with_ties_and_zeros_is_exact(differences: list[int]) -> None:
    found = signed_rank(differences)
    assert found.zeros == differences.count(0)
    assert found.p == pytest.approx(brute_force(list(map(float, differences))) if found.n else 1.0)


@pytest.mark.parametrize("n", [8, 24, 50, 51, 200])
def test_signed_rank_is_scipys_without_ties(n: int) -> None:
    differences = np.random.default_rng(n).normal(0.2, 1, n)
    expected = stats.wilcoxon(differences, correction=True)
    assert signed_rank(list(differences)).p == pytest.approx(float(expected.pvalue))
    assert signed_rank([*differences, 0.0, 0.0]).p == pytest.approx(float(expected.pvalue))


def test_rounding_makes_no_difference() -> None:
    noisy = [0.1 + 0.2 - 0.3, 0.3 - 0.2, 0.1, 0.9 - 0.8, 0.2 - 0.1]  # 0 and four times 0.1
    found = signed_rank(noisy)
    assert (found.zeros, found.n, found.p) == (1, 4, 2 * 0.5**4)


def test_smallest_p_is_reached() -> None:
    for n in range(1, 12):
        assert signed_rank([float(i) for i in range(1, n + 1)]).p == pytest.approx(smallest_p(n))


def test_holm_on_a_worked_example() -> None:
    """Wright 1992 (Biometrics 48:1005-1013) orders by hand: p (m - i + 1), then the running maximum."""
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.5, 0.9]) == pytest.approx([1.0, 1.0])
    assert holm([]) == []


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_holm_rejects_what_stepping_down_rejects(p_values: list[float]) -> None:
    adjusted, alpha = holm(p_values), 0.05
    rejected = set()
    for place, at in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        if p_values[at] * (len(p_values) - place) > alpha:
            break
        rejected.add(at)
    assert {at for at, p in enumerate(adjusted) if p <= alpha} == rejected


def test_effect_size_is_the_t_statistic_over_root_n() -> None:
    differences = np.random.default_rng(3).normal(0.3, 1, 20)
    expected = stats.ttest_1samp(differences, 0).statistic / math.sqrt(20)
    assert cohens_dz(list(differences)) == pytest.approx(float(expected))
    assert cohens_dz([0.1] * 5) is None
    assert cohens_dz([0.1]) is None


def test_persons_needed_are_the_published_ones() -> None:
    """Paired t-test, two-sided, 5 %, 80 %: G*Power 3.1 and Cohen 1988 give 199, 34 and 15 for small, medium and large effects."""
    assert [persons_needed(effect)["t"] for effect in (0.2, 0.5, 0.8)] == [199, 34, 15]
    assert persons_needed(-0.5) == persons_needed(0.5) == {"t": 34, "wilcoxon": math.ceil(34 * math.pi / 3)}
    assert persons_needed(0.0) == persons_needed(None) == persons_needed(1e-4) == {"t": None, "wilcoxon": None}
    assert power_of_paired_t(0.5, 33) < 0.8 <= power_of_paired_t(0.5, 34)
    assert persons_needed(30.0)["t"] == 2


def test_power_is_what_simulation_finds() -> None:
    rng = np.random.default_rng(5)
    data = rng.normal(0.5, 1, (4000, 34))
    found = np.mean(stats.ttest_1samp(data, 0, axis=1).pvalue < 0.05)
    assert found == pytest.approx(power_of_paired_t(0.5, 34), abs=0.03)


def test_share_that_a_serves_better() -> None:
    found = share_better(np.array([0.1, 0.2, 0.0, -0.1] * 6))
    assert found["p_a_better"] == pytest.approx((12 + 3) / 24)
    low, high = found["p_a_better_ci95"]
    assert 0.4 < low < 0.625 < high < 0.85
    unanimous = share_better(np.full(10, 0.1))
    assert unanimous["p_a_better_ci95"] == pytest.approx([0.025**0.1, 1.0])  # Clopper and Pearson's closed form for n of n
    assert unanimous["p_a_better_ci_method"] == "Clopper-Pearson"


def test_chance_of_a_better_mean_is_normal_theory() -> None:
    advantage = np.random.default_rng(0).normal(0.0, 1.0, 400)
    expected = stats.norm.cdf(advantage.mean() / (advantage.std() / 20))
    assert chance_of_better_mean(advantage, resamples=4000) == pytest.approx(float(expected), abs=0.03)
    assert chance_of_better_mean(np.zeros(5)) == 0.5


def test_pair_turns_with_its_models_and_with_the_metric() -> None:
    a = {f"p{i}": 0.8 + 0.01 * (i % 4) for i in range(12)}
    b = {person: value - 0.02 - 0.001 * i for i, (person, value) in enumerate(a.items())}
    forth = compare_pair("a", "b", a, b, unit="patient", higher_is_better=True).plain()
    back = compare_pair("b", "a", b, a, unit="patient", higher_is_better=True).plain()
    assert forth["difference"] == pytest.approx(-back["difference"]) and forth["difference"] > 0
    assert forth["p"] == back["p"] and forth["p_a_better"] == 1 - back["p_a_better"] == 1.0
    assert forth["rank_biserial"] == -back["rank_biserial"] == 1.0
    distance = compare_pair("a", "b", a, b, unit="patient", higher_is_better=False).plain()
    assert distance["difference"] > 0 and distance["rank_biserial"] == -1.0 and distance["p_a_better"] == 0.0


def test_undefined_persons_are_left_out_of_their_pair() -> None:
    a = {"x": 0.5, "y": math.nan, "z": 0.7, "w": 0.9}
    b = {"x": 0.4, "y": 0.2, "z": math.nan, "w": 0.5}
    pair = compare_pair("a", "b", a, b, unit="patient", higher_is_better=True)
    assert pair.persons == ("x", "w") and pair.numbers["n"] == 2 and pair.numbers["ci95"] is None


def test_ranks_by_hand() -> None:
    values = np.array([[0.9, 0.8, 0.1], [0.9, 0.95, 0.2], [0.3, 0.4, 0.2], [0.5, 0.6, 0.6]])
    found = rank_models(values, higher_is_better=True)
    assert found.mean_then_rank == (2, 1, 3)  # 0.65, 0.6875, 0.275
    assert found.rank_then_mean == pytest.approx(((1 + 2 + 2 + 3) / 4, (2 + 1 + 1 + 1.5) / 4, (3 + 3 + 3 + 1.5) / 4))
    assert found.rank_then_mean_rank == (2, 1, 3)
    assert rank_models(-values, higher_is_better=False) == found
    assert all(sum(row) == pytest.approx(1) for row in found.share)


def test_stable_and_unstable_rankings() -> None:
    rng = np.random.default_rng(1)
    base = rng.normal(0.7, 0.1, (30, 1))
    stable = rank_models(base + np.array([0.1, 0.0, -0.1]) + rng.normal(0, 0.01, (30, 3)), higher_is_better=True)
    assert stable.tau == 1.0 and stable.ci95 == ((1, 1), (2, 2), (3, 3)) and stable.share[0] == (1, 0, 0)
    equal = rank_models(rng.normal(0.7, 0.1, (30, 3)), higher_is_better=True)
    assert equal.tau is not None and equal.tau < 0.9
    same = rank_models(np.full((5, 3), 0.5), higher_is_better=True)
    assert same.mean_then_rank == (2, 2, 2) and same.tau is None


def test_groups_of_a_critical_difference_plot() -> None:
    different = {frozenset("ac"), frozenset("ad"), frozenset("bd")}
    assert groups_not_told_apart("abcd", different) == [("a", "b"), ("b", "c"), ("c", "d")]
    assert groups_not_told_apart("abcd", set()) == [tuple("abcd")]
    assert groups_not_told_apart("ab", {frozenset("ab")}) == []


def test_variance_by_hand() -> None:
    """One fold, 2 seeds × 3 persons: the two-way table of any textbook (grand mean 5; SS persons 16, seeds 6, rest 4)."""
    table = np.array([[2.0, 4.0, 6.0], [4.0, 4.0, 10.0]])
    persons, seeds, grand = table.mean(axis=0), table.mean(axis=1), table.mean()
    ss_p, ss_s = 2 * ((persons - grand) ** 2).sum(), 3 * ((seeds - grand) ** 2).sum()
    ss_e = ((table - grand) ** 2).sum() - ss_p - ss_s
    ms_p, ms_s, ms_e = ss_p / 2, ss_s / 1, ss_e / 2
    found = variance_components([table])
    assert found is not None
    assert found["rest"] == pytest.approx(ms_e)
    assert found["person"] == pytest.approx((ms_p - ms_e) / 2)
    assert found["seed"] == pytest.approx(max(0, (ms_s - ms_e) / 3))
    assert found["fold"] is None and (found["folds"], found["seeds"], found["persons"]) == (1, 2, 3)
    assert variance_components([table[:1]]) is None


def test_variance_components_are_unbiased() -> None:
    rng = np.random.default_rng(2)
    truth = {"fold": 1.0, "seed": 2.0, "person": 4.0, "rest": 0.5}
    found: dict[str, list[float]] = {name: [] for name in truth}
    for _ in range(500):
        folds = []
        for _ in range(6):
            shape = (5, 8)
            persons, seeds = rng.normal(0, 2, (1, 8)), rng.normal(0, math.sqrt(2), (5, 1))
            folds.append(rng.normal(0, 1) + persons + seeds + rng.normal(0, math.sqrt(0.5), shape))
        split = variance_components(folds)
        assert split is not None
        for name in truth:
            found[name].append(float(split[name] or 0.0))
    for name, expected in truth.items():
        assert np.mean(found[name]) == pytest.approx(expected, rel=0.15), name
