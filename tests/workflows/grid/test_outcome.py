"""Of the runs that are finished, those that can be paired: the same folds and seeds for every candidate."""

from __future__ import annotations

from itertools import product

from delineate.workflows.grid.outcome import paired_of

FOLDS, SEEDS = range(3), range(2)
ALL = [(name, cell) for name in "abc" for cell in product(FOLDS, SEEDS)]


def test_all_finished_is_all_compared() -> None:
    found = paired_of(ALL)
    assert set(found.candidates) == set("abc")
    assert found.cells == frozenset(product(FOLDS, SEEDS))


def test_nothing_finished() -> None:
    assert paired_of([]).candidates == ()


def test_one_candidate_that_failed_throughout_is_left_out() -> None:
    found = paired_of([one for one in ALL if one[0] != "b"])
    assert set(found.candidates) == {"a", "c"}
    assert len(found.cells) == 6


def test_one_run_that_failed_costs_its_fold_or_seed_and_not_the_candidate() -> None:
    # 3 candidates on 2 folds × 2 seeds are 12 runs, 2 candidates on all 6 cells are 12 as well: the candidate stays.
    found = paired_of([one for one in ALL if one != ("b", (2, 1))])
    assert set(found.candidates) == set("abc")
    assert found.cells == frozenset(product(range(2), SEEDS))


def test_a_stopped_grid_has_its_first_seed() -> None:
    done = [(name, (fold, seed)) for seed in SEEDS for fold in FOLDS for name in "abc"][: 3 * 3 + 2]
    found = paired_of(done)
    assert set(found.candidates) == set("abc")
    assert found.cells == frozenset((fold, 0) for fold in FOLDS)


def test_folds_and_seeds_always_form_a_block() -> None:
    done = [("a", (0, 0)), ("a", (0, 1)), ("a", (1, 0)), ("b", (0, 0)), ("b", (0, 1)), ("b", (1, 0)), ("b", (2, 1))]
    found = paired_of(done)
    folds, seeds = {f for f, _ in found.cells}, {s for _, s in found.cells}
    assert found.cells == frozenset(product(folds, seeds))
    assert len(found.cells) == 2
