"""Every term against an oracle in plain float64 numpy, ignored pixels and empty masks included."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from delineate.domain import IGNORE, LabelSet
from delineate.losses import losses, make_loss

LABELS = {
    "binary": LabelSet(),
    "two maps": LabelSet(kind="exclusive", names=("lung",)),
    "exclusive": LabelSet(kind="exclusive", names=("left", "right", "trachea")),
    "regions": LabelSet(kind="regions", names=("whole", "core")),
}
YES_OR_NO = ("bce", "bce_dice", "calc", "lovasz_hinge")
PAIRS = [(name, kind) for name in losses.names() for kind in LABELS if not (kind == "exclusive" and name in YES_OR_NO)]
#: Terms that look at each pixel alike wherever it lies; ``cldice`` looks at shapes (test_shape.py).
POINTWISE = [pair for pair in PAIRS if pair[0] != "cldice"]
Array = NDArray[Any]


def draw(kind: str, seed: int, size: tuple[int, int] = (7, 5), batch: int = 3, ignored: float = 0.2) -> tuple[Array, Array]:
    labels, rng = LABELS[kind], np.random.default_rng(seed)
    logits = 3 * rng.standard_normal((batch, labels.channels, *size))
    shape = (batch, labels.channels, *size) if kind == "regions" else (batch, *size)
    target = rng.integers(0, 2 if kind == "regions" else labels.classes + 1, shape)
    target[rng.random(shape) < ignored] = IGNORE
    return logits.astype(np.float32), target.astype(np.uint8)


def pixels(logits: Array, target: Array, labels: LabelSet) -> tuple[list[Array], list[Array], list[float]]:
    """Per output channel: probabilities and 0/1 truth of the pixels that count; and -log p of the truth of all of them."""
    probabilities: list[list[float]] = [[] for _ in range(labels.channels)]
    truths: list[list[float]] = [[] for _ in range(labels.channels)]
    entropies: list[float] = []
    batch, _, rows, columns = logits.shape
    for b, r, c in np.ndindex(batch, rows, columns):
        z = logits[b, :, r, c].astype(np.float64)
        if labels.kind == "exclusive":
            if target[b, r, c] == IGNORE:
                continue
            p = np.exp(z - z.max()) / np.exp(z - z.max()).sum()
            t = np.eye(labels.channels)[target[b, r, c]]
            entropies.append(-np.log(p[target[b, r, c]]))
            for k in range(labels.channels):
                probabilities[k].append(p[k])
                truths[k].append(t[k])
        else:
            for k in range(labels.channels):
                value = target[b, k, r, c] if labels.kind == "regions" else target[b, r, c]
                if value == IGNORE:
                    continue
                q = 1 / (1 + np.exp(-z[k]))
                probabilities[k].append(q)
                truths[k].append(float(value))
                entropies.append(-np.log(q if value else 1 - q))
    return [np.array(p) for p in probabilities], [np.array(t) for t in truths], entropies


def set_extension(errors: Array, truth: Array) -> float:
    """The Lovász extension by its definition (Berman et al. 2018, eq. 8): the Jaccard loss of growing sets of mistakes."""

    def jaccard_loss(mistaken: set[int]) -> float:
        true = {i for i in range(len(truth)) if truth[i]}
        return len(mistaken) / len(true | mistaken) if true | mistaken else 0.0

    total, mistaken, before = 0.0, set[int](), 0.0
    for i in np.argsort(-errors, kind="stable"):
        mistaken = mistaken | {int(i)}
        now = jaccard_loss(mistaken)
        total, before = total + errors[i] * (now - before), now
    return total


def oracle(name: str, logits: Array, target: Array, labels: LabelSet, background: bool = False) -> float:
    p, t, entropies = pixels(logits, target, labels)
    entropy = np.array(entropies)
    first = 1 if labels.kind == "exclusive" and not background else 0
    per_class = []
    for a, b in list(zip(p, t, strict=True))[first:]:
        hit, false_positive, missed = (a * b).sum(), (a * (1 - b)).sum(), ((1 - a) * b).sum()
        per_class.append(
            {
                "dice": (2 * hit + 1) / (a.sum() + b.sum() + 1),
                "soft_iou": (hit + 1) / (hit + false_positive + missed + 1),
                "tversky": (hit + 1) / (hit + 0.3 * false_positive + 0.7 * missed + 1),
                "lovasz": 1 - set_extension(abs(a - b), b),
            }
        )
        per_class[-1]["focal_tversky"] = 1 - (1 - per_class[-1]["tversky"]) ** 0.75
    if name == "lovasz_hinge":
        answers = [np.log(a / (1 - a)) for a in p][first:]  # of two maps: the difference of their logits
        hinges = [np.maximum(1 - z * (2 * b - 1), 0) for z, b in zip(answers, t[first:], strict=True)]
        return float(np.mean([set_extension(errors, b) for errors, b in zip(hinges, t[first:], strict=True)]))
    if name in ("ce", "bce"):
        return float(entropy.mean())
    if name == "focal":
        return float(((1 - np.exp(-entropy)) ** 2 * entropy).mean())
    if name in ("bce_dice", "calc"):
        return 0.5 * float(entropy.mean()) + 0.5 * (1 - float(np.mean([s["dice"] for s in per_class])))
    return 1 - float(np.mean([s[name] for s in per_class]))


def value(name: str, logits: Array, target: Array, labels: LabelSet, **options: Any) -> float:
    return float(make_loss(name, labels, **options)(torch.from_numpy(logits), torch.from_numpy(target)))


@pytest.mark.parametrize(("name", "kind"), POINTWISE)
@pytest.mark.parametrize("ignored", [0.0, 0.3])
def test_oracle(name: str, kind: str, ignored: float) -> None:
    for seed in range(3):
        logits, target = draw(kind, seed, ignored=ignored)
        assert value(name, logits, target, LABELS[kind]) == pytest.approx(oracle(name, logits, target, LABELS[kind]), rel=1e-5)


@pytest.mark.parametrize("name", ["dice", "soft_iou", "tversky", "focal_tversky", "lovasz"])
def test_background_counts_only_when_asked(name: str) -> None:
    logits, target = draw("exclusive", 1)
    with_background = value(name, logits, target, LABELS["exclusive"], background_in_dice=True)
    assert with_background == pytest.approx(oracle(name, logits, target, LABELS["exclusive"], background=True), rel=1e-5)
    assert with_background != pytest.approx(value(name, logits, target, LABELS["exclusive"]), rel=1e-3)


def extreme(target: Array, labels: LabelSet, size: float = 20.0) -> Array:
    """Logits ±``size`` that say exactly the truth."""
    if labels.kind == "exclusive":
        truth = np.stack([target == c for c in range(labels.channels)], axis=1)
    else:
        truth = target == 1 if labels.kind == "regions" else (target == 1)[:, None]
    return np.where(truth, size, -size).astype(np.float32)


@pytest.mark.parametrize(("name", "kind"), PAIRS)
@pytest.mark.parametrize("size", [(16, 16), (64, 64)], ids=str)
def test_sure_and_right_is_zero_so_no_second_sigmoid(name: str, kind: str, size: tuple[int, int]) -> None:
    """R2's mistake: a sigmoid before a loss that has its own lets probabilities reach 0.73 at most, and the loss 0.3 at least."""
    _, target = draw(kind, 2, size)
    assert value(name, extreme(target, LABELS[kind]), target, LABELS[kind]) < 1e-3
    assert value(name, -extreme(target, LABELS[kind]), target, LABELS[kind]) > 0.3


