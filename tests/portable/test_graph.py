"""The graph from raw pixels against the predictor: the same mask for every preparation, size and type of pixels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
from tests.portable.tiny import feeds, model_file, picture

from delineate.domain import Image, LabelSet
from delineate.errors import ModelFileError
from delineate.inference import ModelFile, Predictor
from delineate.portable import raw_graph
from delineate.recipe import Normalisation, Preprocessing

LEAST = 0.999
ONE = LabelSet()
TWO = LabelSet(kind="exclusive", names=("a", "b"))
APART = LabelSet(kind="regions", names=("a", "b"))
DATASET = Normalisation(scheme="dataset", low=(0.0,), high=(220.0,), mean=(40.0,), std=(30.0,))


def prep(**values: Any) -> Preprocessing:
    return Preprocessing.model_validate({"colour": "grey", "size": (64, 48), **values})


#: What is prepared → labels, preparation, other parts of the record.
CASES: dict[str, tuple[LabelSet, Preprocessing, dict[str, Any]]] = {
    "letterbox": (ONE, prep(), {}),
    "stretch": (ONE, prep(fit="stretch"), {}),
    "scale": (ONE, prep(fit="scale", scale=0.6), {}),
    "scale-up": (ONE, prep(fit="scale", scale=1.3), {}),
    "spacing": (ONE, prep(fit="spacing", pixel_mm=0.5, scale=0.8), {}),
    "own-size": (ONE, prep(fit="scale", scale=1.0), {}),
    "crop": (ONE, prep(crop="content"), {}),
    "crop-stretch": (ONE, prep(crop="content", fit="stretch"), {}),
    "crop-scale": (TWO, prep(crop="content", crop_above=30.0, fit="scale", scale=0.5), {}),
    "padded": (ONE, prep(size=(50, 70), multiple=32), {}),
    "nonzero": (ONE, prep(normalisation=Normalisation(nonzero=True)), {}),
    "percentiles": (ONE, prep(normalisation=Normalisation(percentiles=(10.0, 70.0))), {}),
    "volume": (ONE, prep(normalisation=Normalisation(scheme="volume")), {}),
    "dataset": (ONE, prep(normalisation=DATASET), {}),
    "none": (ONE, prep(normalisation=Normalisation(scheme="none", high=(255.0,))), {}),
    "rgb": (ONE, prep(colour="rgb", channels=3), {}),
    "rgb-dataset": (TWO, prep(colour="rgb", channels=3, normalisation=DATASET), {}),
    "neighbours": (ONE, prep(neighbours=1, normalisation=Normalisation(scheme="volume")), {}),
    "rgb-neighbours": (ONE, prep(colour="rgb", channels=3, neighbours=2), {"views": ("flip_horizontal",)}),
    "exclusive": (TWO, prep(), {"temperatures": (1.7,)}),
    "one-exclusive": (LabelSet(kind="exclusive"), prep(), {"thresholds": (0.6,), "temperatures": (1.7,)}),
    "regions": (APART, prep(), {"thresholds": (0.4, 0.6), "temperatures": (0.6, 1.7)}),
    "views": (ONE, prep(size=(50, 70), multiple=32), {"views": ("flip_horizontal", "flip_vertical", "rotate_180")}),
    "exclusive-views": (TWO, prep(size=(60, 44)), {"views": ("flip_horizontal",)}),
    "calibrated": (ONE, prep(), {"thresholds": (0.55,), "temperatures": (2.3,)}),
}
SIZES = ((64, 48), (37, 150), (301, 203))


def session(content: bytes) -> Any:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = 1, 3
    return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])


def agreement(run: Any, predictor: Predictor, image: Image) -> float:
    wanted = predictor.predict(image).mask.labels
    found = run(feeds(image))
    assert found.dtype == np.uint8
    assert found.shape == wanted.shape
    share = float((wanted > 0).mean())
    assert 0.02 < share < 0.98, f"the picture tests nothing: {share}"
    return float((found == wanted).mean())


def engine(content: bytes) -> Any:
    own = session(content)
    return lambda fed: own.run(None, fed)[0]


@pytest.mark.parametrize("name", CASES)
def test_the_mask_is_the_predictors(name: str, tmp_path: Path) -> None:
    labels, preprocessing, more = CASES[name]
    model = model_file(tmp_path, labels, preprocessing=preprocessing, **more)
    run, predictor = engine(raw_graph(model)), Predictor(model, engine="onnxruntime", threads=1)
    kinds: list[tuple[int, Any]] = [(1, np.uint8), (3, np.uint8)]
    if preprocessing.normalisation.scheme not in ("dataset", "none"):  # fixed scales are of 8-bit values here
        kinds += [(1, np.uint16), (1, np.float32)]
    for size in SIZES:
        for channels, dtype in kinds:
            assert agreement(run, predictor, picture(*size, channels, dtype)) >= LEAST, (size, channels, dtype)


@pytest.mark.parametrize("name", ["letterbox", "crop-scale", "nonzero", "exclusive", "views"])
def test_openvino_gives_it_too(name: str, tmp_path: Path) -> None:
    openvino = pytest.importorskip("openvino")
    labels, preprocessing, more = CASES[name]
    model = model_file(tmp_path, labels, preprocessing=preprocessing, **more)
    core = openvino.Core()
    network = core.compile_model(core.read_model(raw_graph(model)), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    predictor = Predictor(model, engine="onnxruntime", threads=1)
    for size, dtype in (((37, 150), np.uint8), ((301, 203), np.uint16)):
        assert agreement(lambda fed: network(fed)[0], predictor, picture(*size, 1, dtype)) >= LEAST, (size, dtype)


def test_channels_of_their_own(tmp_path: Path) -> None:
    model = model_file(tmp_path, ONE, preprocessing=prep(colour="as-is", channels=2))
    run = engine(raw_graph(model))
    assert agreement(run, Predictor(model, engine="onnxruntime", threads=1), picture(90, 80, 2)) >= LEAST


def test_large_pictures_are_measured_at_the_same_places(tmp_path: Path) -> None:
    """Beyond 2^19 pixels a sample is looked at; a picture half of noise would show another sample."""
    model = model_file(tmp_path, ONE, preprocessing=prep(normalisation=Normalisation(percentiles=(20.0, 80.0))))
    run = engine(raw_graph(model))
    assert agreement(run, Predictor(model, engine="onnxruntime", threads=1), picture(901, 777)) >= LEAST


@pytest.mark.parametrize("name", ["letterbox", "crop", "nonzero"])
@pytest.mark.parametrize("value", [0, 7])
def test_pictures_without_contrast(name: str, value: int, tmp_path: Path) -> None:
    labels, preprocessing, more = CASES[name]
    model = model_file(tmp_path, labels, preprocessing=preprocessing, **more)
    run, predictor = engine(raw_graph(model)), Predictor(model, engine="onnxruntime", threads=1)
    for size in ((1, 1), (40, 30)):
        image = picture(*size)
        image.pixels[:] = value
        np.testing.assert_array_equal(run(feeds(image)), predictor.predict(image).mask.labels)


def test_the_demonstration_model() -> None:
    model = ModelFile.open("demo")
    run, predictor = engine(raw_graph(model)), Predictor(model, engine="onnxruntime", threads=1)
    for size, channels, dtype in (((96, 96), 1, np.uint8), ((211, 160), 3, np.uint8), ((150, 333), 1, np.uint16)):
        assert agreement(run, predictor, picture(*size, channels, dtype)) >= LEAST, (size, channels, dtype)


def test_older_operator_sets_are_raised(tmp_path: Path) -> None:
    model = model_file(tmp_path, ONE, preprocessing=prep(), opset=13)
    assert agreement(engine(raw_graph(model)), Predictor(model, engine="onnxruntime", threads=1), picture(80, 70)) >= LEAST


def test_what_a_graph_cannot_do_is_refused(tmp_path: Path) -> None:
    views = model_file(tmp_path, ONE, preprocessing=prep(), views=("flip_horizontal", "rotate_90"))
    with pytest.raises(ModelFileError) as refused:
        raw_graph(views)
    assert refused.value.code == "raw-views"
    tiles = model_file(tmp_path, ONE, preprocessing=prep(size=(200, 80), tile=128))
    with pytest.raises(ModelFileError) as refused:
        raw_graph(tiles)
    assert refused.value.code == "raw-tiles"


def test_the_graph_is_no_model_file(tmp_path: Path) -> None:
    """``predict`` would prepare the pixels a second time."""
    path = tmp_path / "raw.onnx"
    path.write_bytes(raw_graph(ModelFile.open("demo")))
    with pytest.raises(ModelFileError) as refused:
        ModelFile.open(path)
    assert refused.value.code == "model-foreign"
