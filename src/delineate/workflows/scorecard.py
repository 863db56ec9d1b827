"""Choose on validation, score on test: everything from the model file, through the predictor that users run."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from delineate.domain import Case, LabelSet, Unit
from delineate.evaluation import Choice, Choices, GroupScore, summarise, write_cases_csv
from delineate.events import EventSink
from delineate.inference import ModelFile, Predictor, ValidationCase, choose_thresholds_and_clean
from delineate.recipe import MaskRule, ModelRecord, Scoring, save_json
from delineate.workflows.results import Results, save_pictures
from delineate.workflows.scoring import predict_groups
from delineate.workflows.stages import stage

#: Validation probabilities are kept in memory up to this size.
KEEP_BYTES = 1 << 30


def choose_on_validation(
    model: Path, cases: Sequence[Case], rule: MaskRule, unit: Unit, *, engine: str, threads: int | None, on_event: EventSink
) -> tuple[ModelRecord, Choices]:
    """Threshold and clean-up per class, chosen on validation cases with the exported file; the record that holds them."""
    predictor = Predictor(ModelFile.open(model), engine=engine, threads=threads, on_event=on_event)
    labels = predictor.record.labels
    predictor.expect(len(cases))
    kept: list[ValidationCase] = []

    def stream() -> Iterator[ValidationCase]:
        """Asked for twice (threshold, then clean-up): predicted once where the answers fit in memory, else twice."""
        if kept:
            yield from kept
            return
        size, fits = 0, True
        for found in predict_groups(predictor, cases, rule, labels, stage="choose", on_event=on_event):
            case = ValidationCase(found.probabilities.astype(np.float16), found.truth, found.group, found.person, found.spacing)
            size += case.probabilities.nbytes + case.truth.nbytes
            fits = fits and size <= KEEP_BYTES
            if fits:
                kept.append(case)
            yield case
        if not fits:
            kept.clear()

    with stage("choose", on_event, len({case.group for case in cases})):
        chosen = choose_thresholds_and_clean(stream, labels)
    record = predictor.record.model_copy(update={"thresholds": chosen.thresholds, "clean": chosen.clean})
    rows = tuple(
        Choice(
            step=row.option if "+" in row.option else row.option.partition("=")[0],
            value=None if "+" in row.option else row.option.partition("=")[2] or None,
            kept=row.chosen,
            class_name=row.label,
            before=row.before,
            after=row.after,
            better=row.better,
            worse=row.worse,
        )
        for row in chosen.table
    )
    return record, Choices(unit=unit, n=len({case.person for case in cases}), choices=rows)


def score_parts(
    model: Path,
    parts: Mapping[str, Sequence[Case]],
    rule: MaskRule,
    folder: Path,
    *,
    engine: str,
    threads: int | None,
    on_event: EventSink,
    scoring: Scoring | None = None,
) -> list[Results]:
    """Score the model file on each part; writes pictures/ and cases.csv of ``folder``."""
    predictor = Predictor(ModelFile.open(model), engine=engine, threads=threads, on_event=on_event)
    predictor.expect(sum(len(cases) for cases in parts.values()))
    record = predictor.record
    pictures = folder / "pictures"
    shutil.rmtree(pictures, ignore_errors=True)
    pictures.mkdir(parents=True)
    results = []
    total = len({case.group for cases in parts.values() for case in cases})
    with stage("evaluate", on_event, total):
        for part, cases in parts.items():
            result = Results(part, record.labels, scoring=scoring or Scoring())
            for found in predict_groups(predictor, cases, rule, record.labels, stage="evaluate", on_event=on_event):
                result.add(found, record, pictures)
            results.append(result)
    save_pictures(pictures, results)
    write_cases_csv(folder / "cases.csv", [score for result in results for score in result.scores])
    return results


def write_summary(
    folder: Path, scores: Mapping[str, Sequence[GroupScore]], unit: Unit, labels: LabelSet, timing: Mapping[str, float], **more: Any
) -> dict[str, Any]:
    """summary.json: one entry per part, and how long things took (seconds)."""
    summary: dict[str, Any] = {part: summarise(found, unit, labels) for part, found in scores.items() if found}
    summary["timing"] = {name: round(seconds, 2) for name, seconds in timing.items()}
    summary.update(more)
    save_json(folder / "summary.json", summary)
    return summary
