"""Data and time → one plan for all: splits, preprocessing, working size, augmentation, batch and steps are decided once."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from delineate.dataset import fingerprint_of, fold_cases, split_key
from delineate.dataset.checks import blocking
from delineate.domain import Case
from delineate.errors import DataError, RecipeError, UsageError
from delineate.events import EventSink
from delineate.metrics import metrics
from delineate.planning import Draft, Machine, apply_overrides, draft_recipe, plan_training
from delineate.planning.schedule import VALIDATION_SHARE
from delineate.recipe import Reason, Recipe, Splits, save_json
from delineate.workflows.dataset_record import dataset_record
from delineate.workflows.deciding import beside_training, head_labels, task_of
from delineate.workflows.examine import Examined, examine, save_findings, save_page
from delineate.workflows.folder import Clock
from delineate.workflows.grid.candidates import Candidate, candidates_of
from delineate.workflows.grid.options import GridOptions
from delineate.workflows.grid.plan import GridPlan, PlannedCandidate
from delineate.workflows.grid.reckoning import Reckoning, mean
from delineate.workflows.grid.timing import StepCosts
from delineate.workflows.stages import stage

Part = Literal["train", "validation", "test"]


@dataclass(frozen=True)
class Counted:
    """Planes of the first fold's parts, and what a run costs beside training."""

    train: int
    validation: int
    predicted: int
    reserve: float
    caching: float


def plan_grid(options: GridOptions, folder: Path, jobs: int, on_event: EventSink) -> GridPlan:
    """Look at the data, decide for all, and leave in ``folder`` what every run is made from: splits.json, dataset.json,
    findings.json, unusable.json, check.html, and ``shared/fold<k>/`` with recipe.json and fingerprint.json.

    Raises
    ------
    UsageError
        ``grid-budget-too-small`` says what would be enough; and what :func:`candidates_of` refuses.
    DataError
        ``findings-stop``, ``cannot-split``.
    """
    clock = Clock()
    candidates = candidates_of(options)
    found = examine(options.data, options.reading, options.splitting, seed=options.seed, on_event=on_event)
    splits = _keep(found, options, folder)
    with stage("plan", on_event):
        return _plan(options, candidates, found, splits, folder, jobs, clock)


def _keep(found: Examined, options: GridOptions, folder: Path) -> Splits:
    save_findings(folder / "findings.json", found.findings, found.scan.root)
    page = save_page(folder / "check.html", found, language=options.language, allow=options.allow)
    stopping = blocking(found.findings, set(options.allow))
    if stopping or found.splits is None:
        codes = ", ".join(sorted({finding.code for finding in stopping}))
        raise DataError("findings-stop", count=len(stopping), codes=codes, page=page)
    usable = {case.id for case in found.usable}
    save_json(folder / "unusable.json", sorted(case.id for case in found.scan.cases if case.id not in usable))
    save_json(folder / "dataset.json", dataset_record(found))
    save_json(folder / "splits.json", found.splits)
    return found.splits


