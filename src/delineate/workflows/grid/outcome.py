"""The end of a grid: what is compared, what is missing, what it took."""

from __future__ import annotations

import csv
import io
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from delineate.errors import RunError
from delineate.events import EventSink
from delineate.recipe import read_json, write_text
from delineate.workflows.comparing import CompareResult, compare
from delineate.workflows.grid.folders import Grid, GridRun
from delineate.workflows.grid.plan import Missing, Used

Cell = tuple[int, int]  # fold, seed


@dataclass(frozen=True)
class Paired:
    """``candidates`` × ``cells``: all of these runs are finished."""

    candidates: tuple[str, ...]
    cells: frozenset[Cell]


def conclude(grid: Grid, runs: Sequence[GridRun], *, language: str, pictures: int, on_event: EventSink) -> CompareResult:
    """Write grid.json's ``used`` and ``missing``, runs.csv, and the comparison of what can be paired.

    Raises ``RunError`` ``grid-nothing-to-compare`` where fewer than two candidates have runs on the same folds and seeds.
    """
    done = [run for run in runs if run.state == "finished"]
    paired = paired_of([(run.candidate.name, (run.fold, run.seed)) for run in done])
    missing = tuple(_missing(runs, paired))
    file = grid.file.model_copy(update={"used": _used(done), "missing": missing})
    grid.save(file)
    _write_runs(grid, runs)
    if len(paired.candidates) < 2:
        failed = [f"{m.candidate}: {m.reason.get(language, m.code)}" for m in missing if m.state == "failed"]
        raise RunError("grid-nothing-to-compare", path=grid.path, finished=len(done), runs=len(runs), reason=(failed or ["–"])[0])
    used = [run for run in done if run.candidate.name in paired.candidates and (run.fold, run.seed) in paired.cells]
    return compare(
        [f"{run.candidate.name}={run.folder}" for run in sorted(used, key=_order(grid))],
        grid.path,
        primary=file.options.primary,
        seed=file.options.seed,
        language=language,
        pictures=pictures,
        fairness=file.fairness(),
        notes=_notes(grid, missing),
        on_event=on_event,
    )


def _order(grid: Grid) -> Any:
    names = [candidate.name for candidate in grid.plan.candidates]
    return lambda run: (names.index(run.candidate.name), run.seed, run.fold)


def paired_of(finished: Collection[tuple[str, Cell]]) -> Paired:
    """The most runs that can be compared: candidates of which each is finished on all of the same folds with all of the same seeds.

    Patients have to be the same for all, and for every seed; what is left out is fewest runs, and rather runs than a candidate.
    """
    cells: dict[str, set[Cell]] = {}
    for name, cell in finished:
        cells.setdefault(name, set()).add(cell)
    order = sorted(cells, key=lambda name: len(cells[name]), reverse=True)
    best = Paired((), frozenset())
    for count in range(1, len(order) + 1):
        chosen = order[:count]
        block = _block(set.intersection(*(cells[name] for name in chosen)))
        if block and (count <= 2 or count * len(block) >= len(best.candidates) * len(best.cells)):
            best = Paired(tuple(chosen), block)
    return best


def _block(cells: set[Cell]) -> frozenset[Cell]:
    """The largest folds × seeds of which every cell is there, with either every fold or every seed of those given where equal."""
    folds, seeds = sorted({f for f, _ in cells}), sorted({s for _, s in cells})
    best: set[Cell] = set()
    for seed in seeds:  # the folds of one seed, with every other seed that has them all
        mine = [f for f in folds if (f, seed) in cells]
        found = {(f, s) for s in seeds if all((g, s) in cells for g in mine) for f in mine}
        best = max(best, found, key=len)
    for fold in folds:  # … and the seeds of one fold, with every other fold that has them all
        own = [s for s in seeds if (fold, s) in cells]
        found = {(f, s) for f in folds if all((f, t) in cells for t in own) for s in own}
        best = max(best, found, key=len)
    return frozenset(best)


def _missing(runs: Sequence[GridRun], paired: Paired) -> list[Missing]:
    found = []
    for run in runs:
        about: dict[str, Any] = {"candidate": run.candidate.name, "fold": run.fold, "seed": run.seed}
        if run.state == "finished":
            if run.candidate.name not in paired.candidates or (run.fold, run.seed) not in paired.cells:
                found.append(Missing(**about, state="unpaired"))
        elif run.state == "failed":
            failure = run.failure()
            reason = {language: text for language, text in failure.items() if language != "code"}
            found.append(Missing(**about, state="failed", code=failure.get("code"), reason=reason))
        else:
            found.append(Missing(**about, state="waiting"))
    return found


def _used(done: Sequence[GridRun]) -> dict[str, Used]:
    used = {}
    for name in dict.fromkeys(run.candidate.name for run in done):
        mine = [run for run in done if run.candidate.name == name]
        trained = [read_json(run.folder / "training.json") for run in mine]
        seconds = sum(float(one["seconds"]) for one in trained)
        used[name] = Used(
            runs=len(mine),
            steps=sum(int(one["steps"]) for one in trained),
            images=len(mine) * mine[0].candidate.images,
            seconds=round(seconds, 1),
            seconds_per_run=round(seconds / len(mine), 2),
        )
    return used


def _notes(grid: Grid, missing: Sequence[Missing]) -> list[tuple[str, dict[str, Any]]]:
    """Said below the claim: the rule, what it came to, and what is not in the comparison."""
    file, plan = grid.file, grid.plan
    steps = sorted({candidate.steps for candidate in plan.candidates})
    seconds = [used.seconds_per_run for used in file.used.values()]
    params: dict[str, Any] = {"fastest": _time(min(seconds)), "slowest": _time(max(seconds))}
    notes: list[tuple[str, dict[str, Any]]] = []
    if file.options.equal == "steps":
        notes.append(("grid-steps", {**params, "steps": steps[-1], "images": plan.candidates[0].images}))
    else:
        notes.append(("grid-time", {**params, "least": steps[0], "most": steps[-1]}))
    notes.append(("grid-alike", {"folds": plan.folds, "seeds": len(plan.seeds), "seed": file.options.seed}))
    failed = sorted({m.candidate for m in missing if m.state == "failed"})
    if failed:
        notes.append(("grid-failed", {"runs": sum(m.state == "failed" for m in missing), "names": ", ".join(failed)}))
    absent = sum(m.state != "failed" for m in missing)
    if absent:
        notes.append(("grid-left-out", {"runs": absent}))
    return notes


def _time(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.1f} min"


def _write_runs(grid: Grid, runs: Sequence[GridRun]) -> None:
    """runs.csv: one row per run; the validation Dice its checkpoint was chosen by, no test scores."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["candidate", "fold", "seed", "state", "steps", "training_seconds", "validation_dice", "reason", "folder"])
    for run in runs:
        training = read_json(run.folder / "training.json") if (run.folder / "training.json").is_file() else {}
        numbers = [training.get(name, "") for name in ("steps", "seconds", "best_score")]
        cells = ["" if value is None else value for value in numbers]
        folder = run.folder.relative_to(grid.path).as_posix()
        writer.writerow([run.candidate.name, run.fold, run.seed, run.state, *cells, run.failure().get("en", ""), folder])
    write_text(grid / "runs.csv", text.getvalue())
