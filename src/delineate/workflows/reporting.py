"""``report``: the page of a finished run."""

from __future__ import annotations

from pathlib import Path

from delineate.report import write_report
from delineate.workflows.folder import RunFolder


def report(run: str | Path, *, language: str = "en", out: str | Path | None = None) -> Path:
    """Write the report of the run folder ``run`` as one self-contained HTML page; returns its path."""
    folder = RunFolder(Path(run))
    folder.need("summary.json")
    return write_report(folder.path, language=language, out=Path(out) if out else None)
