"""How the reference systems trained, as settings that are read in recipe.json like all others.

A preset states what its system states and leaves the rest (time, precision, sampling) to the plan. What a person sets beside it
wins.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from delineate.errors import UsageError
from delineate.planning.overrides import apply_overrides
from delineate.recipe import Reason, Recipe


@dataclass(frozen=True)
class Preset:
    """``network``, ``size`` (rows, columns) and ``augmentation`` hold where a person names none; ``batch`` is in images, at one
    working size (``None``: as planned); ``settings`` are dotted keys of the recipe."""

    network: str
    size: tuple[int, int]
    augmentation: str
    batch: int | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)


#: None of the systems warms up, clips gradients, averages weights or looks at neighbouring slices.
_PLAIN = {"training.warmup": 0.0, "training.clip_norm": None, "training.ema": 0.0, "preprocessing.neighbours": 0}
_R2 = {
    **_PLAIN,
    "training.optimiser": "adam",
    "training.lr": 1e-4,
    "training.weight_decay": 0.0,
    "training.schedule": "constant",
}

PRESETS: dict[str, Preset] = {
    # Scale ±5 %, rotation ±15°, flip 0.5 are "light".
    "r2": Preset("unet_r2", (256, 256), "light", 16, {**_R2, "training.loss": "dice"}),
    "r2_keras": Preset("unet_r2_keras", (256, 256), "r2_keras", 16, {**_R2, "training.loss": "ce", "training.patience": 10}),
    # R5 says that the encoder has a weight decay of its own, not which: these two are those of the tutorial its loop comes from
    # (Catalyst, "segmentation-tutorial"), as are RAdam in Lookahead and the plateau's factor.
    "r5": Preset(
        "smp:unet/resnet34",
        (256, 256),
        "r5_light",
        None,
        {
            **_PLAIN,
            "training.optimiser": "lookahead_radam",
            "training.lr": 5e-3,
            "training.weight_decay": 3e-4,
            "training.encoder_lr": 0.1,
            "training.encoder_weight_decay": 3e-5,
            "training.schedule": "plateau",
            "training.plateau_patience": 10,
            "training.loss": "1.0*dice+0.8*ce",  # binary cross-entropy where a pixel has one yes-or-no question
        },
    ),
}


def find_preset(name: str) -> Preset:
    """The preset; :class:`UsageError` lists those there are."""
    if name not in PRESETS:
        raise UsageError("unknown-choice", kind="preset", name=name, choices=", ".join(PRESETS))
    return PRESETS[name]


def apply_preset(recipe: Recipe, name: str, *, keep_time: bool) -> Recipe:
    """A planned recipe with the preset's settings and batch.

    Another batch means another number of steps: the same pixels in all with ``keep_time`` (time goes by them), else the same
    images.
    """
    preset = find_preset(name)
    reason = Reason(code="by-preset", params={"preset": name})
    recipe = apply_overrides(recipe, preset.settings, source=name, reason=reason)
    if preset.batch is None:
        return recipe
    training, start, seen = recipe.training, 0.0, 0.0
    last = training.stages[-1]
    for stage in training.stages:
        share = (stage.size[0] * stage.size[1]) / (last.size[0] * last.size[1]) if keep_time else 1.0
        seen += (stage.until - start) * stage.batch * share
        start = stage.until
    steps = max(1, round(training.steps * seen / preset.batch))
    epoch_steps = max(1, round(training.epoch_steps * seen / preset.batch))
    changes = {
        "stages": (last.model_copy(update={"until": 1.0, "batch": preset.batch}),),
        "steps": steps,
        "epoch_steps": min(epoch_steps, steps),
    }
    reasons = {**recipe.reasons, "training.stages": reason}
    if "training.steps" in reasons:
        known = reasons["training.steps"]
        params = {key: steps if key == "steps" else value for key, value in known.params.items()}
        if "per_step" in params:
            params["per_step"] = round(float(params["per_step"]) * training.steps / steps, 4)
        reasons["training.steps"] = known.model_copy(update={"params": params})
    return recipe.model_copy(update={"training": training.model_copy(update=changes), "reasons": reasons})
