"""Published encoder weights from a local file. Reading one runs nothing in it, and nothing is downloaded."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from delineate.errors import MissingExtra, UsageError
from delineate.recipe import NetworkRecipe

#: What trainers put before the names of an encoder's weights.
_PREFIXES = ("module.", "encoder.", "backbone.", "model.")


def load_pretrained(network: nn.Module, recipe: NetworkRecipe) -> bool:
    """Put the weights that ``recipe.options["pretrained"]`` names into ``network.encoder``; whether it names any.

    For the beginning of a training only: a trained network has its own weights and must not need the file. Weights for another
    number of channels are fitted to the encoder's first convolution (:func:`fit_channels`); a classifier at the end of the
    file is left out. Raises :class:`UsageError` where the file is missing, cannot be read or does not fit.
    """
    path = recipe.options.get("pretrained")
    if path is None:
        return False
    encoder = getattr(network, "encoder", None)
    if not isinstance(encoder, nn.Module):
        raise UsageError("pretrained-no-encoder", network=recipe.name)
    fill(encoder, read_weights(Path(path)), path)
    return True


def read_weights(path: Path) -> dict[str, Tensor]:
    """The tensors of a .safetensors or .pth file by name, without what trainers put around them."""
    if not path.is_file():
        raise UsageError("pretrained-missing", path=path)
    data: Any
    try:
        if path.suffix == ".safetensors":
            try:
                from safetensors.torch import load_file
            except ModuleNotFoundError:
                raise MissingExtra("missing-extra", extra="train") from None
            data = load_file(path)
        else:
            data = torch.load(path, map_location="cpu", weights_only=True)
    except MissingExtra:
        raise
    except Exception as error:  # noqa: BLE001 - both libraries raise many kinds for a damaged or refused file
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise UsageError("pretrained-unreadable", path=path, reason=reason) from None
    for key in ("state_dict", "model"):
        if isinstance(data, Mapping) and isinstance(data.get(key), Mapping):
            data = data[key]
    found = {name: value for name, value in data.items() if isinstance(value, Tensor)} if isinstance(data, Mapping) else {}
    if not found:
        raise UsageError("pretrained-unreadable", path=path, reason="no tensors by name")
    for prefix in _PREFIXES:
        inside = {name.removeprefix(prefix): value for name, value in found.items() if name.startswith(prefix)}
        found = inside or found
    return found


def fill(encoder: nn.Module, weights: Mapping[str, Tensor], path: object) -> None:
    """Copy ``weights`` into ``encoder``; all of its parameters and statistics must be there, what is more is left out."""
    own = encoder.state_dict()
    fitted: dict[str, Tensor] = {}
    for name, tensor in own.items():
        if name.endswith("num_batches_tracked"):
            fitted[name] = weights.get(name, tensor)
            continue
        given = weights.get(name)
        if given is not None and given.ndim == tensor.ndim == 4 and given.shape[1] != tensor.shape[1] and name == _first(own):
            given = fit_channels(given, tensor.shape[1])
        if given is None or given.shape != tensor.shape:
            found = "–" if given is None else "×".join(map(str, given.shape))
            raise UsageError("pretrained-does-not-fit", path=path, name=name, found=found, wanted="×".join(map(str, tensor.shape)))
        fitted[name] = given.to(tensor.dtype)
    encoder.load_state_dict(fitted)


def fit_channels(weight: Tensor, channels: int) -> Tensor:
    """A first convolution (out, c, h, w) for ``channels`` inputs.

    For one: the sum, so that a grey image gives what it gave when shown as three equal channels. For more: repeated and scaled by
    c / channels, which keeps the size of the response.
    """
    if channels == 1:
        return weight.sum(dim=1, keepdim=True)
    given = weight.shape[1]
    return weight[:, [i % given for i in range(channels)]] * (given / channels)


def _first(own: Mapping[str, Tensor]) -> str:
    """The name of the first convolution's weights."""
    return next((name for name, tensor in own.items() if tensor.ndim == 4), "")