def _plan(
    options: GridOptions,
    candidates: Sequence[Candidate],
    found: Examined,
    splits: Splits,
    folder: Path,
    jobs: int,
    clock: Clock,
) -> GridPlan:
    parts = [fold_cases(found.usable, splits, number) for number in range(len(splits.folds))]
    fingerprints = []
    for mine in parts:
        persons = {split_key(case, splits.unit) for case in mine["train"]}
        fingerprints.append(fingerprint_of(found.facts, found.scan, found.labels, persons=persons))
    drafts = [draft_recipe(fingerprint, found.rule, found.labels) for fingerprint in fingerprints]
    draft = drafts[0] if options.size is None else Draft(drafts[0].recipe, (options.size,), drafts[0].crop)
    base = _computing(draft.recipe, options, jobs)
    _can_be_made(candidates, base, options)
    timed = _with_settings(candidates, options)
    costs = StepCosts(timed, base, draft, quick=options.epochs is not None)
    count = _counted(found, parts[0])
    reckoning = Reckoning(
        options,
        timed,
        costs,
        folds=len(parts),
        jobs=jobs,
        predicted=count.predicted,
        reserve=count.reserve,
        caching=count.caching * len(parts),
    )
    reckoning.mean_step(0, draft.sizes[-1], 8)  # measure now, so that measuring is counted as time already used
    alone, together = reckoning.for_training(draft.sizes[0], clock)
    shared = plan_training(
        draft,
        Machine(
            precision=base.training.precision,
            channels_last=base.training.channels_last,
            threads=base.training.threads,
            device=base.training.device,
            step_seconds=reckoning.mean_step,
            plane_seconds=reckoning.mean_plane,
        ),
        seconds=alone,
        epochs=options.epochs,
        validation_planes=max(1, count.validation),
        task=task_of(fingerprints[0], draft, max(1, count.train)),
        network=candidates[0].network,
        size=options.size,
        seed=options.seed,
    )
    shared = apply_overrides(shared, _shared_settings(options))
    stages = shared.training.stages
    planned = _planned(options, timed, shared, {c.name: reckoning.step(c, stages) for c in timed}, together)
    total = reckoning.total(planned, stages[-1].size, clock)
    _save_shared(shared, drafts, fingerprints, folder)
    return GridPlan(
        candidates=tuple(planned),
        unit=splits.unit,
        split_method=splits.method,
        folds=len(parts),
        seeds=tuple(range(options.seed, options.seed + options.seeds)),
        size=stages[-1].size,
        jobs=jobs,
        threads=shared.training.threads,
        device=shared.training.device,
        precision=shared.training.precision,
        run_overhead=round(reckoning.beside(stages[-1].size), 2),
        seconds=round(total, 1),
    )


