"""The whole grid: plan → runs → comparison, resumable at any moment."""

from __future__ import annotations

import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from delineate.comparison import Comparison
from delineate.errors import ResourceError, RunError, UsageError
from delineate.events import EventSink, Progress, StageFinished, StageStarted, discard
from delineate.recipe import read_json
from delineate.workflows.examine import locate
from delineate.workflows.grid.candidates import candidates_of
from delineate.workflows.grid.engines import Engine, engine_of
from delineate.workflows.grid.events import GridPlanned, RunChanged
from delineate.workflows.grid.folders import Grid, GridRun
from delineate.workflows.grid.options import GridOptions
from delineate.workflows.grid.outcome import conclude
from delineate.workflows.grid.plan import GridFile, Missing
from delineate.workflows.grid.planning import plan_grid
from delineate.workflows.options import parse_budget
from delineate.workflows.side_by_side import CASES


@dataclass(frozen=True)
class GridResult:
    """What a grid gave. ``failed`` are the runs that ended with an error; ``missing`` all that the comparison is without."""

    folder: Path
    comparison: Comparison
    page: Path
    runs: int
    failed: tuple[Missing, ...]
    missing: tuple[Missing, ...]
    seconds: float


def compare_grid(
    data: str | Path | None = None,
    out: str | Path = "comparison",
    *,
    budget: str | float | None = None,
    options: GridOptions | None = None,
    resume: bool = False,
    jobs: int | None = None,
    engine: str = "local",
    engine_options: Mapping[str, str] | None = None,
    given: Mapping[str, Any] | None = None,
    pictures: int = CASES,
    on_event: EventSink = discard,
    **settings: Any,
) -> GridResult:
    """Train candidates alike, score them on the same persons, compare them.

    ``dl.compare_grid("data/", "cmp/", networks=["unet", "attention_unet"], losses=["dice", "bce_dice"], budget="4h")``

    Parameters
    ----------
    data
        Folder of images and masks; not needed with ``resume``.
    out
        The grid's folder: ``grid.json``, ``runs/<candidate>/fold<k>-seed<s>/``, and the files of :func:`compare` at the end.
    budget
        Wall-clock for the whole grid: seconds or ``"4h"``; or give ``epochs``.
    options
        All options as one value (then ``data``, ``budget`` and ``settings`` must not be given).
    resume
        Go on with the grid in ``out``. Finished runs are not repeated; failed ones are tried again.
    jobs, engine, engine_options
        Runs at a time, and what does them (see :func:`engine_of`). They may differ from one resume to the next.
    given
        With ``resume``: options that were said again; they have to be those of the grid.
    pictures
        Cases shown side by side (see :func:`compare`).
    settings
        Further fields of :class:`GridOptions`.

    Raises
    ------
    UsageError, DataError, RecipeError
        Before anything is trained.
    RunError
        ``grid-missing``, ``grid-exists``, ``run-in-use``; ``grid-nothing-to-compare`` when too many runs failed.
    """
    began = time.monotonic()
    grid = Grid(Path(out))
    if jobs is not None and jobs < 1:
        raise UsageError("grid-bad-jobs", value=jobs)
    if options is None and data is not None and not (resume and grid.exists()):
        seconds = parse_budget(budget) if isinstance(budget, str) else budget
        options = GridOptions(data=Path(data), budget=seconds, **settings)
    if resume and grid.exists():
        _same(grid.file.options, given or {})
    else:
        _begin(grid, options, resume)
    from delineate.training import require
    from delineate.training.checkpoints import run_lock

    require()
    worker = engine_of(engine, jobs, engine_options or {}, grid / "engine")
    with run_lock(grid.path, Path(".lock")):
        file = grid.file
        if file.plan is None:
            plan = plan_grid(file.options, grid.path, jobs or 1, on_event)
            grid.save(file.model_copy(update={"plan": plan}))
        _work(grid, worker, jobs or 1, on_event)
        result = conclude(grid, grid.runs(), language=grid.file.options.language, pictures=pictures, on_event=on_event)
    shutil.rmtree(grid / "cache", ignore_errors=True)
    missing = grid.file.missing
    failed = tuple(one for one in missing if one.state == "failed")
    return GridResult(grid.path, result.comparison, result.page, grid.plan.runs, failed, missing, time.monotonic() - began)


def _begin(grid: Grid, options: GridOptions | None, resume: bool) -> None:
    if options is None:
        raise RunError("grid-missing", path=grid.path) if resume else UsageError("data-needed", command="compare")
    if grid.exists():
        raise RunError("grid-exists", path=grid.path)
    if grid.path.exists() and (not grid.path.is_dir() or any(grid.path.iterdir())):
        raise RunError("run-not-empty", path=grid.path)
    locate(options.data, options.reading)
    candidates_of(options)  # a slip of the pen leaves no folder behind
    if options.budget is None and options.epochs is None:
        raise UsageError("grid-needs-budget")
    try:
        grid.path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ResourceError("cannot-write", path=grid.path, reason=error.strerror or str(error)) from None
    grid.save(GridFile(options=_anchored(options)))


