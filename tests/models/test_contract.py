"""What every network keeps, with every loss and every kind of labels (rule 1: networks return logits, always)."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from delineate.domain import IGNORE, LabelSet
from delineate.losses import losses, make_loss
from delineate.models import build, networks
from delineate.recipe import NetworkRecipe

TINY = {"widths": (4, 8, 8)}
#: What makes a network tiny where widths alone do not.
SMALL = {
    "resunet": {**TINY, "blocks": (1, 2)},
    "resnet34_unet": {"base": 4, "widths": (4, 4, 4, 8, 8), "blocks": (1, 1, 1, 1)},
}
NETWORKS: dict[str, NetworkRecipe] = {
    name: NetworkRecipe(name=name, options=SMALL.get(name, TINY)) for name in networks.names()
} | {
    "instance": NetworkRecipe(options={**TINY, "norm": "instance"}),
    "group": NetworkRecipe(options={**TINY, "norm": "group", "decoder": "transposed"}),
    "without norm": NetworkRecipe(options={**TINY, "norm": "none"}),
    "residual": NetworkRecipe(options={**TINY, "residual": True, "dropout": 0.2}),
    "frozen": NetworkRecipe(options={**TINY, "freeze_norm": True, "decoder": "transposed"}),
    "one level": NetworkRecipe(options={"widths": (6,)}),
    "blocks of pixels": NetworkRecipe(options={"widths": (8, 16, 16), "block": 2, "decoder": "transposed"}),
    "large blocks": NetworkRecipe(options={"widths": (24, 24), "block": 4}),
    "simple gates": NetworkRecipe(name="attention_unet", options={**TINY, "gate": "simple", "decoder": "transposed"}),
    "residual, instance": NetworkRecipe(name="resunet", options={**TINY, "norm": "instance", "dropout": 0.2}),
    "frozen resnet": NetworkRecipe(name="resnet34_unet", options={**SMALL["resnet34_unet"], "freeze_norm": True}),
    "unet++ by its mean": NetworkRecipe(name="unetplusplus", options={**TINY, "heads": "average", "decoder": "transposed"}),
    "unet++ with one head": NetworkRecipe(name="unetplusplus", options={**TINY, "heads": "last", "norm": "group"}),
}
LABELS = {
    "binary": LabelSet(),
    "two maps": LabelSet(kind="exclusive", names=("lung",)),
    "exclusive": LabelSet(kind="exclusive", names=("left", "right")),
    "regions": LabelSet(kind="regions", names=("whole", "core")),
}
PAIRS = [
    (loss, kind)
    for loss in losses.names()
    for kind in LABELS
    if not (kind == "exclusive" and loss in ("bce", "bce_dice", "calc", "lovasz_hinge"))  # refused, see tests/losses
]
#: Every network by its name with every loss; its variants with one.
COMBINATIONS = [(name, loss, kind) for name in NETWORKS for loss, kind in PAIRS if name in networks or loss == "dice"]
#: What learns outlines only beside an overlap term.
TOGETHER = {"cldice": "0.5*dice+0.5*cldice"}


@pytest.fixture(autouse=True)
def one_thread_and_seed() -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)


def scene(labels: LabelSet, size: tuple[int, int], batch: int = 4) -> tuple[torch.Tensor, torch.Tensor]:
    """Images with a bright and a very bright box in noise, and their labels."""
    rng = np.random.default_rng(3)
    truth = np.zeros((batch, *size), dtype=np.int64)
    for i in range(batch):
        row, column = 2 + i, 3 + i
        truth[i, row : row + size[0] // 2, column : column + size[1] // 3] = 1
        truth[i, row + 2 : row + size[0] // 3, column + 2 : column + size[1] // 4] = 2
    image = torch.from_numpy((truth + 0.1 * rng.standard_normal(truth.shape)).astype(np.float32)).unsqueeze(1)
    if labels.kind == "regions":
        return image, torch.from_numpy(np.stack([truth > 0, truth > 1], axis=1).astype(np.uint8))
    return image, torch.from_numpy(np.minimum(truth, labels.classes).astype(np.uint8))


def scene_dice(logits: torch.Tensor, target: torch.Tensor, labels: LabelSet) -> float:
    """Mean Dice over the classes, by the label set's own decision, as prediction does it."""
    scores = []
    decided = np.stack([labels.decide(labels.probabilities(one)) for one in logits.detach().float().numpy()])
    for label in range(1, labels.classes + 1):
        found = np.stack([labels.one_class(one, label) for one in decided])
        true = np.stack([labels.one_class(one, label) for one in target.numpy()])
        scores.append(2 * (found & true).sum() / (found.sum() + true.sum()))
    return float(np.mean(scores))


