"""Fingerprint + this machine + the time there is → the recipe of every fold."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cache
from statistics import median

from delineate.dataset import CaseFacts, Fingerprint
from delineate.domain import Case, LabelSet
from delineate.errors import UsageError
from delineate.events import EventSink, Note
from delineate.planning import (
    BUDGET_WIDTHS,
    Draft,
    Machine,
    Task,
    apply_overrides,
    difficulty_of,
    draft_recipe,
    kept_for_after,
    plan_training,
    unet_options,
    width_of,
)
from delineate.recipe import TWO_MAP_PRESETS, UNET_PRESETS, NetworkRecipe, Recipe, load, save_json
from delineate.workflows.compiling import decide_compile
from delineate.workflows.examine import Examined
from delineate.workflows.fold import Fold
from delineate.workflows.folder import Clock, RunFolder
from delineate.workflows.options import RunOptions
from delineate.workflows.presetting import with_preset, with_settings

#: Seconds that writing, choosing, scoring and reporting one model take beside predicting itself, on a machine that takes
#: ``REFERENCE`` seconds for :func:`slowness`'s piece of Python: start-up of the engines, drawing and, most of it (20 s there),
#: converting to ONNX, which is Python too, and done once for folds of one network. And those that Python takes to start and to end.
FIXED_RESERVE, CONVERTING, ENDS = 28.0, 18.0, 8.0
REFERENCE = 0.053
#: Restoring, comparing, drawing and doubting (calibration, expected Dice) a million pixels there, beside predicting them.
SECONDS_PER_SCORED_MEGAPIXEL = 0.25
#: Distances, pictures and animation of one volume or image there.
SECONDS_PER_GROUP = 0.3
#: How often validation planes are predicted (both checkpoints, choosing, scoring), and how often more where views are tried.
PASSES, MIRRORED_PASSES = 4, 2
#: Pixels predicted for one of the plane where tiles overlap.
OVERLAPPING = 1.5
#: Steps that a trial at the larger size makes, and which share of the budget they may take.
TRIAL_STEPS, TRIAL_SHARE = 3, 0.02
#: Share of the budget that is left unplanned, and the seconds that one run needs of it at most: training ends on time by the clock.
MARGIN, MOST_MARGIN = 0.03, 15.0
LEAST_TRAINING = 5.0


def plan_folds(
    fingerprints: Sequence[Fingerprint],
    folds: Sequence[Fold],
    found: Examined,
    options: RunOptions,
    folder: RunFolder,
    clock: Clock,
    on_event: EventSink,
) -> list[Recipe]:
    """One recipe per fold. Sizes, width and steps are chosen once (all folds are trained alike); what is measured on patients,
    such as the normalisation, is each fold's own."""
    if options.recipe_file is not None:
        given = load(Recipe, options.recipe_file)
        recipe = apply_overrides(given, options.settings)
        save_json(folder / "plan.json", {"elapsed": clock.elapsed(), "reserve": 0.0})
        return [recipe] * len(folds)
    options = with_preset(options)
    labels = head_labels(found.labels, options.network)
    drafts = [draft_recipe(fingerprint, found.rule, labels, augmentation=options.augmentation) for fingerprint in fingerprints]
    planes = {fact.case: (fact.planes, fact.pixels) for fact in found.facts}
    counts = [{part: _planes(fold, part, planes) for part in fold.parts} for fold in folds]
    machine = _machine(drafts[0], options)
    seconds: float | None = None
    beside = 0.0
    if options.budget is not None:
        machine = replace(machine, after_seconds=_predicting(found.facts, folds[0], drafts[0], machine, views=options.tries_tta))
        seconds, beside = _network_seconds(found.facts, folds, drafts[0], machine, options, clock)
    elapsed = clock.elapsed()
    first: Recipe | None = None
    recipes = []
    for draft, fingerprint, count in zip(drafts, fingerprints, counts, strict=True):
        if first is None:
            planned = plan_training(
                draft,
                machine,
                seconds=seconds,
                epochs=options.epochs,
                validation_planes=max(1, count["validation"]),
                task=task_of(fingerprint, draft, max(1, count["train"])),
                network=_network(options),
                size=options.size,
                seed=options.seed,
            )
            if seconds is not None:
                after = kept_for_after(machine, seconds, width_of(planned.network), planned.training.stages[-1].size)
                seconds, beside = seconds - after, beside + after
            save_json(folder / "plan.json", {"elapsed": elapsed, "reserve": beside})
            if "training.channels_last" not in options.settings:
                planned = _with_layout(planned)
            recipe = first = decide_compile(planned, None if "training.compile" in options.settings else seconds)
        else:
            recipe = _like(first, draft)
        recipes.append(with_settings(recipe, options))
    _say(recipes[0], on_event)
    return recipes


def _with_layout(recipe: Recipe) -> Recipe:
    """``recipe`` in the memory order in which its own network is fast here."""
    from delineate.training import prefers_channels_last, processes

    if processes.world() > 1:  # all processes go by what the profile said
        return recipe
    layout = prefers_channels_last(recipe, recipe.training.stages[-1].size)
    return recipe.model_copy(update={"training": recipe.training.model_copy(update={"channels_last": layout})})


