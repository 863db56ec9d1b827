"""Reading, computing and writing at once: order kept, memory bounded, errors where they belong, nothing left behind."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from delineate.domain import Geometry, Image
from delineate.formats import read_labels, write_labels
from delineate.inference import ModelFile, Predictor, predict_files, predict_paths
from delineate.inference.in_order import InOrder
from delineate.inference.reading_ahead import Ahead
from delineate.preprocessing import Preparation
from delineate.recipe import Normalisation, Preprocessing

from .conftest import MakeModel


def ahead(count: int, most: int, sizes: list[int], made: list[int]) -> Ahead[int, int]:
    def make(item: int) -> int:
        made.append(item)
        return item

    return Ahead(list(range(len(sizes))), make, lambda item: sizes[item], count, most)


def test_results_come_in_order_and_all() -> None:
    made: list[int] = []
    with ahead(4, 1000, [1] * 50, made) as reading:
        assert list(reading) == list(range(50))


@pytest.mark.parametrize(("count", "most", "expected"), [(4, 1000, 4), (16, 30, 3), (16, 5, 1)])
def test_no_more_is_read_ahead_than_allowed(count: int, most: int, expected: int) -> None:
    """Ten bytes each: reading stops at the count, or once what waits holds enough."""
    made: list[int] = []
    with ahead(count, most, [10] * 40, made) as reading:
        time.sleep(0.1)
        assert made == list(range(expected))
        assert reading.take(1) == [0]
        time.sleep(0.1)
        assert len(made) == expected + 1
    alive = [thread for thread in threading.enumerate() if thread.name == "read"]
    assert not alive


def test_a_batch_is_waited_for_but_not_for_ever() -> None:
    gate = threading.Event()

    def make(item: int) -> int:
        if item == 2:
            gate.wait(5)
        return item

    with Ahead(list(range(6)), make, lambda item: 1, 4, 100) as reading:
        threading.Timer(0.1, gate.set).start()
        assert reading.take(4) == [0, 1, 2, 3]
        assert reading.take(4) == [4, 5]  # the end
        assert reading.take(4) == []


def test_trouble_in_the_thread_is_told_after_what_came_before() -> None:
    def make(item: int) -> int:
        if item == 3:
            raise RuntimeError("boom")
        return item

    found = []
    with pytest.raises(RuntimeError, match="boom"), Ahead(list(range(9)), make, lambda item: 1, 2, 100) as reading:
        for item in reading:
            found.append(item)  # noqa: PERF402
    assert found == [0, 1, 2]


def test_work_comes_back_in_the_order_it_was_given() -> None:
    got: list[int] = []
    here = threading.get_ident()

    def deliver(item: int) -> None:
        assert threading.get_ident() == here
        got.append(item)

    def slow(number: int) -> Callable[[], int]:
        return lambda: (time.sleep(0.01 * (number % 3)), number)[1]

    with InOrder(deliver, waiting=2) as work:
        for number in range(20):
            work.put(number if number % 4 == 0 else slow(number))
            assert len(got) >= number - 2  # never more than two outstanding
    assert got == list(range(20))


def test_after_an_error_what_was_done_is_delivered_and_the_rest_dropped() -> None:
    got: list[int] = []
    started: list[int] = []

    def work(number: int) -> Callable[[], int]:
        def run() -> int:
            started.append(number)
            time.sleep(0.05)
            return number

        return run

    with pytest.raises(KeyboardInterrupt), InOrder(got.append, waiting=10) as order:
        for number in range(8):
            order.put(work(number))
        time.sleep(0.07)  # one is done, the second runs
        raise KeyboardInterrupt
    assert got == started  # what was begun was ended and delivered
    assert len(got) < 8


RAW = Preprocessing(fit="scale", multiple=8, normalisation=Normalisation(scheme="image"))


@pytest.fixture
def model(make_model: MakeModel) -> ModelFile:
    rng = np.random.default_rng(4)
    return ModelFile.open(make_model([rng.normal(size=(4, 1, 3, 3)), rng.normal(size=(1, 4, 3, 3))], bias=0.0, preprocessing=RAW))


def test_images_computed_together_give_what_they_give_alone(model: ModelFile) -> None:
    rng = np.random.default_rng(0)
    shapes = [(40, 56)] * 5 + [(30, 30)] + [(40, 56)] * 3
    images = [Image(rng.random((1, *shape)).astype(np.float32), Geometry(shape)) for shape in shapes]
    alone = [Predictor(model, engine="onnxruntime").predict(image, probabilities=True) for image in images]
    predictor = Predictor(model, engine="onnxruntime", batch=4)
    runs: list[int] = []
    real = predictor._run
    predictor._run = lambda batch: (runs.append(len(batch)), real(batch))[1]  # type: ignore[method-assign]
    predictor.together(images)
    assert runs == [4, 4, 1]
    for image, one in zip(images, alone, strict=True):
        found = predictor.predict(image, probabilities=True)
        np.testing.assert_array_equal(found.mask.labels, one.mask.labels)
        np.testing.assert_allclose(found.probabilities, one.probabilities, atol=1e-6)
        assert found.seconds > 0
    assert runs == [4, 4, 1]  # nothing was computed twice
    predictor.predict(images[0])
    assert runs[3:] == [1]  # what was used is used up


def test_an_image_that_does_not_fit_spoils_nothing_for_the_others(model: ModelFile) -> None:
    good = [Image(np.random.default_rng(n).random((1, 16, 16)).astype(np.float32), Geometry((16, 16))) for n in range(3)]
    bad = Image(np.zeros((2, 16, 16), np.float32), Geometry((16, 16)))
    predictor = Predictor(model, engine="onnxruntime")
    predictor.together([good[0], bad, *good[1:]])
    for image in good:
        alone = Predictor(model, engine="onnxruntime").predict(image)
        np.testing.assert_array_equal(predictor.predict(image).mask.labels, alone.mask.labels)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "images"
    for number in range(23):
        shape = (24, 32) if number % 5 else (20, 20)
        pixels = np.random.default_rng(number).integers(0, 255, shape, dtype=np.uint8)
        write_labels(place / f"x{number}.png", pixels, Geometry(shape))
    (place / "x7.png").write_bytes(b"\x89PNG\r\n\x1a\n damaged")
    return place


def test_a_folder_row_by_row(model: ModelFile, folder: Path, tmp_path: Path) -> None:
    rows = predict_paths(Predictor(model, engine="onnxruntime"), [folder], tmp_path / "out")
    images = [row for row in rows if row.input.suffix == ".png"]
    assert [row.input.name for row in images] == [f"x{n}.png" for n in range(23)]
    assert [row.input.name for row in images if row.status == "failed"] == ["x7.png"]
    for row in images:
        if row.status == "done":
            from delineate.formats import read_image

            alone = Predictor(model, engine="onnxruntime").predict(read_image(row.input)).mask.labels
            np.testing.assert_array_equal(read_labels(row.outputs[0]).values, alone * 255)


def test_an_image_is_prepared_once(model: ModelFile, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[object] = []

    class Counted(Preparation):
        def __init__(self, *args: object) -> None:
            made.append(args[0])
            super().__init__(*args)  # type: ignore[arg-type]

    monkeypatch.setattr("delineate.inference.predictor.Preparation", Counted)
    predict_paths(Predictor(model, engine="onnxruntime"), [folder], tmp_path / "out")
    assert len(made) == 22


def test_a_full_disk_ends_the_job_and_what_was_done_is_told(
    model: ModelFile, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from delineate.errors import ResourceError

    real, calls = predict_files.write_masks, []

    def full(*args: object, **more: object) -> object:
        calls.append(1)
        if len(calls) > 5:
            raise ResourceError("cannot-write", path="x", reason="No space left on device")
        return real(*args, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(predict_files, "write_masks", full)
    with pytest.raises(ResourceError):
        predict_paths(Predictor(model, engine="onnxruntime"), [folder], tmp_path / "out")
    table = (tmp_path / "out" / "predictions.csv").read_text().splitlines()
    assert len([line for line in table if ",done," in line]) == 5
    assert len(list((tmp_path / "out").glob("*.png"))) == 5
    assert not [thread for thread in threading.enumerate() if thread.name.startswith(("read", "write"))]


def test_stopping_keeps_what_was_done(model: ModelFile, folder: Path, tmp_path: Path) -> None:
    asked: list[int] = []

    def stop() -> bool:
        asked.append(1)
        return len(asked) > 6

    rows = predict_paths(Predictor(model, engine="onnxruntime"), [folder], tmp_path / "out", stop=stop)
    assert [row.input.name for row in rows] == [f"x{n}.png" for n in range(6)]
    assert len(list((tmp_path / "out").glob("*.png"))) == 6


def test_a_large_tiff_among_others(make_model: MakeModel, tmp_path: Path) -> None:
    """``level`` makes TIFFs go by bands; the mask is the same, and a format that cannot be streamed is refused for that file."""
    import tifffile

    rng = np.random.default_rng(1)
    place = tmp_path / "images"
    place.mkdir()
    tifffile.imwrite(place / "a.tif", rng.integers(0, 255, (150, 130), dtype=np.uint8), metadata=None)
    write_labels(place / "b.png", rng.integers(0, 255, (24, 32), dtype=np.uint8), Geometry((24, 32)))
    recipe = Preprocessing(fit="scale", tile=64, multiple=8, normalisation=Normalisation(scheme="image"))
    model = make_model([rng.normal(size=(1, 1, 3, 3))], bias=0.0, preprocessing=recipe)
    masks = []
    for level in (None, 0):
        out = tmp_path / f"out{level}"
        rows = predict_paths(Predictor(model, engine="onnxruntime"), [place], out, level=level)
        assert [row.status for row in rows] == ["done", "done"]
        masks.append(read_labels(out / "a_mask.tif").values)
    assert np.mean(masks[0] != masks[1]) < 1e-3
    rows = predict_paths(Predictor(model), [place], tmp_path / "npy", level=0, format="npy")
    assert [(row.status, row.code) for row in rows] == [("failed", "large-only-tiff"), ("done", "")]
    rows = predict_paths(Predictor(model), [place], tmp_path / "high", level=3)
    assert [(row.status, row.code) for row in rows] == [("failed", "unsupported"), ("done", "")]
