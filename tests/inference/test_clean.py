"""Clean-up does exactly what its options say."""

from __future__ import annotations

import numpy as np
import pytest

from delineate.domain import LabelSet
from delineate.inference.clean import clean_labels, clean_mask, postprocessors
from delineate.recipe import Clean


def picture(*rows: str) -> np.ndarray:
    return np.array([[c == "#" for c in row] for row in rows])


def test_largest_keeps_one_and_corners_connect() -> None:
    mask = picture("##....#", "..#...#", ".......", "....#..")
    assert (clean_mask(mask, Clean(largest=True)) == picture("##.....", "..#....", ".......", ".......")).all()


def test_equal_components_keep_the_first() -> None:
    assert clean_mask(picture("#..#"), Clean(largest=True)).tolist() == [[True, False, False, False]]


def test_small_components_go_by_their_pixels() -> None:
    mask = picture("###..##", ".......", "#......")
    assert (clean_mask(mask, Clean(min_pixels=2)) == picture("###..##", ".......", ".......")).all()
    assert (clean_mask(mask, Clean(min_pixels=3)) == picture("###....", ".......", ".......")).all()
    assert not clean_mask(mask, Clean(min_pixels=4)).any()


def test_holes_are_filled_but_bays_are_not() -> None:
    mask = picture("#####..###", "#...#..#..", "#.#.#..###", "#####.....")
    filled = clean_mask(mask, Clean(fill_holes=True))
    assert filled[:, :5].all()
    assert (filled[:, 5:] == mask[:, 5:]).all()


def test_a_hole_open_at_a_corner_is_still_a_hole() -> None:
    assert clean_mask(picture(".##", "#.#", "###"), Clean(fill_holes=True)).tolist() == picture(".##", "###", "###").tolist()


def test_volumes_connect_in_three_dimensions() -> None:
    volume = np.zeros((4, 6, 6), bool)
    volume[0, 0, 0] = volume[1, 1, 1] = volume[2, 2, 2] = True  # one diagonal rod
    volume[0, 5, 4:] = True
    kept = clean_mask(volume, Clean(largest=True))
    assert kept.sum() == 3
    shell = np.ones((5, 5, 5), bool)
    shell[2, 2, 2] = False
    assert clean_mask(shell, Clean(fill_holes=True)).all()
    shell[:, 2, 2] = False  # a tunnel is closed in each plane, and yet no hole
    assert (clean_mask(shell, Clean(fill_holes=True)) == shell).all()


def test_nothing_to_do_changes_nothing() -> None:
    mask = picture("#.#")
    assert clean_mask(mask, Clean()) is mask
    assert not clean_mask(np.zeros((3, 3), bool), Clean(largest=True, fill_holes=True)).any()
    labels = np.array([[1, 0]], np.uint8)
    assert clean_labels(labels, LabelSet(), (Clean(),)) is labels


def test_classes_are_cleaned_apart_and_never_overwrite_each_other() -> None:
    names = LabelSet(kind="exclusive", names=("a", "b"))
    labels = np.array([[1, 1, 1, 0, 2], [1, 2, 1, 0, 0], [1, 1, 1, 0, 1]], np.uint8)
    done = clean_labels(labels, names, (Clean(largest=True, fill_holes=True), Clean()))
    assert done.tolist() == [[1, 1, 1, 0, 2], [1, 2, 1, 0, 0], [1, 1, 1, 0, 0]]
    done = clean_labels(labels, names, (Clean(fill_holes=True), Clean(min_pixels=2)))
    assert done.tolist() == [[1, 1, 1, 0, 0], [1, 0, 1, 0, 0], [1, 1, 1, 0, 1]]


def test_regions_are_cleaned_each_on_its_own() -> None:
    names = LabelSet(kind="regions", names=("a", "b"))
    labels = np.array([[[1, 0, 1, 1]], [[1, 0, 1, 1]]], np.uint8)
    assert clean_labels(labels, names, (Clean(), Clean(largest=True))).tolist() == [[[1, 0, 1, 1]], [[0, 0, 1, 1]]]


@pytest.mark.parametrize("name", ["largest", "min_pixels", "fill_holes"])
def test_every_option_of_the_record_has_a_postprocessor(name: str) -> None:
    assert name in postprocessors
    assert set(Clean.model_fields) == set(postprocessors.names())