def head_labels(labels: LabelSet, network: str | None) -> LabelSet:
    """R1 tells one class from background by two maps and a softmax; every other network does it by one map."""
    if network in TWO_MAP_PRESETS and labels.kind == "binary":
        return labels.model_copy(update={"kind": "exclusive"})
    return labels


def task_of(fingerprint: Fingerprint, draft: Draft, train_planes: int) -> Task:
    if draft.crop:  # a plane holds several crops that have little in common
        rows, columns = draft.sizes[-1]
        shape = [axis.median for axis in fingerprint.shape[-2:]]
        train_planes *= max(1, round(shape[0] * shape[1] / (rows * columns)))
    shown = max(fingerprint.foreground_plane_share, 1e-6)
    share = sum(one.pixel_share for one in fingerprint.classes) / shown
    return Task(dict(fingerprint.ceiling), train_planes, difficulty_of(share))


def _planes(fold: Fold, part: str, planes: dict[str, tuple[int, int]]) -> int:
    return sum(planes[case.id][0] for case in fold.parts[part])


def _like(first: Recipe, draft: Draft) -> Recipe:
    """The first fold's sizes and schedule with this fold's own measurements."""
    own = draft.recipe.preprocessing
    return first.model_copy(update={"preprocessing": first.preprocessing.model_copy(update={"normalisation": own.normalisation})})


def _network(options: RunOptions) -> NetworkRecipe | None:
    """What the person asked for. Options of the network may be set one by one with ``--set network.options.widths=…``."""
    widths = options.settings.get("network.options.widths")
    if options.network is None:
        return NetworkRecipe(name="unet", options={"widths": widths}) if isinstance(widths, list) else None
    preset = UNET_PRESETS.get(options.network)
    if preset is not None:
        return NetworkRecipe(name=options.network, options=preset.model_dump(mode="json"))
    from delineate.models import networks

    networks.get(options.network)  # an unknown name is said before minutes are spent
    return NetworkRecipe(name=options.network)