def fit(network: nn.Module, expression: str, labels: LabelSet, steps: int = 150) -> float:
    image, target = scene(labels, (18, 22))
    loss = make_loss(expression, labels)
    optimiser = torch.optim.Adam(network.parameters(), lr=1e-2)
    network.train()
    for step in range(steps):
        optimiser.zero_grad()
        loss(network(image), target).backward()
        optimiser.step()
        if step % 15 == 14:
            with torch.no_grad():
                score = scene_dice(network.eval()(image), target, labels)
            network.train()
            if score > 0.95:
                return score
    return score


@pytest.mark.parametrize("size", [(37, 53), (16, 16), (1, 1), (3, 40)], ids=str)
@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("name", NETWORKS)
def test_any_size_gives_logits_of_that_size(name: str, batch: int, size: tuple[int, int]) -> None:
    network = build(NETWORKS[name], 3, 2)
    image = torch.randn(batch, 3, *size)
    trained = network.train()(image)
    with torch.no_grad():
        evaluated = network.eval()(image)
    assert trained.shape == evaluated.shape == (batch, 2, *size)
    assert torch.isfinite(trained).all()
    assert torch.isfinite(evaluated).all()


@pytest.mark.parametrize("name", NETWORKS)
def test_outputs_are_logits(name: str) -> None:
    """The last operation is linear: doubling the head doubles the output, which no sigmoid or softmax survives."""
    network = build(NETWORKS[name], 1, 2).eval()
    image = torch.randn(2, 1, 37, 53)
    with torch.no_grad():
        before = network(image)
        for parameter in network.head.parameters():
            parameter *= 100
        after = network(image)
    torch.testing.assert_close(after, before * 100, rtol=1e-4, atol=1e-3)
    assert after.min() < 0
    assert after.max() > 1


@pytest.mark.parametrize(("name", "expression", "kind"), COMBINATIONS)
def test_every_network_with_every_loss_and_label_kind(name: str, expression: str, kind: str) -> None:
    labels = LABELS[kind]
    network = build(NETWORKS[name], 1, labels.channels)
    image, target = scene(labels, (37, 53), batch=2)
    target[:, ..., :2] = IGNORE
    loss = make_loss(expression, labels)(network(image), target)
    assert loss.shape == ()
    assert loss.dtype == torch.float32
    assert torch.isfinite(loss)
    loss.backward()
    for key, parameter in network.named_parameters():
        assert parameter.grad is not None, key
        assert torch.isfinite(parameter.grad).all(), key
        assert parameter.grad.abs().sum() > 0, key


@pytest.mark.parametrize(("expression", "kind"), PAIRS)
def test_every_loss_learns_four_images(expression: str, kind: str) -> None:
    labels = LABELS[kind]
    steps = 300 if expression in TOGETHER else 150  # half of that loss says nothing of thickness: it takes longer
    assert fit(build(NETWORKS["unet"], 1, labels.channels), TOGETHER.get(expression, expression), labels, steps) > 0.95


@pytest.mark.parametrize("name", NETWORKS)
def test_every_network_learns_four_images(name: str) -> None:
    labels = LABELS["exclusive"]
    assert fit(build(NETWORKS[name], 1, labels.channels), "dice+ce", labels, steps=300) > 0.95


@pytest.mark.parametrize("heads", ["each", "average", "last"])
@pytest.mark.parametrize("expression", ["soft_iou", "bce_dice", "dice"])
def test_unetplusplus_does_not_collapse(expression: str, heads: str) -> None:
    """R2's UNet++ came to 0.024 and its Soft IoU lost 4 points through a sigmoid that was missing, or there twice."""
    labels = LABELS["binary"]
    network = build(NetworkRecipe(name="unetplusplus", options={**TINY, "heads": heads}), 1, labels.channels)
    assert fit(network, expression, labels, steps=300) > 0.95


