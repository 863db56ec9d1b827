"""clDice against a skeleton by scipy's filters, and what it is for."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy import ndimage

from delineate.domain import LabelSet
from delineate.losses import make_loss
from delineate.losses.shape import soft_skeleton


def erode(image: NDArray[Any]) -> NDArray[Any]:
    return ndimage.grey_erosion(image, footprint=ndimage.generate_binary_structure(2, 1), mode="constant", cval=np.inf)


def skeleton(image: NDArray[Any], thinnings: int) -> NDArray[Any]:
    def rest(one: NDArray[Any]) -> NDArray[Any]:
        opened = ndimage.grey_dilation(erode(one), size=(3, 3), mode="constant", cval=-np.inf)
        return np.maximum(one - opened, 0)

    found = rest(image)
    for _ in range(thinnings):
        image = erode(image)
        found = found + np.maximum(rest(image) * (1 - found), 0)
    return found


@pytest.mark.parametrize("thinnings", [0, 1, 4])
def test_skeleton_is_scipys(thinnings: int) -> None:
    maps = np.random.default_rng(0).random((2, 3, 11, 14))
    wanted = np.stack([[skeleton(one, thinnings) for one in image] for image in maps])
    np.testing.assert_allclose(soft_skeleton(torch.from_numpy(maps), thinnings).numpy(), wanted, atol=1e-12)


def vessel() -> NDArray[np.uint8]:
    target = np.zeros((1, 24, 40), dtype=np.uint8)
    target[0, 10:13, 3:37] = 1
    return target


def loss(predicted: NDArray[np.uint8], name: str = "cldice") -> float:
    logits = torch.from_numpy(np.where(predicted, 20.0, -20.0)[:, None])
    return float(make_loss(name, LabelSet())(logits, torch.from_numpy(vessel())))


def test_a_cut_vessel_costs_more_than_a_thin_one() -> None:
    cut, thin = vessel(), vessel()
    cut[0, :, 15:25] = 0
    thin[0, 10] = thin[0, 12] = 0
    assert loss(vessel()) < 1e-4
    assert loss(thin) < 0.02
    assert loss(cut) > 0.1
    assert loss(thin, "dice") > loss(cut, "dice"), "Dice sees it the other way round"


def test_nothing_there_and_nothing_found_is_perfect() -> None:
    zero = torch.zeros(2, 16, 16, dtype=torch.uint8)
    assert make_loss("cldice", LabelSet())(torch.full((2, 1, 16, 16), -20.0), zero) < 1e-4
