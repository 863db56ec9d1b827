"""The main job: scan → check → split → plan → train → export → evaluate → report, resumable at every stage."""

from __future__ import annotations

import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from delineate.dataset import Fingerprint, fingerprint_of, fold_cases, split_key
from delineate.dataset.checks import blocking
from delineate.domain import Case, Scan, Unit
from delineate.errors import DataError, UsageError
from delineate.events import EventSink, discard
from delineate.recipe import Recipe, Splits, load, read_json, save_json
from delineate.report import write_report
from delineate.training import processes, require
from delineate.workflows import default_run_folder
from delineate.workflows.choosing import Wish
from delineate.workflows.dataset_record import dataset_record
from delineate.workflows.deciding import plan_folds
from delineate.workflows.examine import examine, locate, save_findings, save_page, scan_folder
from delineate.workflows.fold import Fold, out_of_fold, score_fold, train_fold
from delineate.workflows.folder import Clock, RunFolder, machine, now
from delineate.workflows.options import RunOptions, parse_budget
from delineate.workflows.presetting import check_preset
from delineate.workflows.scorecard import write_summary
from delineate.workflows.stages import stage

DEFAULT_BUDGET = "15m"


@dataclass(frozen=True)
class RunResult:
    """What a run gave. ``summary`` is summary.json; ``report`` is ``None`` after ``train``."""

    folder: Path
    model: Path
    seconds: float
    summary: dict[str, Any]
    report: Path | None = None


def run(
    data: str | Path | None = None,
    out: str | Path | None = None,
    *,
    budget: str | float | None = None,
    epochs: int | None = None,
    options: RunOptions | None = None,
    resume: bool = False,
    overwrite: bool = False,
    on_event: EventSink = discard,
    **settings: Any,
) -> RunResult:
    """Do the whole job.

    Parameters
    ----------
    data
        Folder of images and masks; may be left out when resuming.
    out
        Run folder; default ``runs/<name of data>``.
    budget
        Wall-clock for the whole run: seconds or ``"15m"`` (the default where ``epochs`` is not given).
    epochs
        Passes over the training data instead of a budget.
    options
        All options as one value (then ``data``, ``budget``, ``epochs`` and ``settings`` must not be given).
    resume, overwrite
        Continue a run in ``out``, or delete it and start over.
    settings
        Further fields of :class:`RunOptions`.

    Raises
    ------
    DelineateError
        As described in :mod:`delineate.errors`; what is done already stays in the run folder.
    """
    options = options or _options(data, budget, epochs, settings, resume)
    return _work(options, Path(out) if out else None, resume, overwrite, on_event, score=True)


def train(
    data: str | Path | None = None,
    out: str | Path | None = None,
    *,
    budget: str | float | None = None,
    epochs: int | None = None,
    options: RunOptions | None = None,
    resume: bool = False,
    overwrite: bool = False,
    on_event: EventSink = discard,
    **settings: Any,
) -> RunResult:
    """Like :func:`run`, up to the model file: not scored, no report."""
    options = options or _options(data, budget, epochs, settings, resume)
    return _work(options, Path(out) if out else None, resume, overwrite, on_event, score=False)


def _options(
    data: str | Path | None, budget: str | float | None, epochs: int | None, settings: dict[str, Any], resume: bool
) -> RunOptions | None:
    if data is None:
        if not resume:
            raise UsageError("data-needed", command="run")
        return None
    if budget is None and epochs is None and settings.get("recipe_file") is None:
        budget = DEFAULT_BUDGET
    seconds = parse_budget(budget) if isinstance(budget, str) else budget
    return RunOptions(data=Path(data), budget=seconds, epochs=epochs, **settings)


def _work(
    options: RunOptions | None, out: Path | None, resume: bool, overwrite: bool, on_event: EventSink, *, score: bool
) -> RunResult:
    require()
    if processes.rank() > 0:  # of several that torchrun started: this one only computes
        from delineate.training.following import follow

        follow()
        raise SystemExit(0)
    result = _whole_job(options, out, resume, overwrite, on_event, score)
    if processes.world() > 1:
        from delineate.training.team import dismiss

        dismiss()
    return result


