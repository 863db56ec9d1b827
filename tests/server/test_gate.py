"""One engine for many: stopped in time, together without a bit of difference."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from tests.server.conftest import lungs

from delineate.domain import Geometry, Image
from delineate.errors import ResourceError
from delineate.inference import ModelFile, Predictor
from delineate.server.gate import Gate, SharedPredictor, StoppedError, Ticket


def image(seed: int, slices: int = 1) -> Image:
    pixels = np.stack([lungs(seed=seed + number) for number in range(slices)])
    return Image(pixels if slices == 1 else pixels[None], Geometry(pixels.shape[1:] if slices == 1 else pixels.shape))


@pytest.fixture(scope="module")
def shared() -> SharedPredictor:
    return SharedPredictor(ModelFile.open("demo"), engine="onnxruntime", threads=1)


def test_many_at_once_get_what_one_gets_alone(shared: SharedPredictor) -> None:
    alone = Predictor("demo", engine="onnxruntime", threads=1)
    wanted = [alone.predict(image(seed)).mask.labels for seed in range(8)]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda seed: shared.predict(image(seed)).mask.labels, range(8)))
    assert all(np.array_equal(one, other) for one, other in zip(found, wanted, strict=True))
    assert any(mask.any() for mask in wanted)


def test_together_only_where_the_bits_are_the_same() -> None:
    together = SharedPredictor(ModelFile.open("demo"), engine="onnxruntime", threads=1, together=4)
    alone = Predictor("demo", engine="onnxruntime", threads=1)
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda seed: together.predict(image(seed), probabilities=True), range(16)))
    for seed, one in enumerate(found):
        wanted = alone.predict(image(seed), probabilities=True)
        assert np.array_equal(one.mask.labels, wanted.mask.labels)
        assert one.probabilities is not None
        assert wanted.probabilities is not None
        assert np.array_equal(one.probabilities, wanted.probabilities)


def test_company_is_refused_where_it_changes_a_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    genuine = Predictor._run

    def worse(self: Predictor, batch: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        answer = genuine(self, batch)
        return answer if len(batch) < 3 else np.nextafter(answer, np.float32(np.inf), dtype=np.float32)

    monkeypatch.setattr(Predictor, "_run", worse)
    predictor = SharedPredictor(ModelFile.open("demo"), engine="onnxruntime", threads=1, together=4)
    assert predictor.gate.together == 1


def test_the_gate_takes_along_those_who_wait() -> None:
    gate = Gate(together=4)
    sizes: list[int] = []
    first = threading.Event()
    go_on = threading.Event()

    def run(batch: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        sizes.append(len(batch))
        first.set()
        go_on.wait(10)
        return batch * 2

    def one(value: int) -> np.ndarray[Any, Any]:
        return gate.run(np.full((1, 1, 4, 4), value, dtype=np.float32), run)

    with ThreadPoolExecutor(6) as pool:
        begun = pool.submit(one, 0)
        assert first.wait(10)
        others = [pool.submit(one, value) for value in range(1, 6)]
        while len(gate._waiting) < 5:
            time.sleep(0.005)
        go_on.set()
        assert [float(future.result(10)[0, 0, 0, 0]) for future in (begun, *others)] == [0, 2, 4, 6, 8, 10]
    assert sizes[0] == 1
    assert sorted(sizes[1:]) == [1, 4]


def test_an_error_reaches_everybody_in_the_batch_and_nobody_after() -> None:
    gate = Gate(together=4)

    def broken(batch: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        raise ResourceError("engine-failed", engine="x", shape="", reason="")

    with pytest.raises(ResourceError):
        gate.run(np.zeros((1, 1, 4, 4), np.float32), broken)
    assert gate.run(np.ones((1, 1, 4, 4), np.float32), lambda batch: batch).sum() == 16


def test_work_stops_between_planes_and_tells_how_far_it_is(shared: SharedPredictor) -> None:
    ticket = Ticket()
    with shared.during(ticket):
        shared.predict(image(0, slices=40))
    assert (ticket.done, ticket.total) == (40, 40)
    stopped = Ticket()
    stopped.stop()
    with pytest.raises(StoppedError), shared.during(stopped):
        shared.predict(image(0))
    late = Ticket(time.monotonic() - 1)
    with pytest.raises(ResourceError, match="stopped"), shared.during(late):
        shared.predict(image(0))