@pytest.mark.parametrize(("name", "kind"), POINTWISE)
def test_empty_masks(name: str, kind: str) -> None:
    """Nothing there and nothing found is perfect; something found is not, and the gradient says so."""
    _, target = draw(kind, 0)
    target = np.zeros_like(target)
    assert value(name, extreme(target, LABELS[kind]), target, LABELS[kind]) < 1e-3
    logits = torch.zeros(3, LABELS[kind].channels, 7, 5, requires_grad=True)
    loss = make_loss(name, LABELS[kind])(logits, torch.from_numpy(target))
    loss.backward()
    assert loss > 0.05
    assert logits.grad is not None
    foreground = logits.grad[:, 1:] if LABELS[kind].kind == "exclusive" else logits.grad
    assert (foreground >= 0).all()
    assert (foreground > 0).any() if name.startswith("lovasz") else (foreground > 0).all()  # Lovász: the worst pixel first


@pytest.mark.parametrize(("name", "kind"), PAIRS)
def test_all_ignored_is_zero_with_zero_gradient(name: str, kind: str) -> None:
    logits, target = draw(kind, 0, ignored=1.1)
    tensor = torch.from_numpy(logits).requires_grad_()
    loss = make_loss(name, LABELS[kind])(tensor, torch.from_numpy(target))
    loss.backward()
    assert loss.item() == 0
    assert tensor.grad is not None
    assert (tensor.grad == 0).all()