def _whole_job(
    options: RunOptions | None, out: Path | None, resume: bool, overwrite: bool, on_event: EventSink, score: bool
) -> RunResult:
    folder = _open(options, out, resume, overwrite)
    options = folder.options()
    clock = Clock()
    resumed = "plan" in folder.done()
    folds = _prepare(folder, options, clock, on_event)
    provenance = _provenance(folder, options)
    for number, fold in enumerate(folds):
        # A resumed run keeps the schedule it began with, so that it ends with the weights of an uninterrupted one.
        deadline = None
        if options.budget is not None and not resumed:
            deadline = clock.deadline(_training_ends(folder, options.budget, number, len(folds)))
        train_fold(fold, provenance, deadline=deadline, on_event=on_event)
        if score:
            score_fold(fold, on_event=on_event, timing=lambda: _timing(folder, folds))
    if len(folds) > 1:
        _join(folder, folds, options, score)
    if not score:
        return RunResult(folder.path, folder.model, clock.elapsed(), {})
    save_json(folder / "provenance.json", {**provenance, "finished": now(), "seconds": round(clock.elapsed(), 1)})
    report = _report(folder, options, clock, on_event)
    if not options.keep_cache:
        shutil.rmtree(folder / "cache", ignore_errors=True)
    return RunResult(folder.path, folder.model, clock.elapsed(), dict(read_json(folder / "summary.json")), report)


def _open(options: RunOptions | None, out: Path | None, resume: bool, overwrite: bool) -> RunFolder:
    if out is None:
        if options is None:
            raise UsageError("out-needed")
        out = default_run_folder(options.data)
    folder = RunFolder(out)
    if resume and (options is None or folder.is_run()):
        folder.options()  # says so when there is nothing to resume
        return folder
    assert options is not None
    check_preset(options)
    locate(options.data, options.reading)  # a slip of the pen leaves no run folder behind
    folder.begin(_anchored(options), overwrite=overwrite)
    return folder


def _anchored(options: RunOptions) -> RunOptions:
    """Every path absolute, so that a run can be resumed from another folder."""
    table, split_file, recipe = options.reading.table, options.splitting.split_file, options.recipe_file
    return options.model_copy(
        update={
            "data": options.data.resolve(),
            "reading": options.reading.model_copy(
                update={
                    "table": table and table.resolve(),
                    "mask_meaning": options.reading.mask_meaning and options.reading.mask_meaning.resolve(),
                }
            ),
            "splitting": options.splitting.model_copy(update={"split_file": split_file and split_file.resolve()}),
            "recipe_file": recipe and recipe.resolve(),
        }
    )


def _prepare(folder: RunFolder, options: RunOptions, clock: Clock, on_event: EventSink) -> list[Fold]:
    """The folds with their recipes: made now, or read back where an interrupted run got as far."""
    if "plan" in folder.done():
        scan = scan_folder(options.data, options.reading, on_event)
        return _folds(folder, options, scan, set(read_json(folder / "unusable.json")), load(Splits, folder / "splits.json"))
    began = time.monotonic()
    found = examine(options.data, options.reading, options.splitting, seed=options.seed, on_event=on_event)
    save_findings(folder / "findings.json", found.findings, found.scan.root)
    synthetic = "synthetic" in options.notes
    page = save_page(folder / "check.html", found, language=options.language, allow=options.allow, synthetic=synthetic)
    stopping = blocking(found.findings, set(options.allow))
    if stopping or found.splits is None:
        codes = ", ".join(sorted({finding.code for finding in stopping}))
        raise DataError("findings-stop", count=len(stopping), codes=codes, page=page)
    unusable = {case.id for case in found.scan.cases} - {case.id for case in found.usable}
    save_json(folder / "unusable.json", sorted(unusable))
    save_json(folder / "splits.json", found.splits)
    save_json(folder / "dataset.json", dataset_record(found))
    folder.finish("check", time.monotonic() - began)
    began = time.monotonic()
    folds = _folds(folder, options, found.scan, unusable, found.splits)
    with stage("plan", on_event):
        fingerprints: list[Fingerprint] = []
        for fold in folds:
            persons = {split_key(case, found.splits.unit) for case in fold.parts["train"]}
            fingerprint = fingerprint_of(found.facts, found.scan, found.labels, persons=persons)
            save_json(fold.folder / "fingerprint.json", fingerprint)
            fingerprints.append(fingerprint)
        recipes = plan_folds(fingerprints, folds, found, options, folder, clock, on_event)
        for fold, recipe in zip(folds, recipes, strict=True):
            save_json(fold.folder / "recipe.json", recipe)
    folder.finish("plan", time.monotonic() - began)
    return folds


