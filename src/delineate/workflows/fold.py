"""One fold of a run: cache → train → export → choose → score. A hold-out run has exactly one fold, in the run folder itself."""

from __future__ import annotations

import math
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from delineate.domain import Case, Unit
from delineate.evaluation import Choice, GroupScore, read_cases_csv
from delineate.events import EventSink
from delineate.recipe import ModelRecord, Recipe, load, read_json, save_json
from delineate.workflows.choosing import Wish, better_checkpoint, choose_on_validation
from delineate.workflows.folder import RunFolder
from delineate.workflows.scorecard import score_parts, write_summary
from delineate.workflows.stages import stage
from delineate.workflows.writing import write_model_file

#: Named, not chosen by a trial, so that scoring again gives the same numbers to the last bit.
SCORING_ENGINE = "onnxruntime"


@dataclass(frozen=True)
class Fold:
    """Where a fold works and on whom. ``parts`` maps train, validation and test to their labelled cases."""

    folder: RunFolder
    parts: dict[str, Sequence[Case]]
    cache: Path
    unit: Unit
    name: str
    notes: tuple[str, ...]
    keep_cache: bool
    wish: Wish = field(default_factory=Wish)

    @property
    def recipe(self) -> Recipe:
        return load(Recipe, self.folder / "recipe.json")


def train_fold(fold: Fold, provenance: dict[str, Any], *, deadline: float | None, on_event: EventSink) -> None:
    """Train (or go on training) and write model.onnx."""
    done = fold.folder.done()
    if "export" in done:
        return
    from delineate.export import stamp_record
    from delineate.training import build_cache, give_back, load_best, load_final, train

    recipe = fold.recipe
    if "train" not in done:
        began = time.monotonic()
        cases = [*fold.parts["train"], *fold.parts["validation"]]
        cache = build_cache(cases, recipe, fold.cache, on_event=on_event)
        learn = {case.id for case in fold.parts["train"]}
        result = train(
            recipe,
            cache.only(lambda plane: plane.case in learn),
            cache.only(lambda plane: plane.case not in learn),
            fold.folder.path,
            resume=True,  # goes on from the checkpoint if there is one
            deadline=deadline,
            on_event=on_event,
        )
        save_json(fold.folder / "training.json", _plain(result))
        fold.folder.finish("train", time.monotonic() - began)
        give_back()
    began = time.monotonic()
    trained = read_json(fold.folder / "training.json")
    record = ModelRecord(
        name=fold.name,
        labels=recipe.labels,
        preprocessing=recipe.preprocessing,
        thresholds=(0.5,) * recipe.labels.classes,
        clean=tuple(ModelRecord().clean[0] for _ in range(recipe.labels.classes)),
        provenance=provenance,
        notes=fold.notes,
    )

    # A training that was stopped for want of progress has not come to its schedule's end: there the best is the best.
    ended = trained["stopped"] != "early"
    tried: tuple[Choice, ...] = ()
    with stage("export", on_event):
        write_model_file((load_final if ended else load_best)(fold.folder.path, recipe), recipe, record, fold.folder.model)
        if ended and fold.parts["validation"] and trained["best_step"] != trained["steps"]:
            earlier = fold.folder / "earlier.onnx"
            write_model_file(load_best(fold.folder.path, recipe), recipe, record, earlier)
            tried = (
                better_checkpoint(
                    fold.folder.model,
                    earlier,
                    trained["best_step"],
                    fold.parts["validation"],
                    recipe.masks,
                    engine=SCORING_ENGINE,
                    threads=recipe.training.threads,
                    on_event=on_event,
                ),
            )
            if tried[0].kept:
                earlier.replace(fold.folder.model)
            earlier.unlink(missing_ok=True)
    chosen = choose_on_validation(
        fold.folder.model,
        fold.parts["validation"],
        recipe.masks,
        fold.unit,
        engine=SCORING_ENGINE,
        threads=recipe.training.threads,
        on_event=on_event,
        training=fold.parts["train"],
        augmentation=recipe.training.augmentation,
        wish=fold.wish,
    )
    save_json(fold.folder / "choices.json", chosen.choices.model_copy(update={"choices": (*tried, *chosen.choices.choices)}))
    stamp_record(fold.folder.model, chosen.record)
    fold.folder.finish("export", time.monotonic() - began)


def _plain(result: Any) -> dict[str, Any]:
    """A dataclass as JSON; what is not a finite number is ``None``."""
    return {
        name: None if isinstance(value, float) and not math.isfinite(value) else value for name, value in asdict(result).items()
    }


def score_fold(
    fold: Fold,
    *,
    on_event: EventSink,
    timing: Callable[[], dict[str, float]],
    engine: str = SCORING_ENGINE,
    threads: int | None = None,
) -> dict[str, Any]:
    """Score model.onnx on validation and test, write summary.json, and put the scores into the model file."""
    if "evaluate" in fold.folder.done():
        return dict(read_json(fold.folder / "summary.json"))
    from delineate.export import network_sha256, stamp_record
    from delineate.inference import ModelFile

    began = time.monotonic()
    recipe = fold.recipe
    parts = {part: fold.parts[part] for part in ("test", "validation") if fold.parts[part]}
    results = score_parts(
        fold.folder.model,
        parts,
        recipe.masks,
        fold.folder.path,
        engine=engine,
        threads=threads or recipe.training.threads,
        on_event=on_event,
        scoring=recipe.scoring,
    )
    scores: dict[str, Sequence[GroupScore]] = {result.part: result.scores for result in results}
    summary = write_summary(
        fold.folder.path,
        scores,
        fold.unit,
        recipe.labels,
        {**timing(), "evaluate": time.monotonic() - began},
        network_sha256=network_sha256(fold.folder.model),
    )
    record = ModelFile.open(fold.folder.model).record
    kept = {part: summary[part] for part in scores if part in summary}
    kept["network_sha256"] = summary["network_sha256"]
    stamp_record(fold.folder.model, record.model_copy(update={"scores": kept}))
    fold.folder.finish("evaluate", time.monotonic() - began)
    if not fold.keep_cache:
        shutil.rmtree(fold.cache, ignore_errors=True)
    return summary


def out_of_fold(folds: Sequence[Fold]) -> list[GroupScore]:
    """Test scores of all folds: every person scored once, by the model that never saw them."""
    return [
        replace(score, part="test") for fold in folds for score in read_cases_csv(fold.folder / "cases.csv") if score.part == "test"
    ]
