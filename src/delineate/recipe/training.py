"""How a network is trained: augmentation, loss, optimiser, schedule, sampling."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, SerializerFunctionWrapHandler, field_validator, model_serializer

from delineate.recipe.strict import StrictModel


class Augmentation(StrictModel):
    """Random changes, drawn per image, applied in one interpolation. Ranges are ± around no change.

    ``rotate`` degrees · ``scale`` fraction · ``shear`` degrees · ``shift`` fraction of the side · ``flip_*`` and
    ``transpose`` probability · ``brightness`` in standard deviations · ``contrast`` fraction · ``gamma`` fraction ·
    ``noise`` standard deviations (upper end) · ``blur`` pixels sigma (upper end) · ``elastic`` pixels ·
    ``cutout`` number of holes.

    What the presets of reference systems need beside (written to recipe.json only where it is used):
    ``rotate_90`` probability of a turn by 0, 90, 180 or 270 degrees · ``resized_crop`` (least, most) share of the image's area
    that is cut out and brought to full size, its width to height within 3:4 … 4:3 (``None``: no such crop) · ``affine_chance``
    probability that ``rotate``, ``scale``, ``shear`` and ``shift`` act on an image, together · ``cutout_chance`` the same for the
    holes · ``cutout_pixels`` side of every hole in pixels of the working size (0: 5 to 20 % of the side) · ``cutout_dark`` holes
    are as dark as the image's darkest pixel, not as its mean · ``mirror_border`` what lies outside is the image mirrored, not its
    edge repeated.
    """

    rotate: float = 0.0
    scale: float = 0.0
    shear: float = 0.0
    shift: float = 0.0
    flip_horizontal: float = 0.0
    flip_vertical: float = 0.0
    transpose: float = 0.0
    brightness: float = 0.0
    contrast: float = 0.0
    gamma: float = 0.0
    noise: float = 0.0
    blur: float = 0.0
    elastic: float = 0.0
    cutout: int = 0
    rotate_90: float = Field(default=0.0, ge=0, le=1)
    resized_crop: tuple[float, float] | None = None
    affine_chance: float = Field(default=1.0, ge=0, le=1)
    cutout_chance: float = Field(default=1.0, ge=0, le=1)
    cutout_pixels: int = Field(default=0, ge=0)
    cutout_dark: bool = False
    mirror_border: bool = False

    @field_validator("resized_crop")
    @classmethod
    def _shares(cls, value: tuple[float, float] | None) -> tuple[float, float] | None:
        if value is not None and not 0 < value[0] <= value[1] <= 1:
            raise ValueError("must be two shares of the area, 0 < least <= most <= 1")
        return value

    @model_serializer(mode="wrap")
    def _plain(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return _without_defaults(self, write(self), _LATER_CHANGES)


#: What came after the first runs were made is written only where it is used: their recipes keep their digest, and go on.
_LATER_CHANGES = (
    "rotate_90",
    "resized_crop",
    "affine_chance",
    "cutout_chance",
    "cutout_pixels",
    "cutout_dark",
    "mirror_border",
)
_LATER_TRAINING = ("encoder_lr", "encoder_weight_decay", "plateau_patience", "accumulate", "checkpoint_activations")


def _without_defaults(model: StrictModel, data: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    for name in names:
        if name in data and getattr(model, name) == type(model).model_fields[name].default:
            del data[name]
    return data


_R5_LIGHT: dict[str, Any] = {
    "resized_crop": (0.08, 1.0),
    "transpose": 0.5,
    "flip_horizontal": 0.5,
    "flip_vertical": 0.5,
    "rotate_90": 0.5,
}
_R5_DROPOUT: dict[str, Any] = {"cutout": 8, "cutout_pixels": 8, "cutout_chance": 0.5, "cutout_dark": True}

AUGMENTATION_PRESETS: dict[str, Augmentation] = {
    "none": Augmentation(),
    "light": Augmentation(rotate=15, scale=0.05, flip_horizontal=0.5),
    "medium": Augmentation(
        rotate=20, scale=0.15, shift=0.05, flip_horizontal=0.5, brightness=0.2, contrast=0.2, gamma=0.2, noise=0.05
    ),
    "heavy": Augmentation(
        rotate=30,
        scale=0.25,
        shear=8,
        shift=0.1,
        flip_horizontal=0.5,
        brightness=0.35,
        contrast=0.35,
        gamma=0.35,
        noise=0.1,
        blur=1.0,
        elastic=6.0,
        cutout=4,
    ),
    # R2's Keras variant names rotation, shift, shear, zoom and flip without their ranges; these are those of the Keras U-Net that
    # most projects of its kind began from (github.com/zhixuhao/unet, main.py: rotation_range=0.2, shifts, shear and zoom 0.05,
    # horizontal_flip, fill_mode "nearest"). Keras means degrees by 0.2 and 0.05, so that rotation and shear hardly act.
    "r2_keras": Augmentation(rotate=0.2, scale=0.05, shear=0.05, shift=0.05, flip_horizontal=0.5),
    # R5 names transforms of Albumentations; the numbers are the defaults of its releases 0.4 to 1.3: RandomResizedCrop(scale=(0.08,
    # 1), ratio=(3/4, 4/3), p=1), Transpose, HorizontalFlip, VerticalFlip and RandomRotate90(p=0.5), CoarseDropout(8 holes of 8 × 8
    # pixels, fill 0, p=0.5), ShiftScaleRotate(0.0625, 0.1, 45°, BORDER_REFLECT_101, p=0.5).
    "r5_light": Augmentation(**_R5_LIGHT),
    "r5_medium": Augmentation(**_R5_LIGHT, **_R5_DROPOUT),
    "r5_heavy": Augmentation(**_R5_LIGHT, **_R5_DROPOUT, rotate=45, scale=0.1, shift=0.0625, affine_chance=0.5, mirror_border=True),
}


class Stage(StrictModel):
    """A part of training at one working size. ``until`` is the share of all steps at which it ends (the last is 1)."""

    until: float = Field(default=1.0, gt=0, le=1)
    size: tuple[int, int] = (256, 256)
    batch: int = Field(default=8, ge=1)


class Training(StrictModel):
    """
    ``steps``
        Optimiser steps in all; the schedule ends exactly there.
    ``epoch_steps``
        Steps between validations (one line of history.csv each).
    ``stages``
        Working sizes over time. With ``crop`` the stage's size is a random crop of the prepared plane (patch training);
        without, the whole plane is resampled to it.
    ``loss``
        A loss name or weighted sum such as ``"1.0*dice+1.0*ce"`` (``ce`` is BCE for sigmoid label kinds).
    ``foreground``
        How many times as often a plane with foreground is drawn as one without (in patch training: the share
        ``1 - 1/foreground`` of crops is centred on foreground).
    ``patience``
        Early stopping: epochs without a better validation score; ``None`` never stops early.
    ``ema``
        Decay of the averaged weights that are validated and exported; 0 switches it off.
    ``optimiser``
        ``sgd`` has Nesterov's momentum; ``lookahead_radam`` averages RAdam's weights every few steps; ``muon`` is Muon for
        convolutions between many channels and AdamW for all else, at the same learning rate.
    ``encoder_lr``, ``encoder_weight_decay``
        The learning rate of the network's encoder as a factor of ``lr``, and its own weight decay (``None``: the same): a
        pretrained encoder should move less than what is new.
    ``schedule``
        ``one_cycle`` rises for 30 % of the steps, in place of ``warmup``.
    ``accumulate``
        Parts in which a batch passes through the network, one after the other: less memory, the gradient of the whole batch, one
        more forward pass. Norms over the batch see one part at a time.
    ``checkpoint_activations``
        Keep a block's input only and compute the rest anew on the way back: much less memory for about a third more time.
    ``plateau_patience``
        Epochs without a lower validation loss after which ``plateau`` takes a quarter of the learning rate.
    ``warmup``
        Share of steps of linear warm-up.
    ``precision``, ``channels_last``, ``compile``, ``threads``
        Decided on the machine; recorded.
    """

    steps: int = Field(default=1000, ge=1)
    epoch_steps: int = Field(default=100, ge=1)
    stages: tuple[Stage, ...] = (Stage(),)
    crop: bool = False
    loss: str = "1.0*dice+1.0*ce"
    optimiser: Literal["adamw", "adam", "sgd", "radam", "lookahead_radam", "muon"] = "adamw"
    lr: float = Field(default=2e-3, gt=0)
    weight_decay: float = Field(default=1e-2, ge=0)
    schedule: Literal["cosine", "plateau", "constant", "poly", "one_cycle"] = "cosine"
    warmup: float = Field(default=0.05, ge=0, lt=1)
    clip_norm: float | None = 1.0
    ema: float = Field(default=0.99, ge=0, lt=1)
    foreground: float = Field(default=1.0, ge=1)
    augmentation: Augmentation = AUGMENTATION_PRESETS["medium"]
    patience: int | None = None
    precision: Literal["fp32", "bf16", "fp16"] = "fp32"
    channels_last: bool = True
    compile: bool = False
    threads: int | None = None
    device: str = "cpu"
    seed: int = 0
    encoder_lr: float = Field(default=1.0, ge=0)
    encoder_weight_decay: float | None = Field(default=None, ge=0)
    plateau_patience: int = Field(default=5, ge=1)
    accumulate: int = Field(default=1, ge=1)
    checkpoint_activations: bool = False

    @model_serializer(mode="wrap")
    def _plain(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return _without_defaults(self, write(self), _LATER_TRAINING)