def _folds(folder: RunFolder, options: RunOptions, scan: Scan, unusable: set[str], splits: Splits) -> list[Fold]:
    usable = [case for case in scan.cases if case.masks and case.id not in unusable]
    known = {person for fold in splits.folds for persons in fold.values() for person in persons}
    folds = []
    for number in range(len(splits.folds)):
        parts: dict[str, Sequence[Case]] = {part: tuple(mine) for part, mine in fold_cases(usable, splits, number).items()}
        if not any(parts.values()):
            raise DataError("data-changed", reason=f"none of {len(known)} known persons is there")
        path = folder.path if len(splits.folds) == 1 else folder.path / f"fold_{number}"
        path.mkdir(parents=True, exist_ok=True)
        folds.append(
            Fold(
                folder=RunFolder(path),
                parts=parts,
                cache=options.cache or folder.path / "cache",
                unit=splits.unit,
                name=options.name or folder.path.resolve().name,
                notes=options.notes,
                keep_cache=options.keep_cache or options.cache is not None or len(splits.folds) > 1,
                wish=Wish(tta=options.tries_tta, dice_bar=options.dice_bar, alpha=options.alpha),
            )
        )
    return folds


def _provenance(folder: RunFolder, options: RunOptions) -> dict[str, Any]:
    path = folder / "provenance.json"
    if path.exists():
        return dict(read_json(path))
    provenance = {
        "name": options.name or folder.path.resolve().name,
        **machine(),
        "started": now(),
        "seed": options.seed,
        "budget_seconds": options.budget,
        "epochs": options.epochs,
        "data": read_json(folder / "dataset.json"),
        "notes": list(options.notes),
        "synthetic": "synthetic" in options.notes,
        # Prediction joins slices of one folder into a volume for the clean-up where scoring did.
        "slices_form_volumes": bool(read_json(folder / "dataset.json")["stacked"]),
        # … and puts the files of one image's channels together as they were put together here.
        "channel_endings": read_json(folder / "dataset.json").get("channel_endings", []),
    }
    save_json(path, provenance)
    return provenance


def _training_ends(folder: RunFolder, budget: float, number: int, folds: int) -> float:
    """Seconds after the start at which the training of fold ``number`` has to be over: its share of the budget less the
    time planned for writing and scoring its model."""
    plan = read_json(folder / "plan.json")
    share = (budget - plan["elapsed"]) / folds
    return float(plan["elapsed"] + share * (number + 1) - plan["reserve"])


def _timing(folder: RunFolder, folds: Sequence[Fold]) -> dict[str, float]:
    total: dict[str, float] = dict(folder.done())
    for fold in folds:
        if fold.folder.path != folder.path:
            for name, seconds in fold.folder.done().items():
                total[name] = total.get(name, 0.0) + seconds
    return total


def _join(folder: RunFolder, folds: Sequence[Fold], options: RunOptions, score: bool) -> None:
    """Cross-validation: scores out of fold; the model file of the fold that did best on its validation persons."""
    from delineate.evaluation import write_cases_csv

    best = max(folds, key=lambda fold: read_json(fold.folder / "training.json")["best_score"] or 0.0)
    if options.ensemble:
        from delineate.workflows.ensembling import fold_ensemble

        fold_ensemble([fold.folder.path for fold in folds], folder.model, name=folds[0].name)
    else:
        shutil.copyfile(best.folder.model, folder.model)
    shutil.copyfile(best.folder / "recipe.json", folder / "recipe.json")
    shutil.copyfile(best.folder / "fingerprint.json", folder / "fingerprint.json")
    if not score:
        return
    recipe = load(Recipe, folder / "recipe.json")
    scores = out_of_fold(folds)
    unit: Unit = folds[0].unit
    per_fold = [read_json(fold.folder / "summary.json")["test"]["dice"]["mean"] for fold in folds]
    write_cases_csv(folder / "cases.csv", scores)
    write_summary(
        folder.path,
        {"test": scores},
        unit,
        recipe.labels,
        _timing(folder, folds),
        folds={"k": len(folds), "dice": per_fold, "model": "ensemble" if options.ensemble else best.folder.path.name},
    )


def _report(folder: RunFolder, options: RunOptions, clock: Clock, on_event: EventSink) -> Path:
    began = time.monotonic()
    with stage("report", on_event):
        path = write_report(folder.path, language=options.language)
    folder.finish("report", time.monotonic() - began)
    summary = dict(read_json(folder / "summary.json"))
    summary["timing"] = {**summary.get("timing", {}), "report": folder.done()["report"], "total": round(clock.elapsed(), 2)}
    save_json(folder / "summary.json", summary)
    return path
