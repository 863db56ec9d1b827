"""Exported = trained; the record travels with the network and can be changed without touching it."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from torch import Tensor, nn

from delineate.domain import LabelSet
from delineate.errors import ModelFileError, ResourceError, RunError
from delineate.export import export_onnx, network_sha256, stamp_record
from delineate.models import build
from delineate.recipe import ModelRecord, NetworkRecipe, Normalisation, Preprocessing

RECORD = ModelRecord(
    name="肺 & lungs",
    labels=LabelSet(kind="exclusive", names=("left", "right")),
    preprocessing=Preprocessing(size=(64, 64), normalisation=Normalisation(scheme="dataset", mean=(0.1,), std=(2.5,))),
    thresholds=(0.5, 0.5),
    provenance={"seed": 3},
)
OPTIONS: dict[str, dict[str, Any]] = {
    "upsample": {},
    "transposed": {"decoder": "transposed"},
    "instance, residual": {"norm": "instance", "residual": True},
    "group, dropout": {"norm": "group", "dropout": 0.5},
    "frozen": {"freeze_norm": True, "decoder": "transposed"},
}


def trained(channels: int = 1, out: int = 3, **options: Any) -> nn.Module:
    """A network whose norms have statistics of their own, as after training."""
    torch.manual_seed(1)
    network = build(NetworkRecipe(options={"widths": (4, 8, 12), **options}), channels, out).train()
    for layer in network.modules():
        if isinstance(layer, nn.BatchNorm2d):
            assert layer.running_mean is not None
            assert layer.running_var is not None
            layer.running_mean.normal_(0, 0.3)
            layer.running_var.uniform_(0.5, 2)
            nn.init.uniform_(layer.weight, 0.5, 1.5)
            nn.init.normal_(layer.bias)
    return network


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> tuple[nn.Module, Path]:
    network = trained()
    return network, export_onnx(network, RECORD, tmp_path_factory.mktemp("model") / "model.onnx", in_channels=1)


def answer(path: Path, image: Tensor) -> np.ndarray[Any, Any]:
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return np.asarray(session.run(["logits"], {"image": image.numpy()})[0])


@pytest.mark.parametrize("name", OPTIONS)
def test_exported_is_trained_at_any_size(name: str, tmp_path: Path) -> None:
    network = trained(3, 2, **OPTIONS[name])
    path = export_onnx(network, RECORD, tmp_path / "model.onnx", in_channels=3)
    network.eval()
    for batch, size in ((1, (97, 131)), (3, (64, 64)), (2, (37, 53)), (5, (16, 200)), (1, (5, 3))):
        image = torch.randn(batch, 3, *size)
        with torch.no_grad():
            wanted = network(image).numpy()
        got = answer(path, image)
        assert got.shape == wanted.shape
        assert np.abs(got - wanted).max() <= 1e-4 * np.abs(wanted).max()


def test_the_file_is_whole_and_says_what_it_is(exported: tuple[nn.Module, Path]) -> None:
    _, path = exported
    assert [p.name for p in path.parent.iterdir()] == ["model.onnx"]  # no external data, no temporary file
    model = onnx.load(path)
    onnx.checker.check_model(model, full_check=True)
    assert model.producer_name == "delineate"
    assert next(o.version for o in model.opset_import if o.domain == "") >= 17
    assert {m.key: m.value for m in model.metadata_props} == {"delineate": RECORD.model_dump_json()}
    assert ModelRecord.model_validate_json(model.metadata_props[0].value) == RECORD
    image, logits = model.graph.input[0], model.graph.output[0]
    assert (image.name, logits.name) == ("image", "logits")
    for value, channels in ((image, 1), (logits, 3)):
        n, c, h, w = value.type.tensor_type.shape.dim
        assert value.type.tensor_type.elem_type == onnx.TensorProto.FLOAT
        assert c.dim_value == channels
        assert n.dim_param
        assert h.dim_param
        assert w.dim_param


def test_the_file_does_not_tell_of_the_machine(exported: tuple[nn.Module, Path]) -> None:
    content = exported[1].read_bytes()
    for trace in (b"site-packages", b"unet.py", b"torch/", str(Path.cwd()).encode(), str(Path.home()).encode()):
        assert trace not in content, trace


def test_norms_are_folded_into_convolutions(exported: tuple[nn.Module, Path]) -> None:
    operations = {node.op_type for node in onnx.load(exported[1]).graph.node}
    assert "BatchNormalization" not in operations
    assert not operations & {"Sigmoid", "Softmax"}


def test_the_module_is_left_as_it_was(tmp_path: Path) -> None:
    network = trained().to(memory_format=torch.channels_last).train()
    before = {key: value.clone() for key, value in network.state_dict().items()}
    export_onnx(network, RECORD, tmp_path / "model.onnx", in_channels=1)
    assert network.training
    assert all(torch.equal(value, before[key]) for key, value in network.state_dict().items())


def test_same_network_same_file(exported: tuple[nn.Module, Path], tmp_path: Path) -> None:
    network, path = exported
    again = export_onnx(network, RECORD, tmp_path / "again.onnx", in_channels=1)
    assert again.read_bytes() == path.read_bytes()


def test_quiet_and_quick(tmp_path: Path, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture) -> None:
    started = time.perf_counter()
    with caplog.at_level(logging.WARNING):
        export_onnx(trained(), RECORD, tmp_path / "model.onnx", in_channels=1)
    assert time.perf_counter() - started < 30  # about 2 s alone on a core
    assert capfd.readouterr() == ("", "")
    assert not caplog.records


class Trap(nn.Module):
    """A network of someone else's that breaks a rule of the contract."""

    def __init__(self, wrong: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.layer = nn.Conv2d(1, 1, 1)
        self.wrong = wrong

    def forward(self, x: Tensor) -> Tensor:
        return self.wrong(self.layer(x))


def test_a_difference_is_found_and_nothing_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Weights that change between conversion and check stand for a converter that is wrong."""
    import delineate.export.network as room

    convert = room._convert

    def broken(network: nn.Module, in_channels: int, size: tuple[int, int]) -> Any:
        model = convert(network, in_channels, size)
        with torch.no_grad():
            next(network.parameters()).mul_(1.05)
        return model

    monkeypatch.setattr(room, "_convert", broken)
    path = tmp_path / "model.onnx"
    path.write_bytes(b"the one before")
    with pytest.raises(RunError, match="does not answer as"):
        export_onnx(trained(), RECORD, path, in_channels=1)
    assert path.read_bytes() == b"the one before"
    assert len(list(tmp_path.iterdir())) == 1


def test_weights_that_are_not_finite_are_refused(tmp_path: Path) -> None:
    network = trained()
    with torch.no_grad():
        next(network.parameters())[0] = float("nan")
    with pytest.raises(RunError, match="does not answer as"):
        export_onnx(network, RECORD, tmp_path / "model.onnx", in_channels=1)
    assert not list(tmp_path.iterdir())


def test_a_network_that_cannot_be_exported_is_explained(tmp_path: Path) -> None:
    network = Trap(lambda x: x if x.sum() > 0 else -x)
    with pytest.raises(RunError, match="cannot be written as ONNX"):
        export_onnx(network, RECORD, tmp_path / "model.onnx", in_channels=1)
    assert not list(tmp_path.iterdir())


def test_a_network_of_one_size_only_is_refused(tmp_path: Path) -> None:
    network = Trap(lambda x: x + torch.ones(128, 1))
    with pytest.raises(RunError, match="cannot be written as ONNX"):
        export_onnx(network, RECORD, tmp_path / "model.onnx", in_channels=1, example_size=(128, 128))
    assert not list(tmp_path.iterdir())


def test_stamping_keeps_the_network(exported: tuple[nn.Module, Path], tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(exported[1].read_bytes())
    before, image = network_sha256(path), torch.randn(1, 1, 20, 30)
    answered = answer(path, image)
    scored = RECORD.model_copy(update={"scores": {"test": {"dice": {"mean": 0.9, "n": 4}}, "scored_network_sha256": before}})
    assert stamp_record(path, scored) == path
    model = onnx.load(path)
    assert [ModelRecord.model_validate_json(m.value) for m in model.metadata_props] == [scored]
    assert network_sha256(path) == before
    np.testing.assert_array_equal(answer(path, image), answered)
    stamp_record(path, RECORD)
    assert path.read_bytes() == exported[1].read_bytes()


def test_stamping_leaves_other_metadata(exported: tuple[nn.Module, Path], tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    model = onnx.load(exported[1])
    model.metadata_props.add(key="hospital", value="x")
    onnx.save(model, path)
    stamp_record(path, RECORD.model_copy(update={"name": "new"}))
    metadata = {m.key: m.value for m in onnx.load(path).metadata_props}
    assert metadata["hospital"] == "x"
    assert '"new"' in metadata["delineate"]


def test_the_digest_sees_one_changed_weight(exported: tuple[nn.Module, Path], tmp_path: Path) -> None:
    model = onnx.load(exported[1])
    weights = onnx.numpy_helper.to_array(model.graph.initializer[0]).copy()
    weights.flat[0] += 1
    model.graph.initializer[0].CopyFrom(onnx.numpy_helper.from_array(weights, model.graph.initializer[0].name))
    onnx.save(model, tmp_path / "other.onnx")
    assert network_sha256(tmp_path / "other.onnx") != network_sha256(exported[1])


@pytest.mark.parametrize("content", [b"", b"not a model", b"\x00" * 100, None], ids=["empty", "text", "zeros", "missing"])
def test_files_that_are_no_model(content: bytes | None, tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ModelFileError, match=r"model\.onnx"):
        stamp_record(path, RECORD)
    with pytest.raises(ModelFileError):
        network_sha256(path)
    assert (path.read_bytes() if path.exists() else None) == content


def test_a_damaged_model(exported: tuple[nn.Module, Path], tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(exported[1].read_bytes()[:-200])
    with pytest.raises(ModelFileError):
        stamp_record(path, RECORD)


def test_a_place_that_cannot_be_written(exported: tuple[nn.Module, Path], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ResourceError):
        export_onnx(exported[0], RECORD, tmp_path / "file" / "model.onnx", in_channels=1)
