"""Which network, and the shape of our compositional U-Net. No torch here: a recipe is checked without it."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from delineate.recipe.strict import StrictModel


class UNetOptions(StrictModel):
    """Options of the network ``unet`` (Ronneberger et al. 2015, arXiv:1505.04597, in its usual padded form).

    ``widths`` has one entry per resolution, finest first; ``len(widths) - 1`` is the number of 2× down-samplings. ``dropout`` is
    the share of the coarsest map's channels (the bottleneck) that is dropped while training. ``block`` × ``block`` pixels become
    channels of one place before the first level, and logits become pixels again after the last (space to depth, Shi et al. 2016,
    arXiv:1609.05158): the same detail for a fraction of the time.
    """

    widths: tuple[int, ...] = (32, 64, 128, 256, 512)
    decoder: Literal["transposed", "upsample"] = "upsample"
    norm: Literal["batch", "instance", "group", "none"] = "batch"
    residual: bool = False
    dropout: float = Field(default=0.0, ge=0, lt=1)
    freeze_norm: bool = False
    block: int = Field(default=1, ge=1, le=8)


class AttentionUNetOptions(UNetOptions):
    """Options of ``attention_unet``: a U-Net with an attention gate on every skip.

    ``gate``: ``additive`` (Oktay et al. 2018, arXiv:1804.03999) or ``simple`` (one 1×1 convolution, R2).
    """

    gate: Literal["additive", "simple"] = "additive"


class ResUNetOptions(StrictModel):
    """Options of ``resunet``: residual blocks on the way down, plain ones on the way up (nnU-Net's "ResEnc", Isensee et al. 2024,
    arXiv:2404.09556).

    ``widths`` as in :class:`UNetOptions`; ``blocks`` is the number of residual blocks per resolution, the last entry holds for
    all coarser ones.
    """

    widths: tuple[int, ...] = (32, 64, 128, 256, 512)
    blocks: tuple[int, ...] = Field(default=(1, 3, 4, 6), min_length=1)
    decoder: Literal["transposed", "upsample"] = "transposed"
    norm: Literal["batch", "instance", "group", "none"] = "batch"
    dropout: float = Field(default=0.0, ge=0, lt=1)
    freeze_norm: bool = False


class ResNetUNetOptions(StrictModel):
    """Options of ``resnet34_unet``: ResNet-34 (He et al. 2015, arXiv:1512.03385) as the encoder.

    ``base`` and ``blocks`` are ResNet's first width and its blocks per stage: (2, 2, 2, 2) makes it a ResNet-18. ``widths`` are the
    decoder's, finest first; the finest level joins the image itself. ``pretrained`` is a file with the weights of a ResNet
    of these sizes under torchvision's names (.safetensors, or .pth which is read without running anything in it); it is read when
    training begins, never later. Nothing is downloaded.
    """

    base: int = Field(default=64, ge=1)
    blocks: tuple[int, int, int, int] = (3, 4, 6, 3)
    widths: tuple[int, int, int, int, int] = (16, 32, 64, 128, 256)
    decoder: Literal["transposed", "upsample"] = "upsample"
    freeze_norm: bool = False
    pretrained: str | None = None


class UNetPlusPlusOptions(StrictModel):
    """Options of ``unetplusplus`` (Zhou et al. 2018, arXiv:1807.10165).

    ``heads``
        ``each``: a head per depth, the loss is taken on each of them and the prediction is their mean (deep supervision);
        ``average``: the same heads, the loss is taken on their mean (R2); ``last``: one head, at the deepest.
    ``depth``
        Prediction goes down only this many levels and leaves the rest of the network out (pruning); training is not changed by it.
    """

    widths: tuple[int, ...] = (32, 64, 128, 256, 512)
    decoder: Literal["transposed", "upsample"] = "upsample"
    norm: Literal["batch", "instance", "group", "none"] = "batch"
    residual: bool = False
    dropout: float = Field(default=0.0, ge=0, lt=1)
    freeze_norm: bool = False
    heads: Literal["each", "average", "last"] = "each"
    depth: int | None = Field(default=None, ge=1)


class SmpOptions(StrictModel):
    """Options of ``smp:ARCHITECTURE/ENCODER`` (segmentation_models_pytorch). ``pretrained`` is a local file as in
    :class:`ResNetUNetOptions`; ``arguments`` go to the library as they are, e.g. ``{"decoder_channels": [64, 32, 16, 8, 4]}``.
    """

    pretrained: str | None = None
    arguments: dict[str, Any] = Field(default_factory=dict)


class MonaiOptions(StrictModel):
    """Options of ``monai:NAME``. ``arguments`` go to the library as they are, e.g. ``{"norm": "batch", "dropout": 0.1}``."""

    arguments: dict[str, Any] = Field(default_factory=dict)


class NetworkRecipe(StrictModel):
    """``name`` from the registry of networks (or a preset's name), ``options`` checked by that network."""

    name: str = "unet"
    options: dict[str, Any] = Field(default_factory=dict)


#: The U-Nets of the reference systems: R1 chest CT, R2 brain MRI, R3 lungs, R4 cell membranes.
UNET_PRESETS: dict[str, UNetOptions] = {
    "unet_r1": UNetOptions(widths=(64, 128, 256, 512, 1024), decoder="upsample"),
    "unet_r2": UNetOptions(widths=(32, 64, 128, 256, 512), decoder="transposed"),
    "unet_r2_keras": UNetOptions(widths=(32, 64, 128, 256, 512), decoder="transposed", dropout=0.5),
    "unet_r3": UNetOptions(widths=(64, 128, 256, 512, 1024), decoder="transposed"),
    "unet_r4": UNetOptions(widths=(8, 16, 32, 64, 128), decoder="transposed"),
}

#: Presets that come with a head of K + 1 maps and a softmax even for one class.
TWO_MAP_PRESETS = frozenset({"unet_r1", "unet_r2_keras"})