@pytest.mark.slow  # some minutes: every network by its name, every loss, every kind of labels; ends as soon as it has learned
@pytest.mark.parametrize(("name", "expression", "kind"), [(n, loss, k) for n in networks.names() for loss, k in PAIRS])
def test_every_network_learns_four_images_with_every_loss(name: str, expression: str, kind: str) -> None:
    labels = LABELS[kind]
    assert fit(build(NETWORKS[name], 1, labels.channels), TOGETHER.get(expression, expression), labels, steps=3000) > 0.95


@pytest.mark.slow  # compiling takes a minute
@pytest.mark.parametrize("name", ["unet", "unetplusplus"])
def test_compiled_answers_are_the_networks(name: str) -> None:
    network = build(NETWORKS[name], 1, 1).eval()
    image = torch.randn(2, 1, 32, 40)
    try:
        compiled = torch.compile(network)(image)
    except Exception as error:  # whatever the compiler misses on this machine
        pytest.skip(f"nothing can be compiled here: {type(error).__name__}")
    torch.testing.assert_close(compiled, network(image), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("name", NETWORKS)
def test_bf16_autocast_and_channels_last(name: str) -> None:
    network = build(NETWORKS[name], 1, 1).to(memory_format=torch.channels_last)
    image, target = scene(LABELS["binary"], (37, 53))
    with torch.autocast("cpu", torch.bfloat16):
        logits = network(image.to(memory_format=torch.channels_last))
        loss = make_loss("dice+ce", LABELS["binary"])(logits, target)
    assert logits.dtype == torch.bfloat16
    assert loss.dtype == torch.float32
    loss.backward()
    assert all(torch.isfinite(p.grad).all() for p in network.parameters() if p.grad is not None)
    with torch.no_grad():
        exact = network.eval()(image)
        with torch.autocast("cpu", torch.bfloat16):
            rounded = network(image)
    assert (rounded.float() - exact).abs().mean() < 0.1 * exact.abs().mean()  # bfloat16 has 8 bits; norms over few values magnify


@pytest.mark.skipif(
    torch.backends.cpu.get_cpu_capability() == "AVX2" and torch.__version__ < "2.15",
    reason="torch 2.14.1 dies of SIGFPE or abort in convolutions' gradients (AVX2, channels_last, maps of a few pixels)",
)
@pytest.mark.parametrize("batch", [1, 2])
@pytest.mark.parametrize("name", NETWORKS)
def test_gradients_do_not_depend_on_memory_order(name: str, batch: int) -> None:
    """In double precision and plain order against what training does; a single image too (torch's instance_norm failed there)."""
    network = build(NETWORKS[name], 1, 2)
    for layer in network.modules():
        if isinstance(layer, nn.Dropout2d):
            layer.p = 0.0
    exact = copy.deepcopy(network).double()
    network.to(memory_format=torch.channels_last)
    image, weight = torch.randn(batch, 1, 20, 24), torch.randn(batch, 2, 20, 24)
    exact(image.double()).backward(weight.double())
    network(image.to(memory_format=torch.channels_last)).backward(weight)
    largest = max(float(p.grad.abs().max()) for p in exact.parameters() if p.grad is not None)
    for key, (ours, theirs) in zip(
        dict(network.named_parameters()), zip(network.parameters(), exact.parameters(), strict=True), strict=True
    ):
        assert ours.grad is not None
        assert theirs.grad is not None
        assert float((ours.grad - theirs.grad).abs().max()) < 1e-3 * largest, key


@pytest.mark.parametrize("name", NETWORKS)
def test_training_stays_channels_last(name: str) -> None:
    """A layer that falls back to plain memory order would cost copies all the way."""
    network = build(NETWORKS[name], 3, 8).to(memory_format=torch.channels_last)
    image: Any = torch.randn(2, 3, 32, 32).to(memory_format=torch.channels_last)
    assert network(image).is_contiguous(memory_format=torch.channels_last)
