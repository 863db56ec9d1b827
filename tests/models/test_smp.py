"""Networks of segmentation_models_pytorch, where the extra ``zoo`` is installed; what is said where it is not."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from delineate.errors import MissingExtra, RecipeError, UsageError
from delineate.losses import make_loss
from delineate.models import build, load_pretrained
from delineate.models.smp import _encoder
from delineate.recipe import NetworkRecipe

SMALL = {"arguments": {"decoder_channels": (16, 8, 8, 4, 4)}}
NAMES = ("smp:unet/resnet18", "smp:unetplusplus/resnet18", "smp:unet/tu-regnetx_002", "smp:unet/timm-regnety_004")
#: R5's dearest encoder, other decoders, other families of encoders: built, costed, sent through once.
MORE = (
    "smp:unetplusplus/resnest200e",
    "smp:unet/timm-efficientnet-b0",
    "smp:fpn/mobilenet_v2",
    "smp:manet/resnet18",
    "smp:linknet/resnet18",
    "smp:deeplabv3plus/resnet18",
    "smp:unet/tu-convnext_atto",
)


def test_without_the_extra_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "segmentation_models_pytorch", None)
    with pytest.raises(MissingExtra, match=r"delineate\[zoo\]"):
        build(NetworkRecipe(name="smp:unet/resnet18"), 1, 1)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_contract(name: str, tmp_path: Path) -> None:
    pytest.importorskip("segmentation_models_pytorch")
    from delineate.domain import LabelSet
    from delineate.export import export_onnx
    from delineate.recipe import ModelRecord

    torch.manual_seed(0)
    network = build(NetworkRecipe(name=name, options=SMALL), 2, 1)
    for batch, size in ((1, (1, 1)), (1, (37, 53)), (3, (32, 40))):
        image = torch.randn(batch, 2, *size)
        trained = network.train()(image)
        assert trained.shape == network.eval()(image).shape == (batch, 1, *size)
        assert torch.isfinite(trained).all()
    with torch.no_grad():
        image = torch.randn(2, 2, 37, 53)
        before = network.eval()(image)
        for parameter in network.head.parameters():  # type: ignore[union-attr]
            parameter *= 100
        torch.testing.assert_close(network(image), 100 * before, rtol=1e-3, atol=1e-2)
        for parameter in network.head.parameters():  # type: ignore[union-attr]
            parameter /= 100
    loss = make_loss("dice+ce", LabelSet())(network.train()(image), torch.randint(0, 2, (2, 37, 53)))
    loss.backward()
    assert all(p.grad is not None for p in network.parameters())

    path = export_onnx(network, ModelRecord(), tmp_path / "model.onnx", in_channels=2)
    import onnxruntime

    given = np.random.default_rng(0).standard_normal((1, 2, 45, 70), dtype=np.float32)
    with torch.no_grad():
        wanted = network.eval()(torch.from_numpy(given)).numpy()
    got = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"]).run(["logits"], {"image": given})[0]
    np.testing.assert_allclose(got, wanted, atol=1e-3 * np.abs(wanted).max())


@pytest.mark.slow
@pytest.mark.parametrize("channels", [1, 2, 3, 5])
def test_any_number_of_channels(channels: int) -> None:
    pytest.importorskip("segmentation_models_pytorch")
    network = build(NetworkRecipe(name="smp:unet/timm-regnety_004", options=SMALL), channels, 2)
    assert network(torch.randn(2, channels, 40, 33)).shape == (2, 2, 40, 33)


@pytest.mark.slow
@pytest.mark.parametrize("name", MORE)
def test_more_of_the_library(name: str) -> None:
    pytest.importorskip("segmentation_models_pytorch")
    network = build(NetworkRecipe(name=name), 1, 1)
    with torch.no_grad():
        assert network.eval()(torch.randn(1, 1, 70, 65)).shape == (1, 1, 70, 65)
    encoder = network.encoder  # type: ignore[union-attr]
    assert isinstance(encoder, torch.nn.Module), "whose learning rate may be set apart"


def test_names_of_encoders() -> None:
    library = pytest.importorskip("segmentation_models_pytorch")
    assert _encoder(library, "resnet34") == "resnet34"
    for name in ("resnest200e", "timm-resnest200e", "tu-resnest200e"):
        assert _encoder(library, name) == "tu-resnest200e"
    assert _encoder(library, "timm-regnety_004") == "tu-regnety_004"


def test_what_is_not_there_is_listed() -> None:
    pytest.importorskip("segmentation_models_pytorch")
    with pytest.raises(UsageError, match=r"'unett'.*unetplusplus"):
        build(NetworkRecipe(name="smp:unett/resnet18"), 1, 1)
    with pytest.raises(UsageError, match=r"'resnet7'.*resnet34"):
        build(NetworkRecipe(name="smp:unet/resnet7"), 1, 1)
    with pytest.raises(RecipeError, match="encoder_weights"):
        build(NetworkRecipe(name="smp:unet/resnet18", options={"encoder_weights": "imagenet"}), 1, 1)
    with pytest.raises(RecipeError, match=r"'wheels'.*decoder_channels"):
        build(NetworkRecipe(name="smp:unet/resnet18", options={"arguments": {"wheels": 4}}), 1, 1)


def test_encoder_weights_from_a_local_file(tmp_path: Path) -> None:
    pytest.importorskip("segmentation_models_pytorch")
    source = build(NetworkRecipe(name="smp:unet/resnet18"), 3, 1)
    path = tmp_path / "encoder.pth"
    torch.save(source.encoder.state_dict(), path)  # type: ignore[union-attr]
    recipe = NetworkRecipe(name="smp:unet/resnet18", options={"pretrained": str(path)})
    network = build(recipe, 1, 1)
    assert load_pretrained(network, recipe)
    ours, theirs = network.encoder.state_dict(), source.encoder.state_dict()  # type: ignore[union-attr]
    torch.testing.assert_close(ours["conv1.weight"], theirs["conv1.weight"].sum(1, keepdim=True))
    assert torch.equal(ours["layer4.1.conv2.weight"], theirs["layer4.1.conv2.weight"])
