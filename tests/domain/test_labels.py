"""Sigmoid and softmax are known in one place, and it is right at the extremes."""

from __future__ import annotations

import numpy as np
import pytest
from pydantic import ValidationError

from delineate.domain import LabelSet


def test_binary() -> None:
    labels = LabelSet(kind="binary", names=("lung",))
    assert labels.channels == 1
    p = labels.probabilities(np.array([[[-1000.0, 0.0, 1000.0]]]))
    np.testing.assert_allclose(p, [[[0.0, 0.5, 1.0]]])
    np.testing.assert_array_equal(labels.decide(p), [[0, 1, 1]])
    np.testing.assert_array_equal(labels.decide(p, (0.6,)), [[0, 0, 1]])


def test_exclusive_is_softmax_and_argmax() -> None:
    labels = LabelSet(kind="exclusive", names=("a", "b"))
    assert labels.channels == 3
    logits = np.random.default_rng(0).normal(size=(3, 4, 5)) * 30
    p = labels.probabilities(logits)
    expected = np.exp(logits) / np.exp(logits).sum(axis=0)
    np.testing.assert_allclose(p, expected[1:], rtol=1e-4, atol=1e-6)
    np.testing.assert_array_equal(labels.decide(p), logits.argmax(axis=0))


def test_two_map_softmax_equals_sigmoid_of_difference() -> None:
    """R1's head of two maps is the binary head of their difference."""
    two, one = LabelSet(kind="exclusive", names=("lung",)), LabelSet(names=("lung",))
    logits = np.random.default_rng(1).normal(size=(2, 6, 6))
    np.testing.assert_allclose(two.probabilities(logits), one.probabilities(logits[1:] - logits[:1]), rtol=1e-5)
    np.testing.assert_array_equal(two.decide(two.probabilities(logits)), logits.argmax(axis=0))


def test_regions_overlap() -> None:
    labels = LabelSet(kind="regions", names=("whole", "core"))
    decided = labels.decide(labels.probabilities(np.array([[[5.0]], [[5.0]]])))
    np.testing.assert_array_equal(decided, [[[1]], [[1]]])
    assert labels.one_class(decided, 2).all()


@pytest.mark.parametrize(
    ("kind", "names"), [("binary", ("a", "b")), ("exclusive", ()), ("exclusive", ("a", "a")), ("nonsense", ("a",))]
)
def test_impossible_sets_are_refused(kind: str, names: tuple[str, ...]) -> None:
    with pytest.raises(ValidationError):
        LabelSet(kind=kind, names=names)  # type: ignore[arg-type]
