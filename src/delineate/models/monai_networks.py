"""Networks of MONAI by name: ``monai:BasicUNet``, ``monai:UNet``, ``monai:DynUNet``, ``monai:SegResNet``, ``monai:AttentionUnet``,
``monai:BasicUNetPlusPlus``; each in two dimensions.

The library (Apache-2.0) is the optional extra ``monai`` and is imported when such a network is built. Its transformers are not
here: ``UNETR`` is built for one image size, and ``SwinUNETR`` asks in Python how large the image is, so that neither can be written
as one ONNX graph for images of any size.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from importlib.util import find_spec
from inspect import signature
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from delineate.errors import MissingExtra, RecipeError, UsageError
from delineate.models.blocks import BatchNorm
from delineate.recipe import MonaiOptions, parse

if TYPE_CHECKING:
    from delineate.models.catalogue import NetworkFactory

#: Arguments that are not a person's to give.
_DECIDED = {"spatial_dims", "in_channels", "out_channels", "deep_supervision", "deep_supr_num"}


_WIDTHS = {"channels": (32, 64, 128, 256, 512), "strides": (2, 2, 2, 2)}
#: Their names, with what the library wants to be told.
_KINDS: dict[str, dict[str, Any]] = {
    "BasicUNet": {},
    "UNet": {**_WIDTHS, "num_res_units": 2},
    "DynUNet": {
        "kernel_size": (3,) * 5,
        "strides": (1, 2, 2, 2, 2),
        "upsample_kernel_size": (2,) * 4,
        "filters": _WIDTHS["channels"],
    },
    "SegResNet": {"init_filters": 16},
    "AttentionUnet": _WIDTHS,
    "BasicUNetPlusPlus": {},
}


class InstanceNorm(nn.InstanceNorm2d):
    """MONAI's instance normalisation without torch's refusal of one value per channel (that gives the shift), in the caller's
    memory order."""

    def forward(self, x: Tensor) -> Tensor:
        if self.training and x.shape[0] == 1:  # see blocks.GroupNorm
            return torch.group_norm(x, self.num_features, self.weight, self.bias, self.eps)
        y = torch.instance_norm(x, self.weight, self.bias, None, None, True, 0.0, self.eps, False)
        return y.contiguous(memory_format=torch.channels_last) if x.is_contiguous(memory_format=torch.channels_last) else y


class Monai(nn.Module):
    """A network of the library with what ours promise: any size, logits, one value per channel is enough."""

    def __init__(self, network: nn.Module, step: int) -> None:
        super().__init__()
        for layer in network.modules():
            if type(layer) is nn.BatchNorm2d:
                layer.__class__ = BatchNorm  # the same parameters; one value per channel does not end it
                layer.frozen = False  # type: ignore[assignment]
            elif type(layer) is nn.InstanceNorm2d and not layer.track_running_stats:
                layer.__class__ = InstanceNorm
        self.network = network
        self.step = step

    def forward(self, x: Tensor) -> Tensor:
        height, width = x.shape[2], x.shape[3]
        padded = F.pad(x, (0, -width % self.step, 0, -height % self.step), mode="replicate")
        found = self.network(padded)
        logits: Tensor = found[-1] if isinstance(found, list | tuple) else found
        return logits[:, :, :height, :width]


def members() -> list[str]:
    """The names behind ``monai:`` where the library is installed."""
    return list(_KINDS) if find_spec("monai") is not None else []


def monai_factory(name: str) -> NetworkFactory:
    """The factory of a network of the library; :class:`UsageError` where there is no such, :class:`MissingExtra` without it."""
    known = {one.lower(): one for one in _KINDS}
    if name.lower() not in known:
        raise UsageError("unknown-choice", kind="monai network", name=name, choices=", ".join(_KINDS))
    chosen = known[name.lower()]
    made_by = getattr(_library(), chosen)

    def make(in_channels: int, out_channels: int, options: Mapping[str, Any]) -> nn.Module:
        o = parse(MonaiOptions, dict(options), "network.options")
        allowed = sorted(set(signature(made_by).parameters) - _DECIDED)
        unknown = sorted(set(o.arguments) - set(allowed))
        if unknown:
            raise RecipeError("unknown-key", source="network.options.arguments", key=unknown[0], known=", ".join(allowed))
        arguments = {**_KINDS[chosen], **o.arguments}
        try:
            network = made_by(spatial_dims=2, in_channels=in_channels, out_channels=out_channels, **arguments)
            return Monai(network, _step(arguments))
        except (TypeError, ValueError, KeyError, AttributeError, AssertionError, RuntimeError) as error:
            reason = (str(error).splitlines() or [type(error).__name__])[0]
            raise UsageError("network-unusable", network=f"monai:{chosen}", reason=reason) from None

    return make


def _step(arguments: Mapping[str, Any]) -> int:
    """What the network divides the image's sides by."""
    if "strides" in arguments:
        step = 1
        for stride in arguments["strides"]:
            step *= max(stride) if isinstance(stride, list | tuple) else int(stride)
        return step
    if "init_filters" in arguments:
        return int(2 ** (len(arguments.get("blocks_down", (1, 2, 2, 4))) - 1))
    return 16


def _library() -> Any:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the library warns of what its own parts import
            import monai.networks.nets
    except ModuleNotFoundError as error:
        if error.name is not None and error.name.split(".")[0] != "monai":
            raise
        raise MissingExtra("missing-extra", extra="monai") from None
    return monai.networks.nets
