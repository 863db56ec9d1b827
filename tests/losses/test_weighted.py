"""Expressions: what is read, what is refused, and that nothing is evaluated."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from delineate.domain import LabelSet
from delineate.errors import DelineateError, RecipeError, UsageError
from delineate.i18n import has
from delineate.losses import Batch, DeepSupervision, Options, Term, losses, make_loss, parse_expression

THREE = LabelSet(kind="exclusive", names=("a", "b", "c"))


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("dice", [(1.0, "dice")]),
        ("1.0*dice+0.8*bce", [(1.0, "dice"), (0.8, "bce")]),
        ("  0.5 * ce +  dice ", [(0.5, "ce"), (1.0, "dice")]),
        ("2*soft_iou + .5*focal", [(2.0, "soft_iou"), (0.5, "focal")]),
        ("1e-1*ce+1e+1*dice", [(0.1, "ce"), (10.0, "dice")]),
        ("dice+dice", [(1.0, "dice"), (1.0, "dice")]),
    ],
)
def test_what_is_read(text: str, parts: list[tuple[float, str]]) -> None:
    assert parse_expression(text) == parts


@pytest.mark.parametrize(
    "text",
    ["", " ", "+", "dice+", "+dice", "dice++ce", "dice*2", "2dice", "-1*dice", "dice-ce", "dice ce", "1*1*dice", "(dice)", "1.0*",
     "__import__('os').system('true')", "dice;ce", "nan*dice", "1.2.3*dice", "dice\x00", "骰子", "dice+" * 5000 + "dice"],
)  # fmt: skip
def test_what_is_refused(text: str) -> None:
    with pytest.raises(RecipeError, match=r"cannot be read at character \d+"):
        make_loss(text, LabelSet())


@pytest.mark.parametrize("weight", ["0", "0.0", "1e400", "1e9"])
def test_weights_must_be_sensible(weight: str) -> None:
    with pytest.raises(RecipeError, match="weight of 'dice'"):
        make_loss(f"{weight}*dice", LabelSet())


@given(st.text(alphabet="dicef+*.019eE -_(", max_size=30))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        make_loss(text, LabelSet())
    except DelineateError as error:
        assert str(error)  # a sentence, not a traceback


def test_unknown_terms_list_the_choices() -> None:
    with pytest.raises(UsageError, match=r"'dise'.*bce_dice.*tversky"):
        make_loss("dise+ce", LabelSet())


def test_weights_weigh() -> None:
    logits, target = torch.randn(2, 1, 5, 6), torch.randint(0, 2, (2, 5, 6))
    dice, ce = (make_loss(name, LabelSet())(logits, target) for name in ("dice", "ce"))
    torch.testing.assert_close(make_loss("2*dice+0.3*bce", LabelSet())(logits, target), 2 * dice + 0.3 * ce)
    torch.testing.assert_close(make_loss("calc", LabelSet())(logits, target), 0.5 * dice + 0.5 * ce)


@pytest.mark.parametrize("name", ["bce", "bce_dice", "calc"])
def test_bce_on_exclusive_classes_is_explained(name: str) -> None:
    with pytest.raises(RecipeError, match=r"3 classes exclude each other.*0\.5\*ce\+0\.5\*dice"):
        make_loss(name, THREE)
    make_loss(name, LabelSet(kind="exclusive", names=("a",)))  # two maps: the same question as one sigmoid


@pytest.mark.parametrize(
    ("labels", "logits", "target", "problem"),
    [
        (LabelSet(), (2, 2, 4, 4), (2, 4, 4), "logits"),
        (LabelSet(), (2, 1, 4, 4), (2, 1, 4, 4), "target"),
        (LabelSet(), (2, 1, 4, 4), (2, 4, 5), "target"),
        (THREE, (2, 3, 4, 4), (2, 4, 4), "logits"),
        (LabelSet(kind="regions", names=("a", "b")), (2, 2, 4, 4), (2, 4, 4), "target"),
        (LabelSet(), (1, 4, 4), (4, 4), "logits"),
    ],
)
def test_shapes_that_do_not_fit(labels: LabelSet, logits: tuple[int, ...], target: tuple[int, ...], problem: str) -> None:
    with pytest.raises(ValueError, match=f"'{problem}' must be"):
        make_loss("ce", labels)(torch.zeros(logits), torch.zeros(target, dtype=torch.uint8))


@pytest.mark.parametrize(("labels", "wrong"), [(LabelSet(), 2), (THREE, 4), (THREE, -1), (LabelSet(), 254)])
def test_values_outside_the_label_set(labels: LabelSet, wrong: int) -> None:
    target = torch.zeros(1, 3, 3, dtype=torch.int64)
    target[0, 1, 1] = wrong
    with pytest.raises(ValueError, match=f"got {wrong}"):
        make_loss("dice", labels)(torch.zeros(1, labels.channels, 3, 3), target)


def test_float_targets_are_refused() -> None:
    with pytest.raises(ValueError, match="integers"):
        make_loss("dice", LabelSet())(torch.zeros(1, 1, 3, 3), torch.zeros(1, 3, 3))


@pytest.mark.parametrize("dtype", [torch.bool, torch.uint8, torch.int16, torch.int64])
def test_integer_types_of_target(dtype: torch.dtype) -> None:
    target = (torch.arange(9).view(1, 3, 3) % 2).to(dtype)
    reference = make_loss("ce+dice", LabelSet())(torch.ones(1, 1, 3, 3), target.long())
    torch.testing.assert_close(make_loss("ce+dice", LabelSet())(torch.ones(1, 1, 3, 3), target), reference)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_low_precision_logits_are_counted_in_float32(dtype: torch.dtype) -> None:
    """In bfloat16 a sum over 65,536 pixels would stop growing at 256."""
    target = torch.zeros(1, 256, 256, dtype=torch.uint8)
    target[:, :128] = 1
    logits = torch.where(target == 1, 4.0, -4.0).unsqueeze(1)
    with torch.autocast("cpu", torch.bfloat16):
        low = make_loss("dice+ce", LabelSet())(logits.to(dtype), target)
    assert low.dtype == torch.float32
    torch.testing.assert_close(low, make_loss("dice+ce", LabelSet())(logits, target))


def test_duplicates_are_refused() -> None:
    with pytest.raises(ValueError, match="twice"):
        losses.add("dice", losses.get("ce"))


def test_a_term_of_someone_elses(monkeypatch: pytest.MonkeyPatch) -> None:
    """As an entry point in the group ``delineate.losses`` gives it."""
    from importlib.metadata import EntryPoint

    import delineate.registry

    point = EntryPoint(name="brier", value=f"{__name__}:brier", group="delineate.losses")
    monkeypatch.setattr(delineate.registry, "entry_points", lambda group: [point] if group == "delineate.losses" else [])
    monkeypatch.setattr(losses, "_items", dict(losses._items))
    monkeypatch.setattr(losses, "_plugins_read", False)
    loss = make_loss("2*brier", LabelSet())(torch.zeros(1, 1, 2, 2), torch.ones(1, 2, 2, dtype=torch.uint8))
    assert loss.item() == pytest.approx(0.5)


def brier(labels: LabelSet, options: Options) -> Term:
    def term(batch: Batch) -> torch.Tensor:
        return batch.mean((batch.probabilities - batch.truth) ** 2)

    return term


@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_loss_has_a_line(language: str) -> None:
    for name in losses.names():
        assert has(f"loss.{name}", language)


def test_the_hinge_on_exclusive_classes_is_explained() -> None:
    with pytest.raises(RecipeError, match=r"3 classes exclude each other.*lovasz"):
        make_loss("lovasz_hinge", THREE)
    make_loss("lovasz_hinge", LabelSet(kind="exclusive", names=("a",)))


@pytest.mark.parametrize("expression", ["dice", "soft_iou", "0.5*bce+0.5*dice"])
def test_deep_supervision_is_the_mean_over_heads_of_the_loss_on_logits(expression: str) -> None:
    """R2's heads went into Dice without a sigmoid, and into Soft IoU through two."""
    heads, target = [torch.randn(2, 1, 5, 6) for _ in range(3)], torch.randint(0, 2, (2, 5, 6))
    loss = make_loss(expression, LabelSet())
    torch.testing.assert_close(DeepSupervision(loss)(heads, target), sum(loss(one, target) for one in heads) / 3)
    sure = torch.where(target.unsqueeze(1) == 1, 20.0, -20.0)
    assert DeepSupervision(loss)([sure, sure], target) < 1e-3
