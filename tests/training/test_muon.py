"""Muon: what a step is, which weights it is for, and that the rest is plain AdamW."""

from __future__ import annotations

import copy
import math

import numpy as np
import pytest
import torch
from tests.training.small import small_recipe
from torch import Tensor, nn

from delineate.models import build
from delineate.planning.draft import MUON_RATE
from delineate.recipe import NetworkRecipe, Training
from delineate.training.muon import Muon, is_matrix, orthogonalised
from delineate.training.optimisers import make_optimiser
from delineate.training.step import Learner


def matrix(rows: int, columns: int, smallest: float = 1e-2) -> Tensor:
    """Random singular vectors, singular values 1 … ``smallest``."""
    generator = torch.Generator().manual_seed(rows * 1000 + columns)
    least = min(rows, columns)
    left = torch.linalg.qr(torch.randn(rows, least, generator=generator))[0]
    right = torch.linalg.qr(torch.randn(columns, least, generator=generator))[0]
    return left @ torch.diag(torch.logspace(0, math.log10(smallest), least)) @ right.T


def iterated(m: Tensor) -> Tensor:
    """Jordan's iteration as it is written down, in double precision."""
    x = m.double() / m.double().norm()
    for _ in range(5):
        square = x @ x.T
        x = 3.4445 * x + (-4.7750 * square + 2.0315 * square @ square) @ x
    return x


@pytest.mark.parametrize("shape", [(16, 144), (64, 576), (48, 48), (16, 16)])
def test_the_short_way_is_the_iteration(shape: tuple[int, int]) -> None:
    torch.testing.assert_close(orthogonalised(matrix(*shape)).double(), iterated(matrix(*shape)), atol=1e-4, rtol=0)
    torch.testing.assert_close(orthogonalised(matrix(*shape).T), orthogonalised(matrix(*shape)).T, atol=2e-4, rtol=0)


@pytest.mark.parametrize("shape", [(32, 288), (288, 32), (40, 40)])
def test_directions_stay_and_their_lengths_become_alike(shape: tuple[int, int]) -> None:
    m = matrix(*shape)
    found = orthogonalised(m)
    values = torch.linalg.svdvals(found)
    assert float(values.min()) > 0.6 and float(values.max()) < 1.25
    left, _, right = torch.linalg.svd(m, full_matrices=False)
    turned = left.T @ found @ right.T  # diagonal where the singular vectors are the same
    assert float((turned - torch.diag(turned.diagonal())).abs().max()) < 1e-3
    assert float(turned.diagonal().min()) > 0.6


def test_nothing_in_nothing_out() -> None:
    assert torch.equal(orthogonalised(torch.zeros(16, 32)), torch.zeros(16, 32))


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_a_step_has_adams_size_and_does_not_depend_on_memory_order(layout: torch.memory_format) -> None:
    generator = torch.Generator().manual_seed(0)
    begin, gradient = (torch.randn(32, 16, 3, 3, generator=generator) for _ in range(2))
    weight = nn.Parameter(begin.clone().contiguous(memory_format=layout))
    weight.grad = gradient.clone().contiguous(memory_format=layout)
    optimiser = Muon([{"params": [weight], "orthogonal": True, "weight_decay": 0.1}], lr=0.01)
    optimiser.step()
    moved = begin * (1 - 0.01 * 0.1) - weight.detach()
    # the first momentum is a multiple of the gradient, so the step is the gradient's own orthogonal matrix
    flat = moved.permute(0, 2, 3, 1).reshape(32, -1)
    expected = orthogonalised(gradient.permute(0, 2, 3, 1).reshape(32, -1))
    torch.testing.assert_close(flat / flat.norm(), expected / expected.norm(), atol=1e-4, rtol=1e-3)
    assert torch.equal(weight.grad, gradient)  # given back


def test_small_and_large_gradients_make_the_same_step() -> None:
    found = []
    for scale in (1e-4, 1e3):
        weight = nn.Parameter(torch.zeros(16, 16, 3, 3))
        weight.grad = scale * torch.randn(16, 16, 3, 3, generator=torch.Generator().manual_seed(1))
        Muon([{"params": [weight], "orthogonal": True, "weight_decay": 0.0}], lr=0.01).step()
        found.append(weight.detach())
    torch.testing.assert_close(found[0], found[1], atol=1e-5, rtol=1e-3)


