"""8-bit networks: an ordinary model file that decides like the one it was made from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from torch import nn

from delineate.errors import RunError
from delineate.export import export_onnx
from delineate.export.quantise import quantise, quantised_convolutions
from delineate.inference import ModelFile, Predictor
from delineate.recipe import ModelRecord, Normalisation, Preprocessing

RECORD = ModelRecord(name="edges", preprocessing=Preprocessing(fit="scale", normalisation=Normalisation(scheme="none")))


class Bands(nn.Module):
    """A small network of convolutions with a known answer: brightness after some smoothing, minus one half."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(1, 8, 3, padding=1)
        self.second = nn.Conv2d(8, 8, 3, padding=1)
        self.last = nn.Conv2d(8, 1, 1)
        with torch.no_grad():
            for layer in (self.first, self.second):
                layer.weight.fill_(1 / (9 * layer.in_channels))
                layer.bias.zero_()
            self.last.weight.fill_(1 / 8)
            self.last.bias.fill_(-0.5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        answer: torch.Tensor = self.last(torch.relu(self.second(torch.relu(self.first(x)))))
        return answer


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> ModelFile:
    path = tmp_path_factory.mktemp("int8") / "model.onnx"
    return ModelFile.open(export_onnx(Bands().eval(), RECORD, path, in_channels=1))


def planes(count: int, seed: int = 0) -> list[np.ndarray[Any, Any]]:
    rng = np.random.default_rng(seed)
    return [rng.random((1, 1, 48, 64), dtype=np.float32) ** 2 for _ in range(count)]


def test_the_answers_are_close_and_the_record_travels(model: ModelFile, tmp_path: Path) -> None:
    content = quantise(model.data, planes(6))
    assert quantised_convolutions(model.data) == (0, 3)
    assert quantised_convolutions(content) == (3, 3)
    (tmp_path / "int8.onnx").write_bytes(content)
    made = ModelFile.open(tmp_path / "int8.onnx")
    assert made.record == model.record
    batch = np.concatenate(planes(3, seed=5))
    for engine in ("onnxruntime", "openvino"):
        if engine == "openvino":
            pytest.importorskip("openvino")
        before, after = (Predictor(one, engine=engine).logits(batch) for one in (model, made))
        # Activations have 255 steps over their range: a few steps of error at most, and some error there must be.
        assert 1e-5 < np.abs(before - after).max() < 0.03
        assert np.corrcoef(before.ravel(), after.ravel())[0, 1] > 0.99


def test_no_sum_of_two_products_overflows_16_bits(model: ModelFile) -> None:
    """Processors without VNNI add u8 x s8 products in pairs, in 16 bits: with full weights they would give another mask."""
    stored = onnx.load_model_from_string(quantise(model.data, planes(6))).graph.initializer
    weights = [array for one in stored if (array := onnx.numpy_helper.to_array(one)).dtype == np.int8 and array.ndim == 4]
    assert len(weights) == 3
    largest = max(int(np.abs(array.astype(np.int64)).max()) for array in weights)
    assert largest > 32 and 2 * 255 * largest <= 2**15 - 1


def test_the_ends_may_stay_in_floating_point(model: ModelFile) -> None:
    content = quantise(model.data, planes(2), float_ends=True)
    assert quantised_convolutions(content) == (1, 3)
    assert next(iter(onnx.load_model_from_string(content).graph.node)).op_type == "Conv"


def test_ranges_come_from_the_calibration_planes(model: ModelFile, tmp_path: Path) -> None:
    """Calibrated on dark planes, bright pixels are cut off: the proof that the given planes are what is calibrated on."""
    dark = [plane * 0.1 for plane in planes(4)]
    (tmp_path / "dark.onnx").write_bytes(quantise(model.data, dark))
    (tmp_path / "bright.onnx").write_bytes(quantise(model.data, [np.ones((1, 1, 48, 64), np.float32)]))
    bright = np.ones((1, 1, 48, 64), np.float32)
    wanted = Predictor(model, engine="onnxruntime").logits(bright)[0, 0, 24, 32]
    cut, kept = (
        Predictor(tmp_path / f"{name}.onnx", engine="onnxruntime").logits(bright)[0, 0, 24, 32] for name in ("dark", "bright")
    )
    assert wanted == pytest.approx(0.5, abs=1e-5)
    assert kept == pytest.approx(0.5, abs=0.02)
    assert cut < -0.3


def test_what_cannot_be_quantised_is_said(model: ModelFile) -> None:
    with pytest.raises(RunError) as caught:
        quantise(model.data, [np.ones((1, 3, 8, 8), np.float32)])  # three channels, the network takes one
    assert caught.value.code == "quantisation-failed"
    with pytest.raises(ValueError, match="planes"):
        quantise(model.data, [])
