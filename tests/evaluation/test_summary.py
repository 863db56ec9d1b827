"""Statistics over persons: by hand, against NumPy, and what is left out."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from delineate.domain import LabelSet
from delineate.evaluation import MEASURES, ClassScore, GroupScore, person_values, score_group, summarise
from delineate.evaluation.intervals import describe
from delineate.metrics import Confusion

BINARY = LabelSet()
NAN = math.nan


def group(person: str, dice: float, hd95: float = 1.0, *, name: str = "foreground", mm: bool = True, label: int = 1) -> GroupScore:
    counts = Confusion() if math.isnan(dice) else Confusion(tp=1, fp=1)
    values = {"dice": dice, "iou": dice, "precision": dice, "recall": dice, "f1": dice, "hd95": hd95}
    return GroupScore(person + "/g", person, "test", 1, (ClassScore(name, label, counts, values),), (1.0, 1.0) if mm else None)


def test_persons_count_once() -> None:
    scores = [group("a", 0.2), group("a", 0.4), group("a", 0.6), group("b", 0.8), group("c", 0.9)]
    summary = summarise(scores, "patient", BINARY)
    assert (summary["unit"], summary["n"], summary["n_groups"]) == ("patient", 3, 5)
    dice = summary["dice"]
    assert dice["mean"] == pytest.approx((0.4 + 0.8 + 0.9) / 3)
    assert dice["median"] == pytest.approx(0.8)
    assert dice["sd"] == pytest.approx(np.std([0.4, 0.8, 0.9], ddof=1))
    assert dice["n"] == 3 and dice["ci95"][0] <= dice["mean"] <= dice["ci95"][1]
    assert set(summary) == {"unit", "n", "n_groups", *MEASURES, "both_empty", "classes"}
    assert set(summary["classes"]["foreground"]) == {*MEASURES, "both_empty"}
    assert person_values(scores) == pytest.approx({"a": 0.4, "b": 0.8, "c": 0.9})


def test_both_empty_is_excluded_and_counted() -> None:
    summary = summarise([group("a", 0.5), group("b", NAN, NAN), group("c", 0.7)], "image", BINARY)
    assert summary["dice"]["mean"] == pytest.approx(0.6)
    assert (summary["n"], summary["dice"]["n"]) == (3, 2)
    assert summary["both_empty"] == {"policy": "excluded", "n": 1, "of": 3}
    assert summary["hd95"]["n_undefined"] == 0
    assert summary["dice"]["ci95"] is None and summary["dice"]["ci_method"] is None  # two persons


def test_false_alarm_has_dice_zero_and_no_distance() -> None:
    summary = summarise([group("a", 0.5, 2.0), group("b", 0.0, NAN), group("c", 0.7, 4.0)], "patient", BINARY)
    assert summary["dice"]["mean"] == pytest.approx(0.4)
    assert summary["hd95"]["mean"] == pytest.approx(3.0)
    assert (summary["hd95"]["n"], summary["hd95"]["n_undefined"], summary["hd95"]["unit"]) == (2, 1, "mm")


def test_millimetres_and_pixels_are_never_mixed() -> None:
    scores = [group("a", 0.5, 2.0), group("b", 0.5, 4.0), group("c", 0.5, 900.0, mm=False)]
    hd95 = summarise(scores, "patient", BINARY)["hd95"]
    assert (hd95["mean"], hd95["unit"], hd95["n"], hd95["n_other_unit"]) == (3.0, "mm", 2, 1)
    hd95 = summarise([*scores[1:], group("d", 0.5, 700.0, mm=False)], "patient", BINARY)["hd95"]
    assert (hd95["mean"], hd95["unit"], hd95["n_other_unit"]) == (800.0, "px", 1)


def test_every_measure_says_its_unit_and_rule() -> None:
    mask = np.zeros((3, 12, 12), np.uint8)
    mask[1, 2:6, 2:6] = 1
    near, empty = np.roll(mask, 1, axis=2), np.zeros_like(mask)

    def scored(name: str, pred: np.ndarray, truth: np.ndarray, spacing: tuple[float, ...] | None) -> GroupScore:
        return score_group(pred, truth, BINARY, spacing, group=name, person=name, part="test", nsd_tolerance=1.5)

    spacing = (10.0, 1.0, 1.0)
    groups = [scored("a", near, mask, spacing), scored("b", mask, mask, spacing), scored("c", mask, empty, spacing)]
    found = summarise([*groups, scored("d", near, mask, None)], "patient", BINARY)
    assert (found["nsd"]["unit"], found["nsd"]["tolerance"], found["nsd"]["n_other_unit"]) == ("mm", 1.5, 1)
    assert found["nsd"]["mean"] == pytest.approx(2 / 3)  # a step of 1 mm is near, a false alarm is 0
    assert (found["assd"]["unit"], found["assd"]["n"], found["assd"]["n_undefined"]) == ("mm", 2, 1)
    volume = found["volume_difference"]
    assert (volume["unit"], volume["n"], volume["n_other_unit"]) == ("mL", 3, 1)
    assert volume["mean"] == pytest.approx(0.16 / 3)
    relative = found["relative_volume_difference"]
    assert (relative["mean"], relative["n"], relative["n_undefined"]) == (0, 3, 1)
    assert found["lesion_f1"]["mean"] == pytest.approx(3 / 4) and found["lesion_f1"]["rule"] == "IoU > 0.1, one to one"
    assert found["lesion_recall"]["n"] == 3 and found["lesion_precision"]["n"] == 4


def test_headline_is_the_mean_over_classes_of_each_person() -> None:
    labels = LabelSet(kind="exclusive", names=("one", "two"))
    scores = []
    for person, one, two in (("a", 0.8, 0.4), ("b", 0.6, NAN), ("c", 1.0, 0.0)):
        first, second = group(person, one, name="one").classes[0], group(person, two, name="two", label=2).classes[0]
        scores.append(GroupScore(person, person, "test", 1, (first, second), (1.0, 1.0)))
    summary = summarise(scores, "patient", labels)
    assert summary["dice"]["mean"] == pytest.approx((0.6 + 0.6 + 0.5) / 3)
    assert summary["classes"]["two"]["dice"]["mean"] == pytest.approx(0.2)
    assert summary["both_empty"] == {"policy": "excluded", "n": 1, "of": 6}
    assert summary["classes"]["two"]["both_empty"]["n"] == 1


def test_nothing_scored_is_none_not_nan() -> None:
    summary = summarise([], "patient", BINARY)
    assert summary["n"] == 0 and summary["dice"]["mean"] is None
    json.dumps(summary, allow_nan=False)
    json.dumps(summarise([group("a", NAN, NAN)], "patient", BINARY), allow_nan=False)


def test_interval_is_repeatable_and_uses_the_seed() -> None:
    values = list(np.random.default_rng(0).beta(8, 2, 12))
    assert describe(values, seed=1) == describe(values, seed=1)
    assert describe(values, seed=1)["ci95"] != describe(values, seed=2)["ci95"]
    assert describe(values)["ci_method"] == "BCa"


def test_equal_values_fall_back_to_percentile() -> None:
    found = describe([0.9] * 5)
    assert found["ci_method"] == "percentile" and found["ci95"] == pytest.approx([0.9, 0.9])


def test_interval_covers_the_true_mean_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(4)
    hits = 0
    for number in range(150):
        low, high = describe(list(rng.beta(8, 2, 25)), seed=number, bootstrap=400)["ci95"]
        hits += low <= 0.8 <= high
    assert 0.88 <= hits / 150 <= 0.99


def test_many_persons_are_quick_and_bounded() -> None:
    found = describe(list(np.random.default_rng(2).random(5000)), bootstrap=500)
    assert found["ci_method"] == "percentile" and found["n"] == 5000


@settings(max_examples=40, deadline=None)
@given(st.lists(st.floats(0, 1) | st.just(NAN), max_size=12))
def test_always_json_and_ordered(values: list[float]) -> None:
    found = describe(values, bootstrap=100)
    json.dumps(found, allow_nan=False)
    defined = [v for v in values if not math.isnan(v)]
    assert found["n"] == len(defined)
    if found["ci95"]:
        assert min(defined) - 1e-9 <= found["ci95"][0] <= found["ci95"][1] <= max(defined) + 1e-9
