"""The whole batch's gradient, also where it passes in parts or is computed twice to save memory."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from tests.training.small import small_recipe
from torch import Tensor

from delineate.errors import RecipeError
from delineate.recipe import NetworkRecipe, Recipe, Stage
from delineate.training.gradients import checkpoint_blocks
from delineate.training.step import Learner


def batch(size: int = 6) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    labels = torch.zeros(size, 32, 32, dtype=torch.uint8)
    for row in range(size):
        labels[row, 4 : 8 + 3 * row, 6:20] = 1  # images differ in foreground: a mean of Dice over parts is another number
    return labels[:, None].float() + 0.3 * torch.randn(size, 1, 32, 32, generator=generator), labels


def recipe_of(network: dict[str, Any], name: str = "unet", **training: Any) -> Recipe:
    plain = small_recipe(**{"stages": (Stage(size=(32, 32), batch=6),), "loss": "dice+ce", "clip_norm": None, **training})
    return plain.model_copy(update={"network": NetworkRecipe(name=name, options=network)})


def stepped(recipe: Recipe, steps: int = 1) -> tuple[list[float | None], dict[str, Tensor], list[Tensor]]:
    """Losses, state and the last gradients after some steps on one batch."""
    learner = Learner(recipe)
    images, labels = batch()
    losses = [learner.step(images, labels, number, 1e-3) for number in range(steps)]
    gradients = [p.grad.clone() for p in learner.network.parameters() if p.grad is not None]
    return losses, {k: v.clone() for k, v in learner.network.state_dict().items()}, gradients


@pytest.mark.parametrize("parts", [2, 3, 5, 99])
@pytest.mark.parametrize(("name", "norm"), [("unet", "group"), ("unet", "none"), ("unetplusplus", "instance")])
def test_parts_give_the_gradient_of_the_whole(name: str, norm: str, parts: int) -> None:
    network = {"widths": (4, 8), "norm": norm}
    whole, _, wanted = stepped(recipe_of(network, name))
    pieces, _, found = stepped(recipe_of(network, name, accumulate=parts))
    assert pieces == pytest.approx(whole, rel=1e-5)
    largest = max(float(g.abs().max()) for g in wanted)
    for one, other in zip(found, wanted, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-5 * largest)


def test_running_statistics_move_once_per_part() -> None:
    _, state, _ = stepped(recipe_of({"widths": (4, 8)}, accumulate=3), steps=2)
    assert int(state["encoder.blocks.0.first.1.num_batches_tracked"]) == 6


def test_parts_repeat_with_the_seed_and_drop_alike_in_both_passes() -> None:
    recipe = recipe_of({"widths": (4, 8), "dropout": 0.5, "norm": "group"}, accumulate=2)
    first, again = stepped(recipe, 3), stepped(recipe, 3)
    assert first[0] == again[0]
    for name, tensor in first[1].items():
        assert torch.equal(tensor, again[1][name])
    learner = Learner(recipe)
    images, labels = batch()
    told = learner.step(images, labels, 0, 0.0)
    learner.network.train()
    seen = []
    for part, piece in enumerate(images.tensor_split(2)):  # what the second pass of step 0 answered
        learner._seed(0, part)
        seen.append(learner.network(piece))
    assert told == pytest.approx(learner.loss(torch.cat(seen), labels).item(), rel=1e-5)


def saved_bytes(learner: Learner) -> int:
    """Bytes kept for the way back: what the peak of a step is made of."""
    kept: dict[int, int] = {}

    def keep(tensor: Tensor) -> Tensor:
        if not isinstance(tensor, torch.nn.Parameter):
            kept[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    images, labels = batch()
    learner.network.train()
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        loss = learner.loss(learner.network(images), labels)
    del loss
    return sum(kept.values())


@pytest.mark.parametrize("name", ["unet", "resunet", "attention_unet", "unetplusplus"])
def test_checkpoints_keep_the_gradient_and_less_memory(name: str) -> None:
    network: dict[str, Any] = {"widths": (8, 16, 16)}
    plain = stepped(recipe_of(network, name), steps=2)
    saving = stepped(recipe_of(network, name, checkpoint_activations=True), steps=2)
    assert saving[0] == pytest.approx(plain[0], rel=1e-4)
    for key, tensor in plain[1].items():
        torch.testing.assert_close(saving[1][key].float(), tensor.float(), rtol=1e-3, atol=1e-4)
    less, more = (saved_bytes(Learner(recipe_of(network, name, checkpoint_activations=on, ema=0.0))) for on in (True, False))
    assert less < 0.6 * more


def test_checkpoints_and_parts_together() -> None:
    network = {"widths": (4, 8), "norm": "group"}
    plain = stepped(recipe_of(network))[2]
    both = stepped(recipe_of(network, accumulate=3, checkpoint_activations=True))[2]
    for one, other in zip(both, plain, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-5)


def test_a_network_without_our_blocks() -> None:
    with pytest.raises(RecipeError, match="accumulate"):
        checkpoint_blocks(torch.nn.Conv2d(1, 1, 1))


def test_the_averaged_network_is_a_plain_copy() -> None:
    learner = Learner(recipe_of({"widths": (4, 8)}, checkpoint_activations=True))
    images, labels = batch()
    learner.step(images, labels, 0, 1e-2)
    ours, theirs = (network.eval()(images) for network in (learner.averaged, learner.network))
    assert not torch.equal(ours, theirs), "two networks, not one"
