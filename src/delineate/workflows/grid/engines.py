"""What does the runs of a grid: processes on this machine, or a cluster."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from delineate.errors import UsageError
from delineate.workflows.grid.folders import GridRun

#: A message of :mod:`delineate.workflows.grid.worker` about one of the runs.
Heard = Callable[[GridRun, Mapping[str, Any]], None]
ENGINES = ("local", "submitit")


class Engine(Protocol):
    """``work`` returns when every run has ended, well or not (a failed one has its failure.json); Ctrl-C stops them all and goes
    through."""

    def work(self, runs: Sequence[GridRun], heard: Heard) -> None: ...


def engine_of(name: str, jobs: int | None, options: Mapping[str, str], folder: Path) -> Engine:
    """The engine of that name. ``jobs``: runs at a time (``None``: one here, as many as the cluster takes there).

    Raises :class:`UsageError` for an unknown name or option, :class:`MissingExtra` where submitit is not installed.
    """
    if name == "local":
        if options:
            raise UsageError("grid-engine-option", engine=name, key=next(iter(options)))
        from delineate.workflows.grid.local import LocalEngine

        return LocalEngine(jobs or 1, folder)
    if name == "submitit":
        from delineate.workflows.grid.cluster import SubmititEngine

        return SubmititEngine(jobs, options, folder)
    raise UsageError("unknown-choice", kind="engine", name=name, choices=", ".join(ENGINES))
