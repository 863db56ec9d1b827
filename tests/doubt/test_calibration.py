"""Temperatures, entropy and calibration error, against values that are known."""

from __future__ import annotations

import numpy as np
import pytest

from delineate.domain import IGNORE, LabelSet
from delineate.doubt import Reliability, calibrate, entropy, fit_temperatures, region_of_interest, sample_pixels

BINARY = LabelSet()
EXCLUSIVE = LabelSet(kind="exclusive", names=("a", "b"))
REGIONS = LabelSet(kind="regions", names=("a", "b"))


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def test_a_temperature_divides_the_logits() -> None:
    logits = np.array([[-4.0, -1.0, 0.0, 2.0, 6.0]])
    found = calibrate(sigmoid(logits).astype(np.float32), (2.5,), BINARY)
    assert np.allclose(found, sigmoid(logits / 2.5), atol=1e-6)


def test_a_temperature_divides_all_logits_of_a_softmax() -> None:
    """The background's share is 1 less the others', known to 1e-7 in float32, of which a third power's root makes up to 5e-3."""
    logits = np.random.default_rng(0).normal(0, 3, (3, 50))
    found = calibrate(EXCLUSIVE.probabilities(logits), (3.0,), EXCLUSIVE)
    assert np.allclose(found, EXCLUSIVE.probabilities(logits / 3), atol=5e-3)
    mild = np.random.default_rng(0).normal(0, 1, (3, 50))
    assert np.allclose(calibrate(EXCLUSIVE.probabilities(mild), (3.0,), EXCLUSIVE), EXCLUSIVE.probabilities(mild / 3), atol=1e-5)


def test_each_sigmoid_class_has_its_own_temperature() -> None:
    logits = np.array([[2.0, -1.0], [2.0, -1.0]])
    found = calibrate(sigmoid(logits).astype(np.float32), (1.0, 4.0), REGIONS)
    assert np.allclose(found, sigmoid(logits / np.array([[1.0], [4.0]])), atol=1e-6)


def test_undoing_a_temperature() -> None:
    p = np.random.default_rng(1).uniform(0.01, 0.99, (1, 4, 5)).astype(np.float32)
    assert np.allclose(calibrate(calibrate(p.copy(), (2.0,), BINARY), (0.5,), BINARY), p, atol=1e-5)


@pytest.mark.parametrize("labels", [BINARY, EXCLUSIVE])
@pytest.mark.parametrize("truth", [0.5, 1.0, 3.0])
def test_the_temperature_of_the_data_is_found(labels: LabelSet, truth: float) -> None:
    """Labels drawn from softened probabilities: the fit gives back by how much (within the grid and the noise)."""
    rng = np.random.default_rng(2)
    samples = []
    for person in range(6):
        logits = rng.normal(0, 4, (labels.channels, 8000))
        honest = labels.probabilities(logits / truth)
        if labels is BINARY:
            drawn = (rng.random(8000) < honest[0]).astype(np.int64)
        else:
            edges = np.cumsum(np.concatenate([1 - honest.sum(0, keepdims=True), honest]), axis=0)
            drawn = (rng.random(8000) > edges).sum(axis=0).clip(0, 2)
        samples.append((f"p{person}", labels.probabilities(logits), drawn))
    fit = fit_temperatures(samples, labels)
    found = fit.temperatures[0] if fit.kept else 1.0
    assert found == pytest.approx(truth, rel=0.1)
    assert fit.kept == (truth != 1.0)
    assert fit.after <= fit.before + 1e-9