def _machine(draft: Draft, options: RunOptions) -> Machine:
    from delineate.training import machine_profile, processes, time_inference, time_step

    profile = machine_profile(options.device)
    network = _network(options)

    def recipe_of(width: int) -> Recipe:
        training = draft.recipe.training.model_copy(
            update={
                "precision": profile.precision,
                "channels_last": profile.channels_last,
                "threads": options.threads or profile.threads,
                "device": profile.device,
            }
        )
        chosen = network or NetworkRecipe(
            name="unet", options=unet_options(width, draft.sizes[-1], draft.block).model_dump(mode="json")
        )
        return draft.recipe.model_copy(update={"training": training, "network": chosen})

    # The narrowest network is timed at two sizes, since beyond a fixed cost time grows with the number of pixels; wider ones at
    # the small size only. Each trial is seconds that training does not get.
    small, batch = draft.sizes[0], 8

    @cache
    def line(width: int) -> tuple[float, float]:
        """(seconds per step, seconds per pixel)."""
        low = time_step(recipe_of(width), small, batch, repetitions=3)
        large = second_size(draft.sizes, low, options.budget)
        low_pixels, high_pixels = batch * small[0] * small[1], batch * large[0] * large[1]
        if small == large:
            return 0.0, low / low_pixels
        if width != BUDGET_WIDTHS[0] and network is None:
            fixed, slope = line(BUDGET_WIDTHS[0])
            return fixed, slope * max(low - fixed, 0.1 * low) / (slope * low_pixels)
        high = time_step(recipe_of(width), large, batch, repetitions=3)
        slope = max((high - low) / (high_pixels - low_pixels), 0.5 * high / high_pixels)
        return max(0.0, high - slope * high_pixels), slope

    def step_seconds(width: int, size: tuple[int, int], batch: int) -> float:
        fixed, slope = line(BUDGET_WIDTHS[0] if network else width)  # a network that was asked for has one width
        # What the trial does not contain: making the batch, averaging weights, telling how far it is.
        mine = -(-batch // processes.world())  # images of this process, where several share a batch
        return (fixed + slope * mine * size[0] * size[1]) * 1.08

    @cache
    def inference(width: int) -> float:
        size = draft.sizes[0]
        return time_inference(recipe_of(width), size, 8, repetitions=3) / (8 * size[0] * size[1])

    return Machine(
        precision=profile.precision,
        channels_last=profile.channels_last,
        threads=options.threads or profile.threads,
        device=profile.device,
        step_seconds=step_seconds,
        plane_seconds=lambda width, size: inference(BUDGET_WIDTHS[0] if network else width) * size[0] * size[1],
    )


def second_size(sizes: Sequence[tuple[int, int]], low: float, budget: float | None) -> tuple[int, int]:
    """The size at which a step is timed beside the smallest one's, which took ``low`` seconds: the largest whose few steps take no
    more than a small share of the budget, but the second at least."""
    small = sizes[0][0] * sizes[0][1]
    affordable = [size for size in sizes if TRIAL_STEPS * low * size[0] * size[1] / small <= TRIAL_SHARE * (budget or math.inf)]
    return max(affordable[-1:] + list(sizes[1:2] or sizes[:1]), key=lambda size: size[0] * size[1])


def beside_training(facts: Sequence[CaseFacts], parts: Mapping[str, Sequence[Case]]) -> tuple[float, float]:
    """Seconds that writing and scoring the model of a fold take, beside predicting, and those of preparing its planes."""
    pixels = {fact.case: fact.pixels for fact in facts}
    scored = sum(pixels[case.id] for part in ("test", "validation") for case in parts[part])
    again = 3 * sum(pixels[case.id] for case in parts["validation"])  # both checkpoints, and what is chosen then
    groups = len({case.group for part in ("test", "validation") for case in parts[part]})
    reserve = FIXED_RESERVE + groups * SECONDS_PER_GROUP + (scored + again) / 1e6 * SECONDS_PER_SCORED_MEGAPIXEL
    caching = sum(pixels[case.id] for part in ("train", "validation") for case in parts[part]) / 1e6 * 0.05
    return reserve * slowness(), caching


def slowness() -> float:
    """How long this machine takes for Python, in terms of the one that the constants above are from; 0.2 s to find out."""
    seconds = []
    for _ in range(5):
        begun = time.perf_counter()
        sum(number * number % 7 for number in range(400_000))
        seconds.append(time.perf_counter() - begun)
    return min(4.0, max(0.4, float(median(seconds)) / REFERENCE))


def _predicting(
    facts: Sequence[CaseFacts], fold: Fold, draft: Draft, machine: Machine, *, views: bool
) -> Callable[[int, tuple[int, int]], float] | None:
    """(width, size) → seconds in the network for choosing on validation planes and scoring; ``None`` where nothing was measured."""
    if machine.plane_seconds is None or machine.step_seconds is None:
        return None
    plane_seconds, step_seconds = machine.plane_seconds, machine.step_seconds
    planes = {fact.case: (fact.planes, fact.pixels) for fact in facts}
    passes = {"test": 1, "validation": PASSES + (MIRRORED_PASSES if views else 0)}
    counted = [(times, *planes[case.id]) for part, times in passes.items() for case in fold.parts[part]]
    narrowest = BUDGET_WIDTHS[0]

    def seconds(width: int, size: tuple[int, int]) -> float:
        own = float(size[0] * size[1])
        if draft.crop:  # predicted whole, in tiles
            pixels = sum(times * OVERLAPPING * pixels * draft.recipe.preprocessing.scale**2 for times, _, pixels in counted)
        else:
            pixels = sum(times * count * own for times, count, _ in counted)
        wider = step_seconds(width, size, 8) / step_seconds(narrowest, size, 8)  # not worth a trial of its own
        return pixels / own * plane_seconds(narrowest, size) * wider

    return seconds


def _network_seconds(
    facts: Sequence[CaseFacts], folds: Sequence[Fold], draft: Draft, machine: Machine, options: RunOptions, clock: Clock
) -> tuple[float, float]:
    """What is left of the budget for one fold's network, in training and in predicting afterwards; what is kept for the rest."""
    beside, caching = beside_training(facts, folds[0].parts)
    assert options.budget is not None and machine.step_seconds is not None and machine.after_seconds is not None
    budget, slow = options.budget, slowness()
    if options.network is None:  # some networks have to be converted for every fold
        beside -= CONVERTING * slow * (1 - 1 / len(folds))
    machine.after_seconds(BUDGET_WIDTHS[0], draft.sizes[0])  # measure now, so that measuring is counted as time already used
    elapsed = clock.elapsed()
    spare = min(budget * MARGIN, MOST_MARGIN) + min(ENDS * slow, 0.1 * budget)
    share = (budget - spare - elapsed) / len(folds)
    beside = min(beside, 0.5 * share) if share > 0 else beside
    left = share - beside - caching
    if left < LEAST_TRAINING:
        raise UsageError(
            "budget-too-small-for-data",
            used=f"{elapsed:.0f} s",
            budget=f"{budget:.0f} s",
            left=f"{max(left, 0):.0f} s",
        )
    return left, beside + spare / len(folds)  # training that is slower than planned must not use it up


def _say(recipe: Recipe, on_event: EventSink) -> None:
    training = recipe.training
    on_event(
        Note(
            "plan",
            {
                "size": "×".join(str(side) for side in training.stages[-1].size),
                "width": recipe.network.options.get("widths", ["?"])[0],
                "steps": training.steps,
                "images": sum_images(recipe),
                "precision": training.precision,
            },
        )
    )


def sum_images(recipe: Recipe) -> int:
    """Images the schedule shows the network."""
    start, total = 0.0, 0.0
    for stage in recipe.training.stages:
        total += (stage.until - start) * recipe.training.steps * stage.batch
        start = stage.until
    return round(total)
