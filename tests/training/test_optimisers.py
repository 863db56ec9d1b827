"""Optimisers: what they compute, which parameters they treat apart, and that older recipes stay what they were."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest
import torch
from tests.training.small import small_recipe
from torch import nn

from delineate.errors import RecipeError
from delineate.recipe import NetworkRecipe, Training
from delineate.training.optimisers import LookaheadRAdam, make_optimiser
from delineate.training.step import Learner

NAMES = ("adamw", "adam", "sgd", "radam", "lookahead_radam", "muon")


def quadratic(weight: nn.Parameter, optimiser: torch.optim.Optimizer) -> None:
    optimiser.zero_grad()
    (weight**2).sum().backward()
    optimiser.step()


def test_lookahead_by_its_definition() -> None:
    """Zhang et al. 2019, algorithm 1: k = 6 fast steps, then slow += (fast - slow) / 2 and fast = slow."""
    begin = torch.tensor([1.0, -2.0, 3.0])
    weight, fast = nn.Parameter(begin.clone()), nn.Parameter(begin.clone())
    ours, plain = LookaheadRAdam([weight], lr=0.1), torch.optim.RAdam([fast], lr=0.1)
    slow = begin.clone()
    for number in range(1, 20):
        quadratic(weight, ours)
        quadratic(fast, plain)
        if number % 6 == 0:
            slow += 0.5 * (fast.detach() - slow)
            fast.data.copy_(slow)
        torch.testing.assert_close(weight.detach(), fast.detach())


@pytest.mark.parametrize("name", NAMES)
def test_going_on_from_a_saved_state_is_never_having_stopped(name: str) -> None:
    recipe = small_recipe(optimiser=name)
    images, labels = torch.randn(2, 1, 32, 32), torch.randint(0, 2, (2, 32, 32), dtype=torch.uint8)
    straight = Learner(recipe)
    for step in range(4):
        straight.step(images, labels, step, 1e-3)
    saved = copy.deepcopy(straight.state())
    resumed = Learner(recipe)
    resumed.restore(saved)
    for learner in (straight, resumed):
        for step in range(4, 9):
            assert learner.step(images, labels, step, 1e-3) is not None
    for one, two in zip(straight.network.parameters(), resumed.network.parameters(), strict=True):
        assert torch.equal(one, two)


def test_older_recipes_keep_their_digest_and_their_groups() -> None:
    assert not {"encoder_lr", "encoder_weight_decay"} & Training().model_dump().keys()
    used = Training(encoder_lr=0.1, encoder_weight_decay=1e-3)
    assert Training.model_validate(used.model_dump(mode="json")) == used
    network = Learner(small_recipe()).network
    groups = make_optimiser(network, Training()).param_groups
    assert [group["weight_decay"] for group in groups] == [1e-2, 0.0]
    assert all("lr_factor" not in group for group in groups)


def test_the_encoder_apart() -> None:
    recipe = small_recipe(encoder_lr=0.1, encoder_weight_decay=0.5, optimiser="radam")
    learner = Learner(recipe)
    encoder: Any = learner.network.encoder
    inside = {id(p) for p in encoder.parameters()}
    images, labels = torch.randn(2, 1, 32, 32), torch.randint(0, 2, (2, 32, 32), dtype=torch.uint8)
    learner.step(images, labels, 0, 1e-2)
    seen = 0
    for group in learner.optimiser.param_groups:
        within = {id(p) in inside for p in group["params"]}
        assert len(within) == 1
        encoders = within.pop()
        assert group["lr"] == pytest.approx(1e-3 if encoders else 1e-2)
        assert group["weight_decay"] in ((0.5, 0.0) if encoders else (recipe.training.weight_decay, 0.0))
        seen += len(group["params"])
    assert seen == len(list(learner.network.parameters()))


def test_an_encoder_still_at_zero_does_not_move() -> None:
    learner = Learner(small_recipe(encoder_lr=0.0))
    encoder: Any = learner.network.encoder
    before = [p.detach().clone() for p in encoder.parameters()]
    learner.step(torch.randn(2, 1, 32, 32), torch.randint(0, 2, (2, 32, 32), dtype=torch.uint8), 0, 1e-2)
    assert all(torch.equal(a, b) for a, b in zip(before, encoder.parameters(), strict=True))


def test_no_encoder_no_encoder_rate() -> None:
    with pytest.raises(RecipeError, match="encoder_lr"):
        make_optimiser(nn.Conv2d(1, 1, 1), Training(encoder_lr=0.1))


@pytest.mark.parametrize("heads", ["each", "average"])
def test_deep_supervision_in_training_and_the_mean_in_validation(heads: str) -> None:
    network = NetworkRecipe(name="unetplusplus", options={"widths": [4, 6, 8], "heads": heads})
    recipe = small_recipe().model_copy(update={"network": network})
    learner = Learner(recipe)
    images, labels = torch.randn(2, 1, 32, 32), torch.randint(0, 2, (2, 32, 32), dtype=torch.uint8)
    trained: Any = copy.deepcopy(learner.network).train()
    found = trained.each_head(images) if heads == "each" else [trained(images)]
    wanted = float(np.mean([learner.loss(one, labels).item() for one in found]))
    assert learner.step(images, labels, 0, 1e-3) == pytest.approx(wanted, rel=1e-5)
    assert learner.averaged.eval()(images).shape == (2, 1, 32, 32)
