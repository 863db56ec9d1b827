"""``evaluate``: score a run's model file on its own test persons, or any model file on a folder it has not seen."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from delineate.dataset import infer_mask_rule
from delineate.domain import IGNORE, LabelSet
from delineate.errors import DataError, UsageError
from delineate.events import EventSink, Note, discard
from delineate.inference import ModelFile
from delineate.recipe import MaskRule, Recipe, Scoring, load
from delineate.workflows.examine import scan_folder
from delineate.workflows.fold import SCORING_ENGINE
from delineate.workflows.folder import RunFolder
from delineate.workflows.options import DataOptions
from delineate.workflows.own_cases import only_split, own_cases
from delineate.workflows.scorecard import score_parts, write_summary


@dataclass(frozen=True)
class Evaluation:
    """``summary`` as in summary.json; ``cases`` the table with one row per group and class."""

    summary: dict[str, Any]
    cases: Path
    folder: Path


def evaluate(
    run: str | Path,
    data: str | Path | None = None,
    *,
    out: str | Path | None = None,
    reading: DataOptions | None = None,
    engine: str = SCORING_ENGINE,
    threads: int | None = None,
    nsd_tolerance: float | None = None,
    on_event: EventSink = discard,
) -> Evaluation:
    """Score a model file.

    Parameters
    ----------
    run
        A run folder (its model.onnx is scored on its own test and validation persons), or a model file.
    data
        With a model file: a folder whose labelled cases are all scored as ``test``. They must be persons that the model was not
        trained on; nothing in a file can prove that, so the report of an evaluation says whose word it is.
    nsd_tolerance
        Of the normalised surface distance, in mm where the spacing is known, else in pixels; default: the recipe's, or 2.
    out
        Where summary.json, cases.csv and pictures/ go; default: the run folder, or ``evaluation-<model>``.
    """
    if nsd_tolerance is not None and not 0 <= nsd_tolerance < math.inf:
        raise UsageError("bad-tolerance", value=nsd_tolerance)
    if Path(run).is_dir():
        if data is not None:
            run = RunFolder(Path(run)).need("model.onnx")
        else:
            return _own_persons(RunFolder(Path(run)), Path(out) if out else Path(run), engine, threads, nsd_tolerance, on_event)
    if data is None:
        raise UsageError("evaluate-needs-data")
    return _new_persons(Path(run), Path(data), out, reading or DataOptions(), engine, threads, nsd_tolerance, on_event)


def _own_persons(
    folder: RunFolder, out: Path, engine: str, threads: int | None, nsd_tolerance: float | None, on_event: EventSink
) -> Evaluation:
    model = folder.need("model.onnx")
    splits = only_split(folder, "evaluate-folds")
    recipe = load(Recipe, folder.need("recipe.json"))
    parts = own_cases(folder, splits, on_event)
    wanted = {part: parts[part] for part in ("test", "validation") if parts[part]}
    began = time.monotonic()
    scoring = recipe.scoring if nsd_tolerance is None else Scoring(nsd_tolerance=nsd_tolerance)
    results = score_parts(model, wanted, recipe.masks, out, engine=engine, threads=threads, on_event=on_event, scoring=scoring)
    scores = {result.part: result.scores for result in results}
    timing = {**folder.done(), "evaluate": time.monotonic() - began}
    summary = write_summary(out, scores, splits.unit, recipe.labels, timing)
    if out == folder.path:
        folder.finish("evaluate", timing["evaluate"])
    return Evaluation(summary, out / "cases.csv", out)


def _new_persons(
    model: Path,
    data: Path,
    out: str | Path | None,
    reading: DataOptions,
    engine: str,
    threads: int | None,
    nsd_tolerance: float | None,
    on_event: EventSink,
) -> Evaluation:
    record = ModelFile.open(model).record
    folder = Path(out) if out else Path(f"evaluation-{record.name}")
    scan = scan_folder(data, reading, on_event)
    rule, labels, _ = infer_mask_rule(scan, classes=reading.classes, on_event=on_event)
    rule = _same_classes(rule, labels, record.labels, on_event)
    cases = [case for case in scan.cases if case.masks]
    if not cases:
        raise DataError("no-labelled-cases", path=data)
    began = time.monotonic()
    scoring = Scoring() if nsd_tolerance is None else Scoring(nsd_tolerance=nsd_tolerance)
    results = score_parts(model, {"test": cases}, rule, folder, engine=engine, threads=threads, on_event=on_event, scoring=scoring)
    timing = {"evaluate": time.monotonic() - began}
    summary = write_summary(folder, {"test": results[0].scores}, scan.unit, record.labels, timing)
    return Evaluation(summary, folder / "cases.csv", folder)


def _same_classes(rule: MaskRule, data: LabelSet, model: LabelSet, on_event: EventSink) -> MaskRule:
    """The data's rule with its labels in the model's order. One class against one class needs no equal names; data may lack a
    class (a small folder without the rare one), which is said."""
    if data.classes == 1 and model.classes == 1:
        return rule
    absent = [name for name in model.names if name not in data.names]
    if not set(data.names) <= set(model.names) or rule.kind == "threshold":
        raise DataError("labels-differ", model=", ".join(model.names), data=", ".join(data.names))
    if absent:
        on_event(Note("classes-not-in-data", {"names": ", ".join(absent)}, "warning"))
    order = {0: 0, IGNORE: IGNORE, **{number: model.names.index(name) + 1 for number, name in enumerate(data.names, 1)}}
    # A file stands for a class by its name: without a table the number of the file's class is the label.
    table = rule.values or ({label: label for label in range(1, data.classes + 1)} if rule.kind == "files" else {})
    return rule.model_copy(
        update={
            "values": {value: order[label] for value, label in table.items()},
            "colours": {colour: order[label] for colour, label in rule.colours.items()},
        }
    )
