"""Choosing on validation: moves only where it helps many, never on noise."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from delineate.domain import IGNORE, LabelSet
from delineate.errors import DataError
from delineate.inference.choose import Choices, ValidationCase, as_rows, assemble_group, choose_thresholds_and_clean
from delineate.recipe import Clean


def square(shape: tuple[int, int] = (40, 40), low: int = 10, high: int = 30) -> np.ndarray[Any, Any]:
    truth = np.zeros(shape, np.uint8)
    truth[low:high, low:high] = 1
    return truth


def choose(cases: list[ValidationCase], labels: LabelSet | None = None) -> Choices:
    passes = []

    def stream() -> Iterator[ValidationCase]:
        passes.append(1)
        yield from cases

    choices = choose_thresholds_and_clean(stream, labels or LabelSet())
    assert len(passes) == 2
    return choices


def case(probability: np.ndarray[Any, Any], truth: np.ndarray[Any, Any], number: int, person: str = "") -> ValidationCase:
    return ValidationCase(probability[np.newaxis].astype(np.float32), truth, f"g{number}", person)


def timid(number: int, person: str = "") -> ValidationCase:
    """The class lies at 0.35: half of it is missed at 0.5."""
    truth = square()
    probability = np.where(truth == 1, 0.35, 0.05)
    probability[10:20, 10:30] = 0.9
    return case(probability, truth, number, person)


def test_a_threshold_moves_where_it_helps_everyone() -> None:
    choices = choose([timid(n) for n in range(4)])
    assert choices.thresholds == (0.1,)  # 0.1, 0.2 and 0.3 are equally good: the first
    row = next(r for r in choices.table if r.option == "threshold=0.1")
    assert (row.chosen, row.better, row.worse, row.n) == (True, 4, 0, 4)
    assert row.before == pytest.approx(2 / 3, abs=0.01)
    assert row.after == 1


def test_two_cases_or_one_person_are_not_enough() -> None:
    assert choose([timid(n) for n in range(2)]).thresholds == (0.5,)
    assert choose([timid(n, "same") for n in range(6)]).thresholds == (0.5,)


def test_one_that_gains_much_does_not_outvote_many_that_lose() -> None:
    truth = square()
    fine = np.where(truth == 1, 0.6, 0.0)
    fine[0, :8] = 0.45  # a little worse at 0.4 and below
    cases = [case(fine, truth, n) for n in range(4)] + [timid(9)]
    choices = choose(cases)
    assert choices.thresholds == (0.5,)
    assert any(r.after > r.before + 0.002 for r in choices.table)


def test_a_gain_that_is_not_sure_moves_no_threshold() -> None:
    """Two of four gain much, two lose a little: better in the mean, as many better as worse, and yet perhaps chance."""
    truth = square()
    full = np.where(truth == 1, 0.9, 0.0)
    full[0, :8] = 0.45  # found in addition at 0.4 and below
    choices = choose([case(full, truth, n) for n in range(2)] + [timid(7), timid(8)])
    row = next(r for r in choices.table if r.option == "threshold=0.3")
    assert row.after > row.before + 0.1 and row.better == row.worse == 2
    assert row.ci95 is not None and row.ci95[0] < 0
    assert choices.thresholds == (0.5,)


def test_a_perfect_result_keeps_the_defaults() -> None:
    truth = square()
    choices = choose([case(truth * 1.0, truth, n) for n in range(5)])
    assert choices.thresholds == (0.5,)
    assert choices.clean == (Clean(),)
    assert not any(r.chosen for r in choices.table)


def test_specks_are_cleaned_and_the_table_says_what_it_changed() -> None:
    truth = square()
    dirty = truth * 1.0
    dirty[2, 2] = dirty[35, 4] = dirty[37, 36] = 1
    choices = choose([case(dirty, truth, n) for n in range(3)])
    assert choices.clean == (Clean(largest=True),)
    kept = [r for r in as_rows(choices.table) if r["chosen"]]
    assert [r["option"] for r in kept] == ["largest"]
    assert kept[0]["before"] < kept[0]["after"] == 1


def test_two_true_parts_are_not_sacrificed() -> None:
    truth = square(low=2, high=15)
    truth[25:38, 25:38] = 1
    dirty = truth * 1.0
    dirty[2, 30] = 1
    choices = choose([case(dirty, truth, n) for n in range(3)])
    assert choices.clean[0].largest is False
    assert choices.clean[0].min_pixels > 1


def test_holes_are_filled_where_truth_has_none() -> None:
    truth = square()
    holed = truth * 1.0
    holed[15:18, 15:18] = 0
    assert choose([case(holed, truth, n) for n in range(3)]).clean == (Clean(fill_holes=True),)


def test_an_absent_class_that_is_found_counts_against() -> None:
    empty = np.zeros((40, 40), np.uint8)
    speck = np.zeros((40, 40))
    speck[3, 3] = 0.55
    cases = [case(speck, empty, n) for n in range(3)] + [case(square() * 1.0, square(), 9)]
    assert choose(cases).thresholds[0] > 0.5


def test_ignored_pixels_do_not_count() -> None:
    truth = square()
    truth[:5] = IGNORE
    probability = (truth == 1) * 1.0
    probability[:5] = 1.0
    choices = choose([case(probability, truth, n) for n in range(3)])
    assert all(r.before == 1 for r in choices.table)


def test_cases_of_one_group_are_counted_together() -> None:
    choices = choose([timid(n // 2) for n in range(8)])
    assert {r.n for r in choices.table} == {4}


def test_exclusive_classes_are_chosen_one_by_one() -> None:
    names = LabelSet(kind="exclusive", names=("a", "b"))
    truth = square()
    truth[10:30, 20:30] = 2
    shares = np.stack([truth == 1, truth == 2]).astype(np.float32)
    shares[1, 2, 2] = 1
    choices = choose([ValidationCase(shares, truth, f"g{n}") for n in range(3)], names)
    assert choices.thresholds == (0.5, 0.5)
    assert choices.clean == (Clean(), Clean(largest=True))


def test_slices_become_a_volume_by_position() -> None:
    slices = [(10, np.full((3, 4), 10)), (2, np.full((3, 4), 2)), (1, np.full((3, 4), 1))]
    assert assemble_group(slices)[:, 0, 0].tolist() == [1, 2, 10]
    shares = assemble_group([(1, np.ones((2, 3, 4))), (0, np.zeros((2, 3, 4)))], leading=1)
    assert shares.shape == (2, 2, 3, 4)
    assert shares[0, :, 0, 0].tolist() == [0, 1]
    with pytest.raises(DataError):
        assemble_group([(0, np.zeros((3, 4))), (1, np.zeros((3, 5)))])
    with pytest.raises(DataError):
        assemble_group([])