def _anchored(options: GridOptions) -> GridOptions:
    """Every path absolute, so that a grid can be resumed from another folder."""
    table, split_file = options.reading.table, options.splitting.split_file
    return options.model_copy(
        update={
            "data": options.data.resolve(),
            "reading": options.reading.model_copy(update={"table": table and table.resolve()}),
            "splitting": options.splitting.model_copy(update={"split_file": split_file and split_file.resolve()}),
        }
    )


def _same(recorded: GridOptions, given: Mapping[str, Any]) -> None:
    """A grid goes on as it was begun: what is said again has to be the same, the primary metric above all."""
    for name, value in given.items():
        before = getattr(recorded, name)
        if name == "data":
            value = Path(value).resolve()
        if isinstance(value, list):
            value = tuple(value)
        if value == before:
            continue
        if name == "primary":
            raise UsageError("grid-primary-fixed", recorded=before, given=value)
        raise UsageError("grid-option-fixed", name="--" + name.replace("_", "-"), recorded=before, given=value)


def _work(grid: Grid, engine: Engine, jobs: int, on_event: EventSink) -> None:
    runs = grid.runs()
    todo = [run for run in runs if run.state != "finished"]
    _tell_plan(grid, runs, todo, jobs, on_event)
    if not todo:
        return
    for run in todo:
        grid.prepare(run)
    began = time.monotonic()
    board = _Board(len(runs), len(runs) - len(todo), grid.plan.seconds / max(1, len(runs)), jobs, on_event)
    on_event(StageStarted("grid", len(runs)))
    engine.work(todo, board.heard)
    on_event(StageFinished("grid", time.monotonic() - began))


def _tell_plan(grid: Grid, runs: Sequence[GridRun], todo: Sequence[GridRun], jobs: int, on_event: EventSink) -> None:
    file, plan = grid.file, grid.plan
    steps = [candidate.steps for candidate in plan.candidates]
    on_event(
        GridPlanned(
            runs=len(runs),
            done=len(runs) - len(todo),
            candidates=tuple(candidate.name for candidate in plan.candidates),
            folds=plan.folds,
            seeds=len(plan.seeds),
            steps=(min(steps), max(steps)),
            size=plan.size,
            jobs=jobs,
            seconds=plan.seconds * len(todo) / len(runs) * plan.jobs / jobs,
            equal=file.options.equal,
            primary=file.options.primary,
        )
    )


class _Board:
    """What the engine hears of runs, as events: how far each is, and how far the whole."""

    def __init__(self, total: int, done: int, seconds_per_run: float, jobs: int, on_event: EventSink) -> None:
        self.total, self.done, self.jobs, self.on_event = total, done, jobs, on_event
        self.guess = seconds_per_run
        self.began: dict[Path, float] = {}
        self.shares: dict[Path, float] = {}
        self.dice: dict[Path, float | None] = {}
        self.took: list[float] = []

    def heard(self, run: GridRun, message: Mapping[str, Any]) -> None:
        kind, key = message["kind"], run.folder
        if kind == "begin":
            self.began[key], self.shares[key] = time.monotonic(), 0.0
        elif kind == "progress" and message["total"]:
            self.shares[key] = message["done"] / message["total"]
        elif kind == "epoch":
            self.dice[key] = message["val_dice"]
        state: Literal["running", "finished", "failed"] = message["state"] if kind == "end" else "running"
        seconds = time.monotonic() - self.began.get(key, time.monotonic())
        if kind == "end":
            self.done += 1
            self.shares.pop(key, None)
            if state == "finished":
                self.took.append(seconds)
                # Of the checkpoint that was chosen; a cluster's engine hears of no epochs.
                training = run.folder / "training.json"
                self.dice[key] = read_json(training).get("best_score") if training.is_file() else None
        self.on_event(
            RunChanged(
                run.candidate.name,
                run.fold,
                run.seed,
                state,
                self.shares.get(key, 1.0),
                message.get("loss"),
                self.dice.get(key),
                seconds,
                tuple((k, v) for k, v in run.failure().items() if k != "code") if state == "failed" else (),
            )
        )
        self.on_event(Progress("grid", self.done, self.total, {"seconds_left": self._left()}))

    def _left(self) -> float:
        each = sum(self.took) / len(self.took) if self.took else self.guess
        return max(0.0, (self.total - self.done - sum(self.shares.values())) * each / self.jobs)
