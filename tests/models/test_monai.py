"""Networks of MONAI, where the extra ``monai`` is installed; what is said where it is not."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from delineate.errors import MissingExtra, RecipeError, UsageError
from delineate.losses import make_loss
from delineate.models import build, describe, networks
from delineate.recipe import NetworkRecipe

SMALL: dict[str, dict[str, Any]] = {
    "BasicUNet": {"features": (4, 4, 8, 8, 8, 4)},
    "DynUNet": {"filters": (4, 8, 8), "kernel_size": (3, 3, 3), "strides": (1, 2, 2), "upsample_kernel_size": (2, 2)},
    "SegResNet": {"init_filters": 8, "blocks_down": (1, 1), "blocks_up": (1,)},
}


def small(name: str, inputs: int = 2, outputs: int = 1) -> torch.nn.Module:
    return build(NetworkRecipe(name=f"monai:{name}", options={"arguments": SMALL[name]}), inputs, outputs)


def test_without_the_extra_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "monai", None)
    monkeypatch.delitem(sys.modules, "monai.networks.nets", raising=False)
    with pytest.raises(MissingExtra, match=r"delineate\[monai\]"):
        build(NetworkRecipe(name="monai:UNet"), 1, 1)


def test_what_is_not_there_is_listed() -> None:
    with pytest.raises(UsageError, match=r"'UNETR'.*BasicUNet"):
        build(NetworkRecipe(name="monai:UNETR"), 1, 1)
    pytest.importorskip("monai")
    with pytest.raises(RecipeError, match="dropout"):
        build(NetworkRecipe(name="monai:UNet", options={"arguments": {"wheels": 4}}), 1, 1)
    with pytest.raises(UsageError, match="monai:UNet"):
        build(NetworkRecipe(name="monai:UNet", options={"arguments": {"channels": (4,)}}), 1, 1)
    assert build(NetworkRecipe(name="monai:unet", options={"arguments": {"channels": (4, 8), "strides": (2,)}}), 1, 1)


@pytest.mark.slow  # importing the library alone takes seconds
def test_every_member_can_be_built_and_costed() -> None:
    pytest.importorskip("monai")
    for name in networks.members():
        assert describe(NetworkRecipe(name=name), 1, 3, (64, 64))["parameters"] > 1e6, name


@pytest.mark.slow  # importing the library and exporting take seconds
@pytest.mark.parametrize("name", SMALL)
def test_contract(name: str, tmp_path: Path) -> None:
    pytest.importorskip("monai")
    from delineate.domain import LabelSet
    from delineate.export import export_onnx
    from delineate.recipe import ModelRecord

    torch.manual_seed(0)
    network = small(name)
    for batch, size in ((1, (1, 1)), (1, (37, 53)), (3, (32, 40))):
        image = torch.randn(batch, 2, *size)
        trained = network.train()(image)
        assert trained.shape == network.eval()(image).shape == (batch, 1, *size)
        assert torch.isfinite(trained).all()
    loss = make_loss("dice+ce", LabelSet())(network.train()(image), torch.randint(0, 2, (3, 32, 40)))
    loss.backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in network.parameters())

    optimiser = torch.optim.Adam(network.parameters(), lr=1e-2)
    truth = torch.zeros(4, 32, 40, dtype=torch.uint8)
    truth[:, 8:20, 10:25] = 1
    image = truth[:, None].float().expand(-1, 2, -1, -1) + 0.1 * torch.randn(4, 2, 32, 40)
    for _ in range(60):
        optimiser.zero_grad()
        make_loss("dice+ce", LabelSet())(network(image), truth).backward()
        optimiser.step()
    logits = network.eval()(image)
    found = logits[:, 0] > 0
    assert 2 * (found & (truth > 0)).sum() / (found.sum() + truth.sum()) > 0.95
    assert logits.min() < -1, "logits, not probabilities"
    assert logits.max() > 1

    path = export_onnx(network, ModelRecord(), tmp_path / "model.onnx", in_channels=2)
    import onnxruntime

    given = np.random.default_rng(0).standard_normal((1, 2, 45, 70), dtype=np.float32)
    with torch.no_grad():
        wanted = network(torch.from_numpy(given)).numpy()
    got = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"]).run(["logits"], {"image": given})[0]
    np.testing.assert_allclose(got, wanted, atol=1e-3 * np.abs(wanted).max())


@pytest.mark.slow  # importing the library takes seconds
def test_one_value_per_channel_and_memory_order() -> None:
    pytest.importorskip("monai")
    network = small("BasicUNet").to(memory_format=torch.channels_last)
    image: Any = torch.randn(2, 2, 32, 32).to(memory_format=torch.channels_last)
    assert network(image).is_contiguous(memory_format=torch.channels_last)
    plain = small("BasicUNet")
    for layer in plain.modules():  # as the library itself computes
        if isinstance(layer, torch.nn.InstanceNorm2d):
            layer.__class__ = torch.nn.InstanceNorm2d
    ours = small("BasicUNet")
    ours.load_state_dict(plain.state_dict())
    torch.testing.assert_close(ours(image.contiguous()), plain(image.contiguous()), rtol=1e-4, atol=1e-5)
