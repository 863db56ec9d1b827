"""Scores of a model file: everything from the model file, through the predictor that users run."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from delineate.domain import Case, LabelSet, Unit
from delineate.evaluation import GroupScore, summarise, write_cases_csv
from delineate.events import EventSink
from delineate.inference import ModelFile, Predictor
from delineate.recipe import MaskRule, Scoring, read_json, save_json
from delineate.workflows.doubting import DoubtCheck
from delineate.workflows.observing import Observers
from delineate.workflows.results import Results, save_pictures
from delineate.workflows.scoring import predict_groups
from delineate.workflows.stages import stage


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
    """Score the model file on each part, and what it says of its own doubt; writes pictures/, cases.csv and doubt.json."""
    predictor = Predictor(ModelFile.open(model), engine=engine, threads=threads, on_event=on_event)
    predictor.expect(sum(len(cases) for cases in parts.values()))
    record = predictor.record
    pictures = folder / "pictures"
    shutil.rmtree(pictures, ignore_errors=True)
    pictures.mkdir(parents=True)
    results = []
    doubt = DoubtCheck(record, Observers(record.labels, rule, on_event))
    total = len({case.group for cases in parts.values() for case in cases})
    with stage("evaluate", on_event, total):
        for part, cases in parts.items():
            result = Results(part, record.labels, scoring=scoring or Scoring())
            for found in predict_groups(predictor, cases, rule, record.labels, stage="evaluate", on_event=on_event):
                decided = result.decide(found, record)
                doubt.watch(found, decided, result.add(found, decided, pictures))
            results.append(result)
    save_pictures(pictures, results)
    save_json(folder / "doubt.json", doubt.result())
    write_cases_csv(folder / "cases.csv", [score for result in results for score in result.scores])
    return results


def write_summary(
    folder: Path, scores: Mapping[str, Sequence[GroupScore]], unit: Unit, labels: LabelSet, timing: Mapping[str, float], **more: Any
) -> dict[str, Any]:
    """summary.json: one entry per part, and how long things took (seconds)."""
    summary: dict[str, Any] = {part: summarise(found, unit, labels) for part, found in scores.items() if found}
    summary["timing"] = {name: round(seconds, 2) for name, seconds in timing.items()}
    summary.update(more)
    summary.update(_doubt(folder))
    save_json(folder / "summary.json", summary)
    return summary


def _doubt(folder: Path) -> dict[str, Any]:
    """The few numbers of doubt.json that belong beside the scores."""
    path = folder / "doubt.json"
    if not path.exists():
        return {}
    data = read_json(path)
    calibration = {"temperatures": data["calibration"]["temperatures"]}
    for place in ("image", "region"):
        for when, numbers in data["calibration"].get(place, {}).items():
            calibration[f"ece_{place}_{when}"] = {key: numbers[key] for key in ("ece", "ci95", "n")}
    return {"calibration": calibration, "review": data["review"]}