@pytest.mark.parametrize(("name", "kind"), PAIRS)
def test_ignored_pixels_change_nothing(name: str, kind: str) -> None:
    logits, target = draw(kind, 5)
    before = value(name, logits, target, LABELS[kind])
    ignored = np.broadcast_to(target == IGNORE if kind == "regions" else (target == IGNORE)[:, None], logits.shape)
    assert ignored.any()
    changed = np.where(ignored, 7 - logits, logits)
    assert value(name, changed, target, LABELS[kind]) == pytest.approx(before, rel=1e-6)
    tensor = torch.from_numpy(logits).requires_grad_()
    make_loss(name, LABELS[kind])(tensor, torch.from_numpy(target)).backward()
    assert tensor.grad is not None
    assert (tensor.grad.numpy()[ignored] == 0).all()
    assert (tensor.grad.numpy()[~ignored] != 0).any()


@pytest.mark.parametrize(("name", "kind"), POINTWISE)
@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_order_of_pixels_does_not_matter(name: str, kind: str, seed: int) -> None:
    logits, target = draw(kind, seed, (4, 6))
    order = np.random.default_rng(seed).permutation(24)
    moved = logits.reshape(*logits.shape[:2], 24)[..., order].reshape(logits.shape)
    moved_target = target.reshape(*target.shape[:-2], 24)[..., order].reshape(target.shape)
    assert value(name, moved, moved_target, LABELS[kind]) == pytest.approx(value(name, logits, target, LABELS[kind]), rel=1e-5)


@pytest.mark.parametrize(("name", "kind"), PAIRS)
@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_a_step_down_the_gradient_is_a_step_down(name: str, kind: str, seed: int) -> None:
    logits, target = draw(kind, seed)
    tensor = torch.from_numpy(logits).requires_grad_()
    loss = make_loss(name, LABELS[kind])
    before = loss(tensor, torch.from_numpy(target))
    before.backward()
    assert tensor.grad is not None
    after = loss(tensor.detach() - 1e-2 * tensor.grad / tensor.grad.norm(), torch.from_numpy(target))
    assert 0 <= after.item() < before.item()


@pytest.mark.parametrize(("name", "kind"), PAIRS)
def test_huge_logits_stay_finite(name: str, kind: str) -> None:
    _, target = draw(kind, 4)
    tensor = torch.from_numpy(-extreme(target, LABELS[kind], 1e4)).requires_grad_()
    loss = make_loss(name, LABELS[kind])(tensor, torch.from_numpy(target))
    loss.backward()
    assert torch.isfinite(loss)
    assert tensor.grad is not None
    assert torch.isfinite(tensor.grad).all()


def test_one_exclusive_class_is_the_sigmoid_of_the_difference() -> None:
    logits, target = draw("two maps", 3)
    single = (logits[:, 1:] - logits[:, :1]).astype(np.float32)
    for name in losses.names():
        assert value(name, logits, target, LABELS["two maps"]) == pytest.approx(value(name, single, target, LabelSet()), rel=1e-5)


def test_dice_is_counted_over_the_batch() -> None:
    """An empty image beside one that is right adds its false pixels to one count, not a loss of its own of nearly 1."""
    target = np.zeros((2, 8, 8), dtype=np.uint8)
    target[0, :4] = 1
    logits = extreme(target, LabelSet())
    logits[1, 0, 0, 0] = 20  # one false pixel on the empty image
    assert value("dice", logits, target, LabelSet()) == pytest.approx(1 - (2 * 32 + 1) / (33 + 32 + 1), rel=1e-4)
