"""Draft + time → the whole recipe: working size, width, batch, steps, validation rhythm."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from delineate.planning.budget import Choice, StepTimer, Task, choose_size_and_width, mean_batch, stages_for
from delineate.planning.draft import Draft
from delineate.recipe import NetworkRecipe, Preprocessing, Reason, Recipe, UNetOptions

#: Validation may take this share of the training time.
VALIDATION_SHARE = 0.08
MOST_EPOCHS, FEWEST_EPOCHS = 40, 5
BUDGET_WIDTHS = (16, 24, 32)
#: Below this many seconds only the narrowest network is considered: timing the others would cost more than they could give.
WIDER_FROM = 400.0


@dataclass(frozen=True)
class Machine:
    """What was found of the machine: how to compute, and how long things take there.

    ``step_seconds`` (width, size, batch) → seconds of a training step; ``plane_seconds`` (width, size) → seconds to predict one
    plane in validation; ``after_seconds`` (width, size) → seconds to predict what is chosen and scored on when training is over.
    Widths are those of :func:`unet_options`.
    """

    precision: str
    channels_last: bool
    threads: int | None
    device: str
    step_seconds: StepTimer | None = None
    plane_seconds: Callable[[int, tuple[int, int]], float] | None = None
    after_seconds: Callable[[int, tuple[int, int]], float] | None = None


def plan_training(
    draft: Draft,
    machine: Machine,
    *,
    seconds: float | None,
    epochs: int | None,
    validation_planes: int,
    task: Task,
    network: NetworkRecipe | None = None,
    size: tuple[int, int] | None = None,
    seed: int = 0,
) -> Recipe:
    """Fill in what depends on time.

    Parameters
    ----------
    seconds
        Wall-clock for training, its validations and ``machine.after_seconds``; needs ``machine.step_seconds``.
    epochs
        Passes over the training planes instead; nothing is measured, so the same recipe comes out on every machine.
    network, size
        Set by a person; then they are not chosen.
    """
    sizes = (size,) if size else draft.sizes
    fixed = network is not None
    if seconds is not None:
        if machine.step_seconds is None:
            raise ValueError("'machine.step_seconds' is needed to plan by time")
        whole = seconds
        choice = choose_size_and_width(
            sizes,
            [width_of(network)] if network is not None else BUDGET_WIDTHS if seconds >= WIDER_FROM else BUDGET_WIDTHS[:1],
            task,
            seconds * (1 - VALIDATION_SHARE),
            machine.step_seconds,
            grow=not draft.crop,
            detail_counts=not draft.crop,
            after=lambda width, side: kept_for_after(machine, whole, width, side) * (1 - VALIDATION_SHARE),
        )
        seconds -= kept_for_after(machine, seconds, choice.width, choice.stages[-1].size)
    else:
        choice = _by_epochs(sizes, network, epochs or 1, task.train_planes, grow=not draft.crop)
    final = choice.stages[-1].size
    epoch_steps = _epoch_steps(choice, machine, seconds, task.train_planes, validation_planes)
    options = network or NetworkRecipe(name="unet", options=unet_options(choice.width, final, draft.block).model_dump(mode="json"))
    preprocessing = _fit_preprocessing(draft, final)
    training = draft.recipe.training.model_copy(
        update={
            "steps": choice.steps,
            "epoch_steps": epoch_steps,
            "stages": choice.stages,
            "ema": 0.99 if choice.steps < 2000 else 0.998,
            "precision": machine.precision,
            "channels_last": machine.channels_last,
            "threads": machine.threads,
            "device": machine.device,
            "seed": seed,
        }
    )
    reasons = dict(draft.recipe.reasons)
    if draft.crop:
        fit = reasons["preprocessing.fit"]
        reasons["preprocessing.fit"] = fit.model_copy(update={"params": {**fit.params, "crop": max(final)}})
    compared = "; ".join(
        f"{row['side']} px, width {row['width']}: {row['images']} images, {row['loss']}" for row in choice.compared
    )
    reasons["preprocessing.size"] = (
        Reason(code="by-user", by="user")
        if size
        else Reason(code="size-for-time", params={"side": max(final), "images": choice.images, "compared": compared}, by="measured")
        if seconds is not None
        else Reason(code="size-for-detail", params={"side": max(final)}, by="measured")
    )
    reasons["network"] = (
        Reason(code="by-user", by="user")
        if fixed
        else Reason(code="width-for-time" if seconds is not None else "width-usual", params={"width": choice.width})
    )
    reasons["training.steps"] = (
        Reason(
            code="steps-for-time",
            params={"steps": choice.steps, "seconds": round(seconds), "per_step": round(choice.seconds_per_step, 4)},
            by="measured",
        )
        if seconds is not None
        else Reason(code="steps-for-epochs", params={"steps": choice.steps, "epochs": epochs}, by="user")
    )
    reasons["training.precision"] = Reason(
        code=f"precision-{machine.precision}", params={"threads": machine.threads or 0}, by="measured"
    )
    if len(choice.stages) > 1:
        reasons["training.stages"] = Reason(code="growing", params={"first": max(choice.stages[0].size), "last": max(final)})
    return draft.recipe.model_copy(
        update={"preprocessing": preprocessing, "network": options, "training": training, "reasons": reasons}
    )


def kept_for_after(machine: Machine, seconds: float, width: int, size: tuple[int, int]) -> float:
    """How many of the ``seconds`` of :func:`plan_training` are not for training: at most half."""
    return 0.0 if machine.after_seconds is None else min(machine.after_seconds(width, size), seconds / 2)


def unet_options(width: int, size: tuple[int, int], block: int = 1) -> UNetOptions:
    """A U-Net of base ``width`` as deep as ``size`` allows (the coarsest map keeps 6 pixels), at most five levels.

    With a ``block`` of 2 it is the same network without its finest level, which has half of the next one's width and most of the
    pixels: blocks of pixels go into the second level directly.
    """
    levels = max(3, min(5, int(math.log2(min(size) / 6)) + 1))
    first = block.bit_length() - 1
    # The transposed decoder trains a third faster than the upsampling one at equal widths (106 against 82 images/s at 128 x 128).
    return UNetOptions(widths=tuple(width * 2**level for level in range(first, levels)), decoder="transposed", block=block)


def width_of(network: NetworkRecipe) -> int:
    """The base width of a network, as :class:`Machine` counts them."""
    widths = network.options.get("widths")
    if isinstance(widths, Sequence) and widths:
        return max(1, int(widths[0]) // int(network.options.get("block", 1)))
    from delineate.recipe import UNET_PRESETS

    preset = UNET_PRESETS.get(network.name)
    return preset.widths[0] if preset else 32


def _by_epochs(
    sizes: Sequence[tuple[int, int]], network: NetworkRecipe | None, epochs: int, train_planes: int, *, grow: bool
) -> Choice:
    size = next((s for s in sizes if max(s) >= 256), sizes[-1])
    stages = stages_for(size, grow=grow, images=float(epochs * train_planes))
    steps = max(1, math.ceil(epochs * train_planes / mean_batch(stages)))
    return Choice(size, width_of(network) if network else 32, stages, 0.0, steps, epochs * train_planes)


def _epoch_steps(choice: Choice, machine: Machine, seconds: float | None, train_planes: int, validation_planes: int) -> int:
    """Steps between validations: a pass over the data, but neither so often that validating eats the time nor too rarely."""
    natural = max(1, round(train_planes / mean_batch(choice.stages)))
    epochs = choice.steps / natural
    most = MOST_EPOCHS
    if seconds is not None and machine.plane_seconds is not None:
        one = validation_planes * machine.plane_seconds(choice.width, choice.stages[-1].size)
        most = max(FEWEST_EPOCHS, min(MOST_EPOCHS, int(seconds * VALIDATION_SHARE / max(one, 1e-3))))
    elif seconds is None:
        return max(natural, math.ceil(choice.steps / 200))
    wanted = min(most, max(FEWEST_EPOCHS, round(epochs)))
    return max(1, math.ceil(choice.steps / wanted))


def _fit_preprocessing(draft: Draft, final: tuple[int, int]) -> Preprocessing:
    preprocessing = draft.recipe.preprocessing
    if draft.crop or preprocessing.fit in ("scale", "spacing"):
        return preprocessing
    return preprocessing.model_copy(update={"size": final})
