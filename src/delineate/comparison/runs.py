"""A finished run as the comparison sees it: whom it was scored on, with what, and what it cost."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from delineate.comparison.curves import History, read_histories
from delineate.domain import LabelSet, Unit
from delineate.errors import DelineateError, RunError
from delineate.evaluation import GroupScore, read_cases_csv
from delineate.inference import ModelFile
from delineate.inference.onnx_wire import read_facts
from delineate.recipe import Recipe, Splits, load, read_json

#: Scores that nothing was chosen on. ``out_of_fold`` is what some tables call the test scores of a cross-validation.
_SCORED = ("test", "out_of_fold")


@dataclass(frozen=True)
class FinishedRun:
    """``fold`` tells in which fold a person was scored (all 0 for a hold-out run); ``trained_on`` is empty where it is not known.

    ``seconds`` is the time of training, ``parameters`` the numbers in the model file, ``images_per_second`` the median speed of
    training over the epochs of ``histories`` (one per training: one for a hold-out run, one per fold), ``None`` where not known.
    """

    folder: Path
    unit: Unit
    labels: LabelSet
    scores: tuple[GroupScore, ...]
    seed: int
    fold: dict[str, int]
    trained_on: frozenset[str] = frozenset()
    seconds: float | None = None
    parameters: int | None = None
    network: str | None = None
    synthetic: bool = False
    histories: tuple[History, ...] = ()

    @property
    def images_per_second(self) -> float | None:
        found = [epoch["images_per_second"] for one in self.histories for epoch in one.epochs if epoch.get("images_per_second")]
        return median(found) if found else None

    @property
    def persons(self) -> frozenset[str]:
        return frozenset(score.person for score in self.scores)


def read_finished(folder: Path) -> FinishedRun:
    """Read a run folder, or what ``evaluate --out`` wrote.

    Raises
    ------
    RunError
        ``compare-not-scored``: no cases.csv or summary.json, or no test persons in them.
    """
    for name in ("cases.csv", "summary.json"):
        if not (folder / name).is_file():
            raise RunError("compare-not-scored", path=folder, what=name)
    scores = tuple(score for score in read_cases_csv(folder / "cases.csv") if score.part in _SCORED)
    if not scores:
        raise RunError("compare-not-scored", path=folder, what="test")
    summary = read_json(folder / "summary.json")
    splits = load(Splits, folder / "splits.json") if (folder / "splits.json").is_file() else None
    recipe = load(Recipe, folder / "recipe.json") if (folder / "recipe.json").is_file() else None
    names = tuple(dict.fromkeys(c.name for score in scores for c in score.classes))
    provenance = _object(folder / "provenance.json")
    return FinishedRun(
        folder=folder,
        unit=_unit(summary, splits),
        labels=recipe.labels if recipe else LabelSet(kind="binary" if len(names) == 1 else "exclusive", names=names),
        scores=scores,
        seed=recipe.training.seed if recipe else int(provenance.get("seed", 0)),
        fold=_folds(splits),
        trained_on=frozenset(p for fold in splits.folds for p in fold.get("train", ())) if splits else frozenset(),
        seconds=_seconds(folder, summary),
        parameters=_parameters(folder),
        network=recipe.network.name if recipe else None,
        synthetic=bool(provenance.get("synthetic")),
        histories=read_histories(folder),
    )


def _unit(summary: Any, splits: Splits | None) -> Unit:
    if splits is not None:
        return splits.unit
    found = next((summary[part].get("unit") for part in _SCORED if isinstance(summary.get(part), dict)), None)
    units: dict[str, Unit] = {"patient": "patient", "image": "image", "block": "block"}
    return units.get(str(found), "image")


def _folds(splits: Splits | None) -> dict[str, int]:
    if splits is None:
        return {}
    return {person: number for number, fold in enumerate(splits.folds) for person in fold.get("test", ())}


def _object(path: Path) -> dict[str, Any]:
    data = read_json(path) if path.is_file() else {}
    return data if isinstance(data, dict) else {}


def _seconds(folder: Path, summary: Any) -> float | None:
    """Of the loop itself where it says so, else of the whole stage; a cross-validation's are those of all folds together."""
    timing = summary.get("timing") if isinstance(summary, dict) else None
    for found in (_object(folder / "training.json").get("seconds"), timing.get("train") if isinstance(timing, dict) else None):
        if isinstance(found, (int, float)) and found > 0:
            return float(found)
    return None


def _parameters(folder: Path) -> int | None:
    """Numbers in the model file; comparing needs no model file, so that one that is damaged or absent is merely unknown."""
    if not (folder / "model.onnx").is_file():
        return None
    try:
        return read_facts(ModelFile.open(folder / "model.onnx").data).weights
    except (DelineateError, ValueError):
        return None
