"""Which network, and the shape of our compositional U-Net. No torch here: a recipe is checked without it."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from delineate.recipe.strict import StrictModel


class UNetOptions(StrictModel):
    """Options of the network ``unet`` (Ronneberger et al. 2015, arXiv:1505.04597, in its usual padded form).

    ``widths`` has one entry per resolution, finest first; ``len(widths) - 1`` is the number of 2× down-samplings.
    """

    widths: tuple[int, ...] = (32, 64, 128, 256, 512)
    decoder: Literal["transposed", "upsample"] = "upsample"
    norm: Literal["batch", "instance", "group", "none"] = "batch"
    residual: bool = False
    dropout: float = Field(default=0.0, ge=0, lt=1)
    freeze_norm: bool = False


class NetworkRecipe(StrictModel):
    """``name`` from the registry of networks (or a preset's name), ``options`` checked by that network."""

    name: str = "unet"
    options: dict[str, Any] = Field(default_factory=dict)


#: The U-Nets of the reference systems: R1 chest CT, R2 brain MRI, R3 lungs, R4 cell membranes.
UNET_PRESETS: dict[str, UNetOptions] = {
    "unet_r1": UNetOptions(widths=(64, 128, 256, 512, 1024), decoder="upsample"),
    "unet_r2": UNetOptions(widths=(32, 64, 128, 256, 512), decoder="transposed"),
    "unet_r3": UNetOptions(widths=(64, 128, 256, 512, 1024), decoder="transposed"),
    "unet_r4": UNetOptions(widths=(8, 16, 32, 64, 128), decoder="transposed"),
}

#: Presets that come with a head of K + 1 maps and a softmax even for one class.
TWO_MAP_PRESETS = frozenset({"unet_r1"})
