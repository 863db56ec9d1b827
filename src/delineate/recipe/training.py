"""How a network is trained: augmentation, loss, optimiser, schedule, sampling."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer

from delineate.recipe.strict import StrictModel


class Augmentation(StrictModel):
    """Random changes, drawn per image, applied in one interpolation. Ranges are ± around no change.

    ``rotate`` degrees · ``scale`` fraction · ``shear`` degrees · ``shift`` fraction of the side · ``flip_*`` and
    ``transpose`` probability · ``brightness`` in standard deviations · ``contrast`` fraction · ``gamma`` fraction ·
    ``noise`` standard deviations (upper end) · ``blur`` pixels sigma (upper end) · ``elastic`` pixels ·
    ``cutout`` number of holes.
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
        ``sgd`` has Nesterov's momentum; ``lookahead_radam`` averages RAdam's weights every few steps.
    ``encoder_lr``, ``encoder_weight_decay``
        The learning rate of the network's encoder as a factor of ``lr``, and its own weight decay (``None``: the same): a
        pretrained encoder should move less than what is new.
    ``schedule``
        ``one_cycle`` rises for 30 % of the steps, in place of ``warmup``.
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
    optimiser: Literal["adamw", "adam", "sgd", "radam", "lookahead_radam"] = "adamw"
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

    @model_serializer(mode="wrap")
    def _plain(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """What came after the first runs were made is written only where it is used: their recipes keep their digest, and go on."""
        data: dict[str, Any] = write(self)
        for name in ("encoder_lr", "encoder_weight_decay"):
            if name in data and data[name] == type(self).model_fields[name].default:
                del data[name]
        return data
