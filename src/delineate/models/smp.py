"""Networks of segmentation_models_pytorch by name: ``smp:ARCHITECTURE/ENCODER``, e.g. ``smp:unetplusplus/resnet34`` or
``smp:unet/timm-regnety_004``. The encoder may be any of the library's own or any of timm's: as ``tu-NAME``, as the library calls it
now, as ``timm-NAME``, as it did when R5 was written, or by its name alone, as in ``smp:unetplusplus/resnest200e``.

The library is the optional extra ``zoo`` and is imported when such a network is built.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from inspect import signature
from typing import TYPE_CHECKING, Any

import torch.nn.functional as F
from torch import Tensor, nn

from delineate.errors import MissingExtra, RecipeError, UsageError
from delineate.models.blocks import BatchNorm
from delineate.recipe import SmpOptions, parse

if TYPE_CHECKING:
    from delineate.models.catalogue import NetworkFactory

#: Coarsest step of the encoders there are; images are padded to a multiple of it, and cut back.
_STEP = 32
#: Arguments that are not a person's to give.
_DECIDED = {"encoder_name", "encoder_weights", "in_channels", "classes", "activation", "aux_params", "kwargs"}


class Smp(nn.Module):
    """A network of the library with what ours promise: any size, logits, one value per channel is enough to train on."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        for layer in network.modules():
            if type(layer) is nn.BatchNorm2d:
                layer.__class__ = BatchNorm  # the same parameters; one value per channel does not end it
                layer.frozen = False  # type: ignore[assignment]
        self.network = network

    @property
    def encoder(self) -> nn.Module:
        encoder: nn.Module = self.network.encoder  # type: ignore[assignment]
        return encoder

    @property
    def head(self) -> nn.Module:
        head: nn.Module = self.network.segmentation_head  # type: ignore[assignment]
        return head

    def forward(self, x: Tensor) -> Tensor:
        height, width = x.shape[2], x.shape[3]
        right, below = -width % _STEP, -height % _STEP
        if self.training and x.shape[0] == 1 and height <= _STEP and width <= _STEP:
            right += _STEP  # timm's norms refuse to learn from one value per channel
        padded = F.pad(x, (0, right, 0, below), mode="replicate")
        logits: Tensor = self.network(padded)
        return logits[:, :, :height, :width]


def smp_factory(name: str) -> NetworkFactory:
    """The factory of ``ARCHITECTURE/ENCODER``; :class:`UsageError` where there is no such, :class:`MissingExtra` without the
    library."""
    library = _library()
    architecture, slash, encoder = name.partition("/")
    known = library.MODEL_ARCHITECTURES_MAPPING
    encoder = encoder if slash else "resnet34"
    if architecture.lower() not in known:
        choices = ", ".join(sorted(known))
        raise UsageError("unknown-choice", kind="smp architecture", name=architecture, choices=choices)
    encoder = _encoder(library, encoder)

    def make(in_channels: int, out_channels: int, options: Mapping[str, Any]) -> nn.Module:
        o = parse(SmpOptions, dict(options), "network.options")
        # The library takes and forgets arguments that it does not know; a recipe should not.
        allowed = sorted(set(signature(known[architecture.lower()]).parameters) - _DECIDED)
        unknown = sorted(set(o.arguments) - set(allowed))
        if unknown:
            raise RecipeError("unknown-key", source="network.options.arguments", key=unknown[0], known=", ".join(allowed))
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of names that the library would like to be others
                made = library.create_model(
                    architecture.lower(),
                    encoder,
                    encoder_weights=None,  # nothing is downloaded; ``pretrained`` is a local file
                    in_channels=in_channels,
                    classes=out_channels,
                    activation=None,
                    **o.arguments,
                )
        except (TypeError, ValueError, KeyError, RuntimeError) as error:
            reason = (str(error).splitlines() or [type(error).__name__])[0]
            raise UsageError("network-unusable", network=f"smp:{name}", reason=reason) from None
        return Smp(made)

    return make


def _encoder(library: Any, name: str) -> str:
    """The name by which the library knows an encoder today."""
    if name in library.encoders.encoders:
        return name
    from timm import is_model  # what the library builds its own encoders of

    plain = name.removeprefix("tu-").removeprefix("timm-")
    if is_model(plain):
        return f"tu-{plain}"
    choices = ", ".join([*sorted(library.encoders.encoders), "tu-… (timm)"])
    raise UsageError("unknown-choice", kind="smp encoder", name=name, choices=choices)


def _library() -> Any:
    try:
        import segmentation_models_pytorch
    except ModuleNotFoundError:
        raise MissingExtra("missing-extra", extra="zoo") from None
    return segmentation_models_pytorch