def test_all_else_is_adamw() -> None:
    torch.manual_seed(0)
    ours = nn.Sequential(nn.Conv2d(1, 16, 3), nn.Conv2d(16, 16, 3), nn.BatchNorm2d(16), nn.Conv2d(16, 1, 1))
    theirs = copy.deepcopy(ours)
    training = Training(optimiser="muon")
    muon, adamw = make_optimiser(ours, training), make_optimiser(theirs, training.model_copy(update={"optimiser": "adamw"}))
    for step in range(3):
        images = torch.randn(2, 1, 16, 16, generator=torch.Generator().manual_seed(step))
        for network, optimiser in ((ours, muon), (theirs, adamw)):
            optimiser.zero_grad()
            network(images).square().mean().backward()
        for mine, other in zip(ours.parameters(), theirs.parameters(), strict=True):
            assert mine.grad is not None
            other.grad = mine.grad.clone()  # the same gradients, so that only the rule differs
        muon.step()
        adamw.step()
    for (name, mine), other in zip(ours.named_parameters(), theirs.parameters(), strict=True):
        assert torch.equal(mine, other) == (name != "1.weight"), name


def test_which_weights_are_matrices() -> None:
    network = build(NetworkRecipe(name="unet", options={"widths": [16, 32, 64], "decoder": "transposed"}), 3, 1)
    apart = {name for name, p in network.named_parameters() if p.ndim == 4 and not is_matrix(p)}
    assert {p.shape[:2] for name, p in network.named_parameters() if name in apart} == {(16, 3), (1, 16)}
    depthwise = nn.Conv2d(64, 64, 3, groups=64)
    assert not is_matrix(depthwise.weight) and not any(is_matrix(p) for p in nn.BatchNorm2d(64).parameters())


def test_a_network_without_matrices_is_trained_too() -> None:
    learner = Learner(small_recipe(optimiser="muon"))  # widths of 4 and 8
    images, labels = torch.randn(2, 1, 32, 32), torch.randint(0, 2, (2, 32, 32), dtype=torch.uint8)
    assert learner.step(images, labels, 0, 1e-3) is not None


@pytest.mark.parametrize("rate", [1.0, 0.1])
def test_groups_keep_their_rates_and_decays(rate: float) -> None:
    network = build(NetworkRecipe(name="unet", options={"widths": [16, 32, 64]}), 1, 1)
    groups = make_optimiser(network, Training(optimiser="muon", encoder_lr=rate, weight_decay=0.03)).param_groups
    assert sorted(id(p) for group in groups for p in group["params"]) == sorted(id(p) for p in network.parameters())
    for group in groups:
        assert {is_matrix(p) for p in group["params"]} == {group["orthogonal"]}
        assert group["weight_decay"] == (0.03 if any(p.ndim > 1 for p in group["params"]) else 0.0)
        assert group.get("lr_factor", 1.0) in (1.0, rate)


def test_it_learns_in_fewer_steps_than_adamw() -> None:
    """Discs in noise, at the rate the plan takes: the mean loss of the last of 64 steps."""
    rng = np.random.default_rng(0)
    rows, columns = np.mgrid[:32, :32]
    truth = np.stack([(rows - r) ** 2 + (columns - c) ** 2 < 40 for r, c in rng.integers(8, 24, (64, 2))])
    images = torch.from_numpy((truth + rng.normal(0, 1.0, truth.shape))[:, None]).float()
    labels = torch.from_numpy(truth.astype(np.uint8))
    loss = {}
    for name in ("adamw", "muon"):
        recipe = small_recipe(optimiser=name).model_copy(
            update={"network": NetworkRecipe(name="unet", options={"widths": [16, 32, 64]})}
        )
        learner, found = Learner(recipe), []
        for step in range(64):
            some = slice(8 * step % 64, 8 * step % 64 + 8)
            found.append(learner.step(images[some], labels[some], step, MUON_RATE))
        loss[name] = float(np.mean(np.array(found[-8:], dtype=float)))
    assert loss["muon"] < 0.9 * loss["adamw"], loss
