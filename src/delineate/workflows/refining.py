"""``refine``: choose again on the validation persons of a finished run, and score again on its test persons. Nothing is trained."""

from __future__ import annotations

import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from delineate.errors import RunError, UsageError
from delineate.events import EventSink, discard
from delineate.recipe import Recipe, load, save_json
from delineate.report import write_report
from delineate.workflows.choosing import Wish, choose_on_validation
from delineate.workflows.evaluating import evaluate
from delineate.workflows.fold import SCORING_ENGINE
from delineate.workflows.folder import RunFolder
from delineate.workflows.own_cases import only_split, own_cases

_HEAVY = ("checkpoints", "cache", "tensorboard")


@dataclass(frozen=True)
class Refined:
    """``choices`` rows that were kept of those that were tried; ``summary`` as in summary.json."""

    folder: Path
    model: Path
    summary: dict[str, Any]
    kept: tuple[str, ...]
    tried: int
    report: Path


def refine(
    run: str | Path,
    out: str | Path | None = None,
    *,
    tta: bool = False,
    dice_bar: float = 0.8,
    alpha: float = 0.1,
    engine: str = SCORING_ENGINE,
    threads: int | None = None,
    language: str = "en",
    on_event: EventSink = discard,
) -> Refined:
    """Choose test-time augmentation (with ``tta``), temperature, thresholds, clean-up and the review rule of a run's model file
    again, and score it again.

    The network stays as it is. Runs of older versions get what they lack.

    Parameters
    ----------
    out
        A new folder for a copy of the run (without its checkpoints); ``None``: the run itself is changed.

    Raises
    ------
    UsageError
        ``evaluate-folds``: a cross-validation has a model file per fold; ``bad-share``.
    RunError
        ``run-missing``, ``run-unfinished``, ``run-exists``, ``refine-no-validation``.
    """
    for name, value in (("--dice-bar", dice_bar), ("--alpha", alpha)):
        if not 0 < value < 1:
            raise UsageError("not-a-share", name=name, value=value)
    folder = RunFolder(Path(run))
    splits = only_split(folder, "evaluate-folds")
    folder.need("model.onnx")
    if out is not None and Path(out).resolve() != folder.path.resolve():
        folder = _copied(folder, Path(out))
    recipe = load(Recipe, folder.need("recipe.json"))
    parts = own_cases(folder, splits, on_event)
    if not parts["validation"]:
        raise RunError("refine-no-validation", path=folder.path)
    from delineate.export import network_sha256, stamp_record
    from delineate.inference import ModelFile

    began = time.monotonic()
    chosen = choose_on_validation(
        folder.model,
        parts["validation"],
        recipe.masks,
        splits.unit,
        engine=engine,
        threads=threads,
        on_event=on_event,
        training=parts["train"],
        augmentation=recipe.training.augmentation,
        wish=Wish(tta=tta, dice_bar=dice_bar, alpha=alpha),
    )
    save_json(folder / "choices.json", chosen.choices)
    stamp_record(folder.model, chosen.record)
    folder.finish("refine", time.monotonic() - began)
    summary = evaluate(folder.path, engine=engine, threads=threads, on_event=on_event).summary
    summary["network_sha256"] = network_sha256(folder.model)
    save_json(folder / "summary.json", summary)
    scores = {name: summary[name] for name in ("test", "validation", "network_sha256") if name in summary}
    stamp_record(folder.model, ModelFile.open(folder.model).record.model_copy(update={"scores": scores}))
    kept = tuple(f"{row.class_name or ''} {row.step} {row.value or ''}".strip() for row in chosen.choices.choices if row.kept)
    page = write_report(folder.path, language=language)
    return Refined(folder.path, folder.model, summary, kept, len(chosen.choices.choices), page)


def _copied(source: RunFolder, out: Path) -> RunFolder:
    if out.exists() and any(out.iterdir()):
        raise RunError("run-not-empty", path=out)
    shutil.copytree(source.path, out, dirs_exist_ok=True, ignore=shutil.ignore_patterns(*_HEAVY))
    return RunFolder(out)