def _computing(recipe: Recipe, options: GridOptions, jobs: int) -> Recipe:
    """The recipe with what this machine does best, shared by so many runs at a time, and with the settings for all."""
    from delineate.training import machine_profile

    profile = machine_profile(options.device)
    computing = {
        "precision": profile.precision,
        "channels_last": profile.channels_last,
        "threads": options.threads or max(1, profile.threads // jobs),
        "device": profile.device,
    }
    recipe = recipe.model_copy(update={"training": recipe.training.model_copy(update=computing)})
    return apply_overrides(recipe, _shared_settings(options))


def _shared_settings(options: GridOptions) -> dict[str, Any]:
    """Those of networks are each candidate's own: see :func:`_with_settings`."""
    return {key: value for key, value in options.settings.items() if not key.startswith("network")}


def _planned(
    options: GridOptions, candidates: Sequence[Candidate], shared: Recipe, per_step: dict[str, float], seconds: float | None
) -> list[PlannedCandidate]:
    """``per_step``: seconds of a step by name; ``seconds``: of training, where there is a budget."""
    stages, steps = shared.training.stages, _steps(options, shared, per_step, seconds)
    epochs = max(1, math.ceil(shared.training.steps / shared.training.epoch_steps))
    batch = sum((s.until - p) * s.batch for s, p in zip(stages, (0.0, *(s.until for s in stages)), strict=False))
    return [
        PlannedCandidate(
            **candidate.model_dump(),
            steps=steps[candidate.name],
            epoch_steps=max(1, math.ceil(steps[candidate.name] / epochs)),
            images=round(steps[candidate.name] * batch),
            step_seconds=round(per_step[candidate.name], 5),
        )
        for candidate in candidates
    ]


def _with_settings(candidates: Sequence[Candidate], options: GridOptions) -> list[Candidate]:
    """What is set for all networks alike, e.g. their widths, is set under each candidate's own wishes."""
    common = {key: value for key, value in options.settings.items() if key.startswith("network")}
    return [c.model_copy(update={"settings": {**common, **c.settings}}) for c in candidates]


def _counted(found: Examined, parts: Mapping[Part, Sequence[Case]]) -> Counted:
    planes = {fact.case: fact.planes for fact in found.facts}

    def count(part: Part) -> int:
        return sum(planes[case.id] for case in parts[part])

    reserve, caching = beside_training(found.facts, {str(part): cases for part, cases in parts.items()})
    return Counted(count("train"), count("validation"), 4 * count("validation") + count("test"), reserve, caching)


def _can_be_made(candidates: Sequence[Candidate], base: Recipe, options: GridOptions) -> None:
    """Every network is built and every loss made once: what cannot be is said before hours are spent."""
    from delineate.losses import make_loss
    from delineate.models import build, load_pretrained

    known = [metric.name for metric in metrics]
    if options.primary not in known:
        raise UsageError("compare-no-metric", metric=options.primary, known=", ".join(known))
    for candidate in _with_settings(candidates, options):
        labels = head_labels(base.labels, candidate.network.name)
        recipe = apply_overrides(base, candidate.overrides(), f"--candidate {candidate.name}")
        try:
            network = build(recipe.network, recipe.preprocessing.inputs, labels.channels)
            load_pretrained(network, recipe.network)
            make_loss(recipe.training.loss, labels)
        except ValueError as error:
            raise RecipeError("invalid-value", source=candidate.name, key="network.options", reason=str(error)) from None


def _steps(options: GridOptions, shared: Recipe, per_step: dict[str, float], seconds: float | None) -> dict[str, int]:
    """Equal steps: those of the shared plan. Equal time: what the mean run's time gives each candidate by measured speed."""
    if options.equal == "steps":
        return dict.fromkeys(per_step, shared.training.steps)
    if seconds is None:  # by epochs: the time that they take on average
        time = shared.training.steps * mean(list(per_step.values()))
    else:
        time = seconds * (1 - VALIDATION_SHARE)
    return {name: max(1, int(time / one)) for name, one in per_step.items()}


def _save_shared(shared: Recipe, drafts: Sequence[Draft], fingerprints: Sequence[object], folder: Path) -> None:
    """All folds alike; what is measured on training persons, such as the normalisation, is each fold's own."""
    for number, (draft, fingerprint) in enumerate(zip(drafts, fingerprints, strict=True)):
        own = shared.preprocessing.model_copy(update={"normalisation": draft.recipe.preprocessing.normalisation})
        save_json(folder / "shared" / f"fold{number}" / "fingerprint.json", fingerprint)
        save_json(folder / "shared" / f"fold{number}" / "recipe.json", shared.model_copy(update={"preprocessing": own}))


def recipe_of(shared: Recipe, candidate: PlannedCandidate, seed: int, equal: str) -> Recipe:
    """The recipe of one run: the shared one of its fold with the candidate's own network, loss …, its steps and the seed."""
    recipe = apply_overrides(shared, candidate.overrides(), f"--candidate {candidate.name}")
    changes: dict[str, object] = {"steps": candidate.steps, "epoch_steps": candidate.epoch_steps, "seed": seed}
    if candidate.augmentation is not None:
        changes["augmentation"] = _preset(recipe, candidate.augmentation)
    reasons = {**recipe.reasons, "training.steps": Reason(code=f"grid-{equal}", params={"steps": candidate.steps})}
    return recipe.model_copy(
        update={
            "labels": head_labels(recipe.labels, candidate.network.name),
            "training": recipe.training.model_copy(update=changes),
            "reasons": reasons,
        }
    )


def _preset(recipe: Recipe, name: str) -> object:
    """The preset with the flips that the data allow, as the plan found them (left and right lungs may not be swapped)."""
    from delineate.recipe import AUGMENTATION_PRESETS

    preset, planned = AUGMENTATION_PRESETS[name], recipe.training.augmentation
    if recipe.reasons["training.augmentation"].code == "augment-sided":
        return preset.model_copy(update={"flip_horizontal": 0.0})
    if recipe.reasons["training.augmentation"].code == "augment-any-side-up" and name != "none":
        flips = ("flip_horizontal", "flip_vertical", "transpose")
        return preset.model_copy(update={flip: getattr(planned, flip) for flip in flips})
    return preset
