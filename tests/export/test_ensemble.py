"""Several networks in one file: the mean of their probabilities, and what may not differ."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from tests.inference.conftest import RAW, network, save

from delineate.domain import Geometry, Image, LabelSet
from delineate.errors import ModelFileError, UsageError
from delineate.export import write_ensemble
from delineate.inference import ModelFile, Predictor
from delineate.recipe import Clean, ModelRecord, Preprocessing, View

PLAIN = Preprocessing(fit="scale", normalisation=RAW)


def member(path: Path, weight: float, bias: float = 0.0, channels: int = 1, **record: object) -> ModelFile:
    values = ModelRecord(**{"preprocessing": PLAIN, "name": path.stem, **record})  # type: ignore[arg-type]
    weights = [np.full((channels, 1, 1, 1), weight) * np.linspace(-1, 1, channels).reshape(-1, 1, 1, 1) if channels > 1 else
               np.full((1, 1, 1, 1), weight)]  # fmt: skip
    return ModelFile.open(save(network(weights, bias), path, values.model_dump_json()))


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def test_the_file_answers_with_the_mean_probability(tmp_path: Path) -> None:
    members = [
        member(tmp_path / "a.onnx", 2.0, -1.0, thresholds=(0.4,)),
        member(tmp_path / "b.onnx", -1.0, 0.5, thresholds=(0.6,), temperatures=(2.0,)),
        member(tmp_path / "c.onnx", 5.0, -2.0, thresholds=(0.5,)),
    ]
    record = write_ensemble(members, tmp_path / "all.onnx", name="all")
    x = np.random.default_rng(0).random((1, 20, 30)).astype(np.float32)
    found = Predictor(tmp_path / "all.onnx").predict(Image(x, Geometry((20, 30))), probabilities=True, uncertainty=True)
    each = np.stack([sigmoid(2 * x[0] - 1), sigmoid((-x[0] + 0.5) / 2), sigmoid(5 * x[0] - 2)])
    assert found.probabilities is not None
    assert np.allclose(found.probabilities[0], each.mean(axis=0), atol=1e-5)
    assert record.thresholds == (0.5,)
    assert record.members == 3
    assert record.temperatures == ()

    def bits(p: np.ndarray) -> np.ndarray:
        return -(p * np.log2(p) + (1 - p) * np.log2(1 - p))

    assert found.uncertainty is not None
    assert np.allclose(found.uncertainty[0], bits(each.mean(axis=0)), atol=1e-4)
    assert np.allclose(found.uncertainty[1], bits(each.mean(axis=0)) - bits(each).mean(axis=0), atol=1e-4)


def test_exclusive_classes(tmp_path: Path) -> None:
    labels = LabelSet(kind="exclusive", names=("a", "b"))
    more = {"labels": labels, "thresholds": (0.5, 0.5), "clean": (Clean(), Clean())}
    members = [member(tmp_path / f"{w}.onnx", w, channels=3, **more) for w in (1.0, -4.0)]
    write_ensemble(members, tmp_path / "all.onnx", name="all")
    x = np.random.default_rng(1).random((1, 16, 16)).astype(np.float32)
    found = Predictor(tmp_path / "all.onnx").predict(Image(x, Geometry((16, 16))), probabilities=True, uncertainty=True)
    logits = [np.stack([w * s * x[0] for s in (-1, 0, 1)]) for w in (1.0, -4.0)]
    wanted = np.mean([labels.probabilities(one) for one in logits], axis=0)
    assert found.probabilities is not None
    assert np.allclose(found.probabilities, wanted, atol=1e-5)
    assert found.uncertainty is not None
    assert found.uncertainty[1].max() > 0.05  # the members disagree


def test_large_planes_in_tiles_and_views(tmp_path: Path) -> None:
    """Tiles and views see a network without surroundings: the answer must not change."""
    recipe = PLAIN.model_copy(update={"tile": 64, "tile_overlap": 0.25})
    views: tuple[View, ...] = ("flip_horizontal",)
    members = [member(tmp_path / f"{w}.onnx", w, preprocessing=recipe, views=views) for w in (2.0, 4.0)]
    assert write_ensemble(members, tmp_path / "all.onnx", name="all").views == views
    x = np.random.default_rng(2).random((1, 90, 150)).astype(np.float32)
    found = Predictor(tmp_path / "all.onnx").predict(Image(x, Geometry((90, 150))), probabilities=True, uncertainty=True)
    assert found.probabilities is not None
    assert np.allclose(found.probabilities[0], (sigmoid(2 * x[0]) + sigmoid(4 * x[0])) / 2, atol=1e-4)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"preprocessing": PLAIN.model_copy(update={"size": (64, 64)})}, "preprocessing.size"),
        ({"labels": LabelSet(names=("lung",))}, "labels.names"),
    ],
)
def test_what_differs_is_said(tmp_path: Path, change: dict[str, object], said: str) -> None:
    members = [member(tmp_path / "a.onnx", 1.0), member(tmp_path / "b.onnx", 1.0, **change)]
    with pytest.raises(ModelFileError) as caught:
        write_ensemble(members, tmp_path / "all.onnx", name="all")
    assert caught.value.code == "ensemble-differs"
    assert said in str(caught.value)
    assert not (tmp_path / "all.onnx").exists()


def test_one_member_is_no_ensemble(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        write_ensemble([member(tmp_path / "a.onnx", 1.0)], tmp_path / "all.onnx", name="all")
    assert caught.value.code == "ensemble-too-few"


def test_clean_up_is_that_of_most_members(tmp_path: Path) -> None:
    options = [Clean(largest=True, min_pixels=10), Clean(largest=True, min_pixels=30), Clean(fill_holes=True)]
    members = [member(tmp_path / f"{n}.onnx", 1.0, clean=(option,)) for n, option in enumerate(options)]
    assert write_ensemble(members, tmp_path / "all.onnx", name="all").clean == (Clean(largest=True, min_pixels=20),)


def test_nothing_of_a_members_graph_is_lost(tmp_path: Path) -> None:
    members = [member(tmp_path / f"{n}.onnx", 1.0 + n) for n in range(2)]
    write_ensemble(members, tmp_path / "all.onnx", name="all")
    model = onnx.load(tmp_path / "all.onnx")
    onnx.checker.check_model(model)
    assert sum(node.op_type == "Conv" for node in model.graph.node) == 2
