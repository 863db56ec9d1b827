"""From an image to a mask on its own grid, whatever its size, orientation and kind."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from delineate.domain import Geometry, Image, LabelSet
from delineate.errors import DataError, ResourceError, UsageError
from delineate.events import Event, Note
from delineate.inference.model_file import ModelFile
from delineate.inference.predictor import Predictor
from delineate.recipe import Clean, Normalisation, Preprocessing

from .conftest import RAW, MakeModel


def blob(shape: tuple[int, ...]) -> np.ndarray[Any, Any]:
    grid = np.indices(shape, dtype=float)
    return (sum(((g - n * 0.45) / (n * 0.3)) ** 2 for g, n in zip(grid, shape, strict=True)) <= 1).astype(np.uint8)


def test_the_mask_is_on_the_images_grid(make_model: MakeModel) -> None:
    rule = Preprocessing(fit="letterbox", size=(256, 256), normalisation=RAW)
    truth = blob((517, 389))
    found = Predictor(make_model(preprocessing=rule)).predict(Image(truth[np.newaxis], Geometry((517, 389))), probabilities=True)
    assert found.mask.labels.shape == (517, 389)
    assert found.mask.labels.dtype == np.uint8
    assert found.probabilities is not None
    assert found.probabilities.shape == (1, 517, 389)
    assert 2 * (found.mask.labels & truth).sum() / (found.mask.labels.sum() + truth.sum()) > 0.98
    assert found.seconds > 0


def test_threshold_and_clean_come_from_the_record(make_model: MakeModel) -> None:
    pixels = np.array([[[0.2, 0.2, 0.0, 0.9]]], np.float32)  # logit = pixel - 0.5
    image = Image(pixels, Geometry((1, 4)))
    assert Predictor(make_model()).predict(image).mask.labels.tolist() == [[0, 0, 0, 1]]
    low = make_model(thresholds=(0.4,))
    assert Predictor(low).predict(image).mask.labels.tolist() == [[1, 1, 0, 1]]
    cleaned = Predictor(make_model(thresholds=(0.4,), clean=(Clean(largest=True),)))
    assert cleaned.predict(image).mask.labels.tolist() == [[1, 1, 0, 0]]
    assert cleaned.predict(image, clean=False).mask.labels.tolist() == [[1, 1, 0, 1]]


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_volumes_stream_and_return_in_their_orientation(make_model: MakeModel, axis: Any) -> None:
    truth = blob((21, 17, 13))
    affine = np.array([[0, 0, 2.0, 0], [0, -1.0, 0, 5], [1.5, 0, 0, 0], [0, 0, 0, 1]])
    image = Image(truth[np.newaxis], Geometry(truth.shape, None, affine))
    predictor = Predictor(make_model(preprocessing=Preprocessing(fit="scale", slice_axis=axis, normalisation=RAW)), batch=4)
    found = predictor.predict(image, probabilities=True)
    np.testing.assert_array_equal(found.mask.labels, truth)
    np.testing.assert_allclose(found.probabilities, (1 / (1 + np.exp(0.5 - truth)))[np.newaxis], atol=1e-6)
    assert found.mask.geometry is image.geometry


def test_exclusive_classes_and_regions(make_model: MakeModel) -> None:
    values = np.array([[[-1, 1, 2, 3]]], np.float32)
    image = Image(values, Geometry((1, 4)))
    slope = np.array([0.0, 1.0, 2.0]).reshape(3, 1, 1, 1)  # softmax over (0, x, 2x) + equal bias
    exclusive = Predictor(
        make_model([slope], labels=LabelSet(kind="exclusive", names=("a", "b")), thresholds=(0.5, 0.5), clean=(Clean(),) * 2)
    )
    found = exclusive.predict(image, probabilities=True)
    assert found.mask.labels.tolist() == [[0, 2, 2, 2]]
    assert found.probabilities is not None
    assert found.probabilities.shape == (2, 1, 4)
    regions = Predictor(
        make_model(
            [slope[1:]], bias=-1.5, labels=LabelSet(kind="regions", names=("a", "b")), thresholds=(0.5, 0.5), clean=(Clean(),) * 2
        )
    )
    assert regions.predict(image).mask.labels.tolist() == [[[0, 0, 1, 1]], [[0, 1, 1, 1]]]


def test_tiled_equals_untiled_for_a_local_network(make_model: MakeModel) -> None:
    rng = np.random.default_rng(0)
    weights = [rng.normal(size=(4, 1, 3, 3)), rng.normal(size=(4, 4, 3, 3)), rng.normal(size=(1, 4, 3, 3))]
    image = Image(rng.random((1, 301, 217), dtype=np.float32), Geometry((301, 217)))
    whole = make_model(weights, name="whole.onnx", preprocessing=Preprocessing(fit="scale", tile=512, normalisation=RAW))
    tiled = make_model(weights, name="tiled.onnx", preprocessing=Preprocessing(fit="scale", tile=100, normalisation=RAW))
    planes = image.pixels[np.newaxis]
    a, b = Predictor(whole).logits(planes), Predictor(tiled).logits(planes)
    assert b.shape == a.shape == (1, 1, 301, 217)
    inside = np.s_[:, :, 3:-12, 3:-12]  # the untiled plane is padded at its end, so its border differs
    np.testing.assert_allclose(b[inside], a[inside], atol=2e-3)


def test_padding_to_the_multiple_is_edge_and_cut(make_model: MakeModel) -> None:
    box = [np.full((1, 1, 3, 3), 1 / 9)]
    predictor = Predictor(make_model(box, bias=0.0, preprocessing=Preprocessing(fit="scale", multiple=16, normalisation=RAW)))
    logits = predictor.logits(np.full((2, 1, 20, 30), 4, np.float32))
    assert logits.shape == (2, 1, 20, 30)
    np.testing.assert_allclose(logits[:, :, 1:, 1:], 4, rtol=1e-6)  # the far border sees repeated edge values, not zeros


def test_statistics_of_the_volume_are_used(make_model: MakeModel) -> None:
    from delineate.preprocessing import measure

    rule = Preprocessing(fit="scale", normalisation=Normalisation(scheme="volume"))
    rng = np.random.default_rng(1)
    dark, bright = (Image(rng.normal(level, 1, (1, 32, 32)), Geometry((32, 32))) for level in (0, 100))
    predictor = Predictor(make_model(preprocessing=rule))
    stats = measure([dark, bright], rule)
    assert predictor.predict(bright, statistics=stats).mask.labels.all()
    assert not predictor.predict(dark, statistics=stats).mask.labels.any()


def test_wrong_images_and_options_are_refused(identity: ModelFile) -> None:
    with pytest.raises(DataError):
        Predictor(identity).predict(Image(np.zeros((3, 4, 4)), Geometry((4, 4))))
    with pytest.raises(UsageError):
        Predictor(identity, engine="steam")
    with pytest.raises(UsageError):
        Predictor(identity, threads=0)


def test_unknown_spacing_is_said(make_model: MakeModel) -> None:
    heard: list[Event] = []
    rule = Preprocessing(fit="spacing", pixel_mm=1.0, normalisation=RAW)
    Predictor(make_model(preprocessing=rule), on_event=heard.append).predict(Image(np.zeros((1, 8, 8)), Geometry((8, 8))))
    assert [e.code for e in heard if isinstance(e, Note)] == ["spacing-unknown"]


def test_every_batch_size_gives_the_same(identity: ModelFile) -> None:
    planes = np.random.default_rng(2).random((7, 1, 33, 20), dtype=np.float32)
    wanted = Predictor(identity, batch=7).logits(planes)
    for batch in (1, 2, 3, 16):
        np.testing.assert_array_equal(Predictor(identity, batch=batch).logits(planes), wanted)


MIDDLE_LESS_BEFORE = [np.array([-1.0, 1.0, 0.0]).reshape(1, 3, 1, 1)]


def rising() -> np.ndarray[Any, Any]:
    """(5, 6, 4): brighter than the slice before it on slices 1 and 3 only."""
    return np.broadcast_to(np.array([3, 5, 5, 9, 2], np.float32).reshape(-1, 1, 1), (5, 6, 4)).copy()


@pytest.mark.parametrize("batch", [1, 2, 16])
def test_a_network_sees_the_neighbours_of_a_volumes_slices(make_model: MakeModel, batch: int) -> None:
    rule = Preprocessing(fit="scale", neighbours=1, normalisation=RAW)
    predictor = Predictor(make_model(MIDDLE_LESS_BEFORE, preprocessing=rule), batch=batch)
    stack = rising()
    found = predictor.predict(Image(stack[np.newaxis], Geometry(stack.shape))).mask.labels
    assert found[:, 0, 0].tolist() == [0, 1, 0, 1, 0]
    slices = [Image(plane[np.newaxis], Geometry(plane.shape)) for plane in stack]
    apart = list(predictor.predict_slices(slices, probabilities=True, uncertainty=True))
    assert [one.mask.labels[0, 0] for one in apart] == [0, 1, 0, 1, 0]
    assert all(one.probabilities is not None and one.probabilities.shape == (1, 6, 4) for one in apart)
    assert all(one.uncertainty is not None and one.uncertainty.shape == (1, 6, 4) for one in apart)
    assert predictor.predict(slices[3]).mask.labels.sum() == 0  # by itself it is no brighter than itself


@pytest.mark.parametrize("views", [(), ("flip_horizontal",)])
def test_slices_together_are_as_one_by_one(make_model: MakeModel, views: Any) -> None:
    rng = np.random.default_rng(1)
    weights = [rng.normal(size=(4, 1, 3, 3)), rng.normal(size=(1, 4, 3, 3))]
    rule = Preprocessing(fit="letterbox", size=(32, 48), normalisation=Normalisation(scheme="volume"))
    predictor = Predictor(make_model(weights, bias=0.0, preprocessing=rule, views=views), engine="onnxruntime")
    images = [Image(rng.integers(0, 255, (1, 40, 30)).astype(np.uint8), Geometry((40, 30))) for _ in range(19)]
    together = list(predictor.predict_slices(images, probabilities=True, uncertainty=True))
    assert len(together) == 19
    for image, found in zip(images, together, strict=True):
        alone = predictor.predict(image, probabilities=True, uncertainty=True, clean=False)
        np.testing.assert_allclose(found.probabilities, alone.probabilities, atol=1e-5)
        np.testing.assert_allclose(found.uncertainty, alone.uncertainty, atol=1e-5)
        assert found.mask.geometry is image.geometry


def test_no_slices_no_predictions(identity: ModelFile) -> None:
    assert list(Predictor(identity).predict_slices([])) == []


def test_too_little_memory_names_the_image(identity: ModelFile, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any, **__: Any) -> Any:
        raise MemoryError

    predictor = Predictor(identity)
    monkeypatch.setattr(predictor, "logits", full)
    image = Image(np.zeros((1, 5, 4), np.uint8), Geometry((5, 4)))
    for job in (lambda: predictor.predict(image), lambda: list(predictor.predict_slices([image, image]))):
        with pytest.raises(ResourceError) as caught:
            job()
        assert caught.value.code == "image-exceeds-memory"
