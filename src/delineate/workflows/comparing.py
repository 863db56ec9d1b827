"""``compare``: finished runs that were scored on the same persons."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from delineate.comparison import (
    Comparison,
    compare_candidates,
    group_runs,
    read_finished,
    write_comparison_json,
    write_curves_csv,
    write_per_patient_csv,
    write_table_csv,
    write_table_tex,
)
from delineate.events import EventSink, discard
from delineate.i18n import LANGUAGES
from delineate.recipe import read_json, save_json
from delineate.report import write_leaderboard
from delineate.workflows.side_by_side import CASES, draw_side_by_side
from delineate.workflows.stages import stage


@dataclass(frozen=True)
class CompareResult:
    """``comparison`` as values; ``folder`` holds comparison.json, per_patient.csv, table.csv, table.tex, curves.csv, ``viewer/``
    and the page in every language, of which ``page`` is the one asked for."""

    comparison: Comparison
    folder: Path
    page: Path


def compare(
    runs: Sequence[str | Path],
    out: str | Path = "comparison",
    *,
    primary: str = "dice",
    seed: int = 0,
    bootstrap: int = 2000,
    language: str = "en",
    pictures: int = CASES,
    fairness: Mapping[str, Any] | None = None,
    notes: Sequence[tuple[str, dict[str, Any]]] = (),
    on_event: EventSink = discard,
) -> CompareResult:
    """Compare finished runs on the test persons they share.

    Parameters
    ----------
    runs
        Run folders, or folders that ``evaluate`` wrote; ``"NAME=FOLDER"`` gives a name, and several folders of one name are one
        model trained with several seeds or on several folds. Without a name, the folder's name counts.
    primary
        The metric that decides, named before anybody looks: pairs are tested on it alone.
    pictures
        So many cases, those that models differ most on, are predicted again and shown side by side; 0 shows none.
    """
    named = _names([str(run) for run in runs])
    with stage("compare", on_event):
        candidates = group_runs([(name, read_finished(folder)) for name, folder in named])
        comparison = compare_candidates(candidates, primary, seed=seed, bootstrap=bootstrap)
        comparison = replace(comparison, claim=replace(comparison.claim, notes=(*comparison.claim.notes, *notes)))
        folder = Path(out)
        write_comparison_json(folder / "comparison.json", comparison, **_tensorboard(comparison, folder))
        if fairness is not None:
            save_json(folder / "comparison.json", {**read_json(folder / "comparison.json"), "fairness": dict(fairness)})
        write_per_patient_csv(folder / "per_patient.csv", comparison)
        write_table_csv(folder / "table.csv", comparison)
        write_table_tex(folder / "table.tex", comparison)
        write_curves_csv(
            folder / "curves.csv", ((c.name, run.seed, h) for c in comparison.candidates for run in c.runs for h in run.histories)
        )
    shutil.rmtree(folder / "viewer", ignore_errors=True)
    if pictures > 0:
        with stage("side-by-side", on_event, len(comparison.candidates)):
            draw_side_by_side(comparison, folder, most=pictures, on_event=on_event)
    pages = {found: write_leaderboard(folder, language=found) for found in LANGUAGES}
    return CompareResult(comparison, folder, pages[language])


def _tensorboard(comparison: Comparison, folder: Path) -> dict[str, str]:
    """Where all runs' events lie, as seen from the folder of the page, so that no page tells anybody's paths."""
    events = [run.folder.resolve() for candidate in comparison.candidates for run in candidate.runs]
    if not any(next(path.glob("**/tensorboard"), None) for path in events):
        return {}
    try:
        return {"tensorboard": Path(os.path.relpath(os.path.commonpath(events), folder.resolve())).as_posix()}
    except ValueError:  # on two drives
        return {}


def _names(runs: Sequence[str]) -> list[tuple[str, Path]]:
    """Folder names, with as much of the path before them as it takes to tell them apart."""
    given: list[tuple[str | None, Path]] = []
    for run in dict.fromkeys(runs):
        name, equals, folder = run.partition("=")
        explicit = bool(equals and name and folder) and not Path(run).exists()
        given.append((name, Path(folder)) if explicit else (None, Path(run)))
    parts = {folder: folder.resolve().parts for name, folder in given if name is None}
    depth = 1
    while len({p[-depth:] for p in parts.values()}) < len(set(parts.values())):
        depth += 1
    return [(name if name is not None else "/".join(parts[folder][-depth:]), folder) for name, folder in given]
