"""The 2×2 transposed convolution as a matrix product: torch's own layer is the oracle."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from delineate.models.decoder import TransposedConv, UNetDecoder  # noqa: E402


def both(dtype: torch.dtype, layout: torch.memory_format) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
    """(output, gradients of input, weight and bias) of ours and of torch's."""
    torch.manual_seed(0)
    ours = TransposedConv(8, 5).to(dtype)
    theirs = torch.nn.ConvTranspose2d(8, 5, 2, stride=2).to(dtype)
    theirs.load_state_dict(ours.state_dict())  # the same names and shapes: weights of old runs fit
    images = torch.randn(2, 8, 6, 7, dtype=dtype).to(memory_format=layout)
    wanted = torch.randn(2, 5, 12, 14, dtype=dtype)
    results = []
    for layer in (ours, theirs):
        x = images.clone(memory_format=torch.preserve_format).requires_grad_()
        y = layer(x)
        y.backward(wanted)
        results.append([y.detach(), x.grad, layer.weight.grad, layer.bias.grad])
    return results[0], results[1]


@pytest.mark.parametrize("layout", [torch.channels_last, torch.contiguous_format])
def test_equals_torchs_layer_in_value_and_gradient(layout: torch.memory_format) -> None:
    mine, theirs = both(torch.float64, layout)
    for a, b in zip(mine, theirs, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-12, atol=1e-12)
    assert mine[0].is_contiguous(memory_format=layout)


def test_keeps_close_in_bfloat16() -> None:
    torch.manual_seed(0)
    layer = TransposedConv(16, 8)
    x = torch.randn(1, 16, 4, 4).to(memory_format=torch.channels_last)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        y = layer(x)
    assert y.dtype == torch.bfloat16
    torch.testing.assert_close(y.float(), layer.eval()(x), rtol=0.02, atol=0.02)


@pytest.mark.parametrize("side", [16, 13])
def test_decoder_gives_the_skips_size(side: int) -> None:
    """Where sizes halve without remainder nothing is cut; else one row and column are."""
    decoder = UNetDecoder([4, 8], up="transposed")
    skip, deep = torch.randn(1, 4, side, side), torch.randn(1, 8, -(-side // 2), -(-side // 2))
    assert decoder([skip, deep]).shape == (1, 4, side, side)
