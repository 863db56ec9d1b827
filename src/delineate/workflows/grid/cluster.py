"""The same runs through submitit (MIT): SLURM where there is one, processes of this machine where not (``cluster=local``).

The data folder and the grid's folder have to be where the cluster's machines see them. submitit keeps its job files in
``engine/``; they are its own and are read by nobody else.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from delineate.errors import MissingExtra, RunError, UsageError
from delineate.workflows.grid.engines import Heard
from delineate.workflows.grid.folders import FAILURE, GridRun
from delineate.workflows.grid.worker import record_failure, work_one

#: What submitit knows on every cluster; other options are SLURM's and get its prefix: ``partition=gpu`` → ``slurm_partition``.
_EVERYWHERE = ("name", "timeout_min", "mem_gb", "nodes", "cpus_per_task", "gpus_per_node", "tasks_per_node", "stderr_to_stdout")
_LONG = 24 * 60  # minutes, where nothing is said; submitit's own default of 5 would end every training


class RunJob:
    """What a job does. A job that is preempted or runs out of its time is queued again and goes on from its checkpoint."""

    def __call__(self, folder: str) -> str:
        return work_one(Path(folder), lambda message: None)

    def checkpoint(self, folder: str) -> Any:
        from submitit.helpers import DelayedSubmission

        return DelayedSubmission(self, folder)


class SubmititEngine:
    """``options``: ``cluster`` (slurm, local, debug; default: SLURM where there is one), and what the cluster wants to know."""

    def __init__(self, jobs: int | None, options: Mapping[str, str], folder: Path) -> None:
        try:
            import submitit
        except ModuleNotFoundError:
            raise MissingExtra("missing-extra", extra="cluster") from None
        given = {key: _value(value) for key, value in options.items()}
        cluster = given.pop("cluster", None)
        try:
            self.executor = submitit.AutoExecutor(folder=folder, cluster=cluster)
            self.executor.update_parameters(**{"timeout_min": _LONG, "name": "delineate", **_named(given)})
        except (ValueError, NameError, TypeError, RuntimeError) as error:
            raise UsageError("grid-engine-refused", engine="submitit", reason=str(error).splitlines()[0]) from None
        here = self.executor.cluster in ("local", "debug")
        self.jobs = jobs or (1 if here else 1000)
        self.between = 0.3 if here else 5.0

    def work(self, runs: Sequence[GridRun], heard: Heard) -> None:
        waiting, working = list(runs), list[tuple[GridRun, Any]]()
        try:
            while waiting or working:
                while waiting and len(working) < self.jobs:
                    run = waiting.pop(0)
                    heard(run, {"kind": "begin"})
                    working.append((run, self.executor.submit(RunJob(), str(run.folder.resolve()))))
                for run, job in [pair for pair in working if pair[1].done()]:
                    working.remove((run, job))
                    heard(run, {"kind": "end", "state": _ended(run, job)})
                if working:
                    time.sleep(self.between)
        finally:
            for _, job in working:  # Ctrl-C: what they have done so far is in their folders
                job.cancel()


def _named(given: Mapping[str, Any]) -> dict[str, Any]:
    def name(key: str) -> str:
        return key if key in _EVERYWHERE or key.startswith(("slurm_", "local_", "debug_")) else f"slurm_{key}"

    return {name(key): value for key, value in given.items()}


def _ended(run: GridRun, job: Any) -> str:
    exception = job.exception()
    if exception is None:
        return str(job.result())
    if not (run.folder / FAILURE).is_file():
        reason = (str(exception).strip().splitlines() or [type(exception).__name__])[-1]
        record_failure(run.folder, RunError("grid-run-died", reason=reason, path=job.paths.stderr))
    return "failed"


def _value(text: str) -> Any:
    try:
        return int(text)
    except ValueError:
        return text
