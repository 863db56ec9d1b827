"""Networks by name, and what one costs."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, Protocol, TypedDict

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from delineate.models.monai_networks import members as monai_members
from delineate.models.monai_networks import monai_factory
from delineate.models.smp import smp_factory
from delineate.models.unet import build_attention_unet, build_resnet34_unet, build_resunet, build_unet
from delineate.models.unetplusplus import build_unetplusplus
from delineate.recipe import UNET_PRESETS, NetworkRecipe
from delineate.registry import Registry


class NetworkFactory(Protocol):
    """Makes a network with initialised weights; see the package's docstring for what it must keep."""

    def __call__(self, in_channels: int, out_channels: int, options: Mapping[str, Any]) -> nn.Module: ...


class Cost(TypedDict):
    """``parameters``: trainable numbers. ``flops``: of one forward pass of one image; a multiply-add counts as two."""

    parameters: int
    flops: int


def _preset(in_channels: int, out_channels: int, options: Mapping[str, Any], *, defaults: Mapping[str, Any]) -> nn.Module:
    return build_unet(in_channels, out_channels, {**defaults, **options})


networks: Registry[NetworkFactory] = Registry("network")
networks.add("unet", build_unet)
for _name, _options in UNET_PRESETS.items():
    networks.add(_name, partial(_preset, defaults=_options.model_dump()))
networks.add("attention_unet", build_attention_unet)
networks.add("resunet", build_resunet)
networks.add("resnet34_unet", build_resnet34_unet)
networks.add("unetplusplus", build_unetplusplus)
networks.add_family("smp", smp_factory)
networks.add_family("monai", monai_factory, monai_members)


def build(network: NetworkRecipe, in_channels: int, out_channels: int) -> nn.Module:
    """The network of a recipe, on the CPU, float32, in training mode.

    ``out_channels`` is ``LabelSet.channels``. Raises :class:`~delineate.errors.UsageError` for an unknown name (lists the
    known), :class:`~delineate.errors.RecipeError` for unknown or unusable options.
    """
    if in_channels < 1 or out_channels < 1:
        raise ValueError(f"a network needs at least one channel in and out, got {in_channels} and {out_channels}")
    return networks.get(network.name)(in_channels, out_channels, network.options)


def describe(network: NetworkRecipe, in_channels: int, out_channels: int, size: tuple[int, int]) -> Cost:
    """What a network costs at ``size`` = (rows, columns). Computed without memory for weights or maps, so it is quick for
    any size."""
    with torch.device("meta"), torch.no_grad():
        module = build(network, in_channels, out_channels).eval()
        with FlopCounterMode(display=False) as counter:
            module(torch.empty(1, in_channels, *size))
    parameters = sum(p.numel() for p in module.parameters() if p.requires_grad)
    return {"parameters": parameters, "flops": int(counter.get_total_flops())}
