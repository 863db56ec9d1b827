"""Data and time → one plan for all: splits, preprocessing, working size, augmentation, batch and steps are decided once."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

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
from delineate.workflows.deciding import MARGIN, beside_training, head_labels, task_of
from delineate.workflows.examine import Examined, examine, save_findings, save_page
from delineate.workflows.folder import Clock
from delineate.workflows.grid.candidates import Candidate, candidates_of
from delineate.workflows.grid.options import GridOptions
from delineate.workflows.grid.plan import GridPlan, PlannedCandidate
from delineate.workflows.grid.timing import StepCosts
from delineate.workflows.stages import stage

#: With fewer steps than this a network has learned so little that the comparison would be one of beginnings.
LEAST_STEPS = 100
Part = Literal["train", "validation", "test"]
#: Seconds that the statistics and the page at the end take.
CONCLUDING = 15.0
#: Runs beside each other share the memory's bandwidth and slow each other down.
SIDE_BY_SIDE = 0.12


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
    from delineate.training import machine_profile

    parts = [fold_cases(found.usable, splits, number) for number in range(len(splits.folds))]
    fingerprints = []
    for mine in parts:
        persons = {split_key(case, splits.unit) for case in mine["train"]}
        fingerprints.append(fingerprint_of(found.facts, found.scan, found.labels, persons=persons))
    drafts = [draft_recipe(fingerprint, found.rule, found.labels) for fingerprint in fingerprints]
    draft = drafts[0] if options.size is None else Draft(drafts[0].recipe, (options.size,), drafts[0].crop)
    profile = machine_profile(options.device)
    threads = options.threads or max(1, profile.threads // jobs)
    computing = {
        "precision": profile.precision,
        "channels_last": profile.channels_last,
        "threads": threads,
        "device": profile.device,
    }
    base = draft.recipe.model_copy(update={"training": draft.recipe.training.model_copy(update=computing)})
    base = apply_overrides(base, {k: v for k, v in options.settings.items() if not k.startswith("network")})
    _can_be_made(candidates, base, options)
    timed = _with_settings(candidates, options)
    costs = StepCosts(timed, base, draft, quick=options.epochs is not None)
    count = _counted(found, parts[0])
    waves = math.ceil(len(candidates) * options.seeds * len(parts) / jobs)

    def beside(size: tuple[int, int]) -> float:
        """Seconds of a run beside its training, the mean over candidates."""
        return count.reserve + count.predicted * _mean([costs.inference(c, size) for c in timed])

    def mean_step(width: int, size: tuple[int, int], batch: int) -> float:
        return _mean([costs.at(c, size, batch) for c in timed])

    mean_step(0, draft.sizes[-1], 8)  # measure now, so that measuring is counted as time already used
    seconds = None
    caching = count.caching * len(parts)
    slower = 1 + SIDE_BY_SIDE if jobs > 1 else 1.0
    if options.budget is not None:
        left = options.budget * (1 - MARGIN) - clock.elapsed() - CONCLUDING - caching
        seconds = max(1.0, (left / waves - beside(draft.sizes[0])) / slower)
    shared = plan_training(
        draft,
        Machine(
            precision=profile.precision,
            channels_last=profile.channels_last,
            threads=threads,
            device=profile.device,
            step_seconds=mean_step,
            plane_seconds=lambda width, size: _mean([costs.inference(c, size) for c in timed]),
        ),
        seconds=seconds,
        epochs=options.epochs,
        validation_planes=max(1, count.validation),
        task=task_of(fingerprints[0], draft, max(1, count.train)),
        network=candidates[0].network,
        size=options.size,
        seed=options.seed,
    )
    shared = apply_overrides(shared, {k: v for k, v in options.settings.items() if not k.startswith("network")})
    stages = shared.training.stages
    per_step = {c.name: costs.seconds(c, stages) * slower for c in timed}
    steps = _steps(options, shared, per_step, None if seconds is None else seconds * slower)
    epochs = max(1, math.ceil(shared.training.steps / shared.training.epoch_steps))
    batch = sum((s.until - p) * s.batch for s, p in zip(stages, (0.0, *(s.until for s in stages)), strict=False))
    planned = [
        PlannedCandidate(
            **candidate.model_dump(),
            steps=steps[candidate.name],
            epoch_steps=max(1, math.ceil(steps[candidate.name] / epochs)),
            images=round(steps[candidate.name] * batch),
            step_seconds=round(per_step[candidate.name], 5),
        )
        for candidate in timed
    ]
    overhead = beside(stages[-1].size)
    one = [c.steps * c.step_seconds / (1 - VALIDATION_SHARE) + overhead for c in planned]
    total = clock.elapsed() + caching + CONCLUDING + _mean(one) * waves
    if options.budget is not None and min(steps.values()) < LEAST_STEPS:
        need = [LEAST_STEPS * c.step_seconds / (1 - VALIDATION_SHARE) + overhead for c in planned]
        worst = _mean(need) if options.equal == "steps" else max(need)
        enough = (clock.elapsed() + caching + CONCLUDING + worst * waves) / (1 - MARGIN)
        raise UsageError(
            "grid-budget-too-small",
            budget=round(options.budget / 60, 1),
            runs=len(candidates) * options.seeds * len(parts),
            steps=min(steps.values()),
            least=LEAST_STEPS,
            enough=math.ceil(enough * 1.05 / 60),
        )
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
        run_overhead=round(overhead, 2),
        seconds=round(total, 1),
    )


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values)


def _with_settings(candidates: Sequence[Candidate], options: GridOptions) -> list[Candidate]:
    """What is set for all networks alike, e.g. their widths, is set under each candidate's own wishes."""
    common = {key: value for key, value in options.settings.items() if key.startswith("network")}
    return [c.model_copy(update={"settings": {**common, **c.settings}}) for c in candidates]


def _counted(found: Examined, parts: Mapping[Part, Sequence[Case]]) -> Counted:
    planes = {fact.case: fact.planes for fact in found.facts}

    def count(part: Part) -> int:
        return sum(planes[case.id] for case in parts[part])

    reserve, caching = beside_training(found.facts, {str(part): cases for part, cases in parts.items()})
    return Counted(count("train"), count("validation"), 2 * count("validation") + count("test"), reserve, caching)


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
            network = build(recipe.network, base.preprocessing.channels, labels.channels)
            load_pretrained(network, recipe.network)
            make_loss(recipe.training.loss, labels)
        except ValueError as error:
            raise RecipeError("invalid-value", source=candidate.name, key="network.options", reason=str(error)) from None


def _steps(options: GridOptions, shared: Recipe, per_step: dict[str, float], seconds: float | None) -> dict[str, int]:
    """Equal steps: those of the shared plan. Equal time: what the mean run's time gives each candidate by measured speed."""
    if options.equal == "steps":
        return dict.fromkeys(per_step, shared.training.steps)
    if seconds is None:  # by epochs: the time that they take on average
        time = shared.training.steps * _mean(list(per_step.values()))
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