def test_a_temperature_that_lifts_the_background_is_not_taken() -> None:
    """Borders are too sure (T = 3 would be right there), but far background is right as it is and there is a hundred times more."""
    rng = np.random.default_rng(3)
    samples = []
    for person in range(5):
        border = rng.normal(0, 6, 100)
        hit = rng.random(100) < sigmoid(border / 6)
        p = np.concatenate([sigmoid(border), np.full(9900, 1e-4)])[np.newaxis].astype(np.float32)
        samples.append((f"p{person}", p, np.concatenate([hit, np.zeros(9900)]).astype(np.int64)))
    fit = fit_temperatures(samples, BINARY)
    assert fit.after < fit.before
    kept = fit.temperatures[0] if fit.kept else 1.0
    assert 1.0 < kept < 4.0
    both = [Reliability(), Reliability()]
    for person, p, truth in samples:
        both[0].add(person, p, truth, BINARY)
        both[1].add(person, calibrate(p.copy(), (kept,), BINARY), truth, BINARY)
    assert both[1].summary()["ece"] <= both[0].summary()["ece"] + 1e-6


def test_two_persons_choose_no_temperature() -> None:
    p = np.full((1, 100), 0.999, np.float32)
    truth = (np.arange(100) % 2).astype(np.int64)
    assert fit_temperatures([("a", p, truth), ("b", p, truth)], BINARY).temperatures == ()
    assert fit_temperatures([], BINARY).temperatures == ()


def test_ignored_pixels_are_not_sampled() -> None:
    truth = np.array([[0, 1, IGNORE, 1]])
    p, known = sample_pixels(np.arange(4, dtype=np.float32).reshape(1, 1, 4), truth, BINARY)
    assert sorted(p[0]) == [0, 1, 3]
    assert sorted(known) == [0, 1, 1]


def test_entropy_runs_from_nothing_to_one() -> None:
    assert np.allclose(entropy(np.array([[0.0, 0.5, 1.0]]), BINARY), [0, 1, 0], atol=1e-5)
    third = np.full((2, 1), 1 / 3)
    assert np.allclose(entropy(third, EXCLUSIVE), 1, atol=1e-5)
    assert np.allclose(entropy(np.array([[0.5], [1.0]]), REGIONS), 1, atol=1e-5)


def test_the_calibration_error_of_a_known_table() -> None:
    """All pixels said 0.9: of 10 of person a 9 are, of 10 of person b 5 are. The mean is 0.7, so that the error is 0.2."""
    found = Reliability()
    found.add("a", np.full((1, 10), 0.9), np.array([1] * 9 + [0]), BINARY)
    found.add("b", np.full((1, 10), 0.9), np.array([1] * 5 + [0] * 5), BINARY)
    summary = found.summary()
    assert summary["ece"] == pytest.approx(0.2)
    assert summary["ci95"] is None  # two persons tell no interval
    assert summary["bins"] == [
        {"probability": pytest.approx(0.9), "frequency": pytest.approx(0.7), "share": pytest.approx(20 / 20)}
    ]
    found.add("c", np.full((1, 4), 0.9), np.array([1, 1, 1, IGNORE]), BINARY)
    low, high = found.summary()["ci95"]
    assert low <= found.summary()["ece"] <= high + 1e-9


def test_persons_weigh_equally_whatever_their_size() -> None:
    found = Reliability()
    found.add("small", np.full((1, 10), 0.8), np.ones(10, np.int64), BINARY)
    found.add("large", np.full((1, 1000), 0.8), np.zeros(1000, np.int64), BINARY)
    assert found.summary()["bins"][0]["frequency"] == pytest.approx(0.5)


def test_nothing_counted_gives_no_number() -> None:
    assert Reliability().summary() == {"ece": None, "ci95": None, "n": 0, "bins": []}


def test_the_region_is_the_box_with_a_margin() -> None:
    truth = np.zeros((40, 40), np.uint8)
    truth[10:20, 5:15] = 1
    p = np.zeros((1, 40, 40))
    p[0, 10:30, 5:15] = 0.9
    assert region_of_interest(p, truth, BINARY) == (slice(8, 32), slice(4, 16))
    assert region_of_interest(np.zeros((1, 4, 4)), np.zeros((4, 4)), BINARY) is None
