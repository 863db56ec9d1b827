"""``compare``: finished runs that were scored on the same persons."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from delineate.comparison import (
    Comparison,
    compare_candidates,
    group_runs,
    read_finished,
    write_comparison_json,
    write_per_patient_csv,
    write_table_tex,
)
from delineate.events import EventSink, discard
from delineate.report import write_leaderboard
from delineate.workflows.stages import stage


@dataclass(frozen=True)
class CompareResult:
    """``comparison`` as values; ``folder`` holds comparison.json, per_patient.csv, table.tex and ``page``."""

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
    """
    named = _names([str(run) for run in runs])
    with stage("compare", on_event):
        candidates = group_runs([(name, read_finished(folder)) for name, folder in named])
        comparison = compare_candidates(candidates, primary, seed=seed, bootstrap=bootstrap)
        folder = Path(out)
        write_comparison_json(folder / "comparison.json", comparison)
        write_per_patient_csv(folder / "per_patient.csv", comparison)
        write_table_tex(folder / "table.tex", comparison)
        page = write_leaderboard(folder, language=language)
    return CompareResult(comparison, folder, page)


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
