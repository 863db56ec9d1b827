"""``ensemble``: several model files become one. Scored only where it is honest: on persons that no member learned from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from delineate.errors import RunError
from delineate.evaluation import person_values, read_cases_csv
from delineate.events import EventSink, Note, discard
from delineate.export import network_sha256, stamp_record, write_ensemble
from delineate.inference import ModelFile, paired_interval
from delineate.recipe import Recipe, Splits, load, read_json, save_json
from delineate.workflows.choosing import Wish, choose_on_validation
from delineate.workflows.fold import SCORING_ENGINE
from delineate.workflows.folder import RunFolder
from delineate.workflows.own_cases import own_cases
from delineate.workflows.scorecard import score_parts, write_summary


@dataclass(frozen=True)
class Ensemble:
    """``summary``: scores of the joint file on the test persons its members share, with ``summary["ensemble"]`` the paired
    difference to the member that was best on validation; ``None`` where there are no such persons. Then ``folder`` is ``None``."""

    model: Path
    members: int
    summary: dict[str, Any] | None
    folder: Path | None


def ensemble(
    sources: Sequence[str | Path],
    out: str | Path,
    *,
    name: str | None = None,
    dice_bar: float = 0.8,
    alpha: float = 0.1,
    engine: str = SCORING_ENGINE,
    threads: int | None = None,
    on_event: EventSink = discard,
) -> Ensemble:
    """Join runs or model files into the model file ``out``.

    A cross-validation stands for the models of all its folds. Where every source is a run with the same split, thresholds,
    clean-up, temperature and review rule are chosen on the validation persons that all share, and the file is scored on the test
    persons. Otherwise it carries the mean of its members' thresholds and no score: a person who tests one member may have taught
    another.
    """
    out = Path(out)
    if out.is_dir() or out.suffix != ".onnx":
        out = out / "model.onnx"
    paths = [path for source in sources for path in _models(Path(source))]
    write_ensemble([ModelFile.open(path) for path in paths], out, name=name or out.stem, notes=("ensemble",))
    shared = _shared_split([Path(source) for source in sources])
    if shared is None:
        on_event(Note("ensemble-unscored", {}, "warning"))
        return Ensemble(out, len(paths), None, None)
    splits, runs = shared
    folder = out.parent / f"{out.stem}-evaluation"
    recipe, parts = load(Recipe, runs[0].need("recipe.json")), own_cases(runs[0], splits, on_event)
    chosen = choose_on_validation(
        out,
        parts["validation"],
        recipe.masks,
        splits.unit,
        engine=engine,
        threads=threads,
        on_event=on_event,
        training=parts["train"],
        wish=Wish(dice_bar=dice_bar, alpha=alpha),
    )
    stamp_record(out, chosen.record)
    save_json(folder / "choices.json", chosen.choices)
    wanted = {part: parts[part] for part in ("test", "validation") if parts[part]}
    results = score_parts(
        out, wanted, recipe.masks, folder, engine=engine, threads=threads, on_event=on_event, scoring=recipe.scoring
    )
    scores = {result.part: result.scores for result in results}
    more = {"network_sha256": network_sha256(out), "ensemble": _against_best(runs, folder)}
    summary = write_summary(folder, scores, splits.unit, recipe.labels, {}, **more)
    kept = {part: summary[part] for part in (*wanted, "network_sha256")}
    stamp_record(out, ModelFile.open(out).record.model_copy(update={"scores": kept}))
    return Ensemble(out, len(paths), summary, folder)


def fold_ensemble(folders: Sequence[Path], out: Path, *, name: str) -> None:
    """The models of a cross-validation's folds as one file. It has no score of its own: every person taught some member."""
    write_ensemble([ModelFile.open(folder / "model.onnx") for folder in folders], out, name=name, notes=("ensemble",))


def _models(source: Path) -> list[Path]:
    folds = sorted(source.glob("fold_*/model.onnx"), key=lambda path: (len(path.parent.name), path.parent.name))
    return folds or [source]


def _shared_split(sources: Sequence[Path]) -> tuple[Splits, list[RunFolder]] | None:
    """The hold-out split that all sources share, if all are runs that do and whose data are the same."""
    runs = [RunFolder(source) for source in sources if source.is_dir()]
    if len(runs) < len(sources) or not all((run / "splits.json").exists() and run.is_run() for run in runs):
        return None
    splits = [load(Splits, run / "splits.json") for run in runs]
    data = [read_json(run / "dataset.json").get("sha256") for run in runs if (run / "dataset.json").exists()]
    same = all(other.folds == splits[0].folds for other in splits) and len(set(data)) == 1 and len(data) == len(runs)
    return (splits[0], runs) if same and len(splits[0].folds) == 1 and splits[0].folds[0].get("validation") else None


def _against_best(runs: Sequence[RunFolder], folder: Path) -> dict[str, Any]:
    """Dice of the ensemble less that of the member that was best on validation, per person."""
    own = read_cases_csv(folder / "cases.csv")
    tables = {run.path.name: read_cases_csv(run.need("cases.csv")) for run in runs}

    def values(scores: Any, part: str) -> dict[str, float]:
        return person_values([score for score in scores if score.part == part])

    means = {name: _mean(values(scores, "validation")) for name, scores in tables.items()}
    if not means:
        raise RunError("run-nothing", path=folder)
    best = max(means, key=lambda name: means[name])
    found: dict[str, Any] = {"members": list(tables), "best_member": best}
    for part in ("validation", "test"):
        one, other = values(own, part), values(tables[best], part)
        differences = [one[p] - other[p] for p in one if p in other and one[p] == one[p] and other[p] == other[p]]
        interval = paired_interval(np.array(differences))
        found[part] = {
            "difference": float(np.mean(differences)) if differences else None,
            "ci95": list(interval) if interval else None,
            "n": len(differences),
        }
    return found


def _mean(values: dict[str, float]) -> float:
    defined = [value for value in values.values() if value == value]
    return sum(defined) / len(defined) if defined else 0.0
