"""2.5-D: which planes a network sees with a plane."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from delineate.domain import Geometry, Image
from delineate.preprocessing import Preparation, around, network_input, network_input_of_slices
from delineate.recipe import Normalisation, Preprocessing


def recipe(**values: Any) -> Preprocessing:
    return Preprocessing(**{"fit": "scale", "normalisation": Normalisation(scheme="none"), **values})


def volume(planes: int, channels: int = 2) -> Image:
    """Every voxel is 10 × its slice + its channel."""
    values = 10 * np.arange(planes).reshape(1, -1, 1, 1) + np.arange(channels).reshape(-1, 1, 1, 1)
    pixels = np.broadcast_to(values, (channels, planes, 5, 4)).astype(np.float32)
    return Image(pixels, Geometry(pixels.shape[1:]))


def test_the_outermost_plane_stands_for_those_beyond() -> None:
    assert around(0, 5, 2) == [0, 0, 0, 1, 2]
    assert around(2, 5, 2) == [0, 1, 2, 3, 4]
    assert around(4, 5, 1) == [3, 4, 4]
    assert around(0, 1, 3) == [0] * 7
    assert around(3, 5, 0) == [3]


def test_neighbours_come_in_order_each_with_all_its_channels() -> None:
    work = Preparation(volume(4), recipe(channels=2, neighbours=1))
    seen = network_input(work)
    assert seen.shape == (4, work.recipe.inputs, 5, 4)
    assert seen.flags.c_contiguous
    assert seen.dtype == np.float32
    assert seen[:, :, 0, 0].tolist() == [
        [0, 1, 0, 1, 10, 11],
        [0, 1, 10, 11, 20, 21],
        [10, 11, 20, 21, 30, 31],
        [20, 21, 30, 31, 30, 31],
    ]
    assert work.planes().shape == (4, 2, 5, 4)  # planes by themselves stay what they are


@pytest.mark.parametrize("neighbours", [0, 1, 3])
@pytest.mark.parametrize("step", [1, 2, 3, 7])
def test_stretches_join_to_the_whole(neighbours: int, step: int) -> None:
    work = Preparation(volume(7), recipe(channels=2, neighbours=neighbours))
    parts = [network_input(work, start, start + step) for start in range(0, 7, step)]
    np.testing.assert_array_equal(np.concatenate(parts), network_input(work))


@pytest.mark.parametrize("neighbours", [0, 2])
def test_slices_in_files_of_their_own_are_seen_like_a_volume(neighbours: int) -> None:
    rule = recipe(channels=2, neighbours=neighbours)
    whole = volume(6)
    slices = [Preparation(Image(whole.pixels[:, number], Geometry((5, 4))), rule) for number in range(6)]
    wanted = network_input(Preparation(whole, rule))
    np.testing.assert_array_equal(network_input_of_slices(slices), wanted)
    np.testing.assert_array_equal(network_input_of_slices(slices, 2, 4), wanted[2:4])


def test_an_image_alone_stands_for_its_neighbours() -> None:
    work = Preparation(Image(np.full((1, 5, 4), 7, np.uint8), Geometry((5, 4))), recipe(neighbours=2))
    assert network_input(work).shape == (1, 5, 5, 4)
    assert (network_input(work) == 7).all()
