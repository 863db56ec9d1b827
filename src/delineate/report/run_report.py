"""report.html of a run folder."""

from __future__ import annotations

from pathlib import Path

from delineate.i18n import LANGUAGES
from delineate.recipe import write_text
from delineate.report.charts import curves
from delineate.report.doubt_view import doubt_view
from delineate.report.limits import limits
from delineate.report.page import render
from delineate.report.run_files import read_run
from delineate.report.run_view import data_facts, decisions, provenance_rows, shown, split_rows, timing
from delineate.report.scoring_view import Album, bars, folds, headline, scored_parts, tables


def write_report(run_folder: Path, *, language: str = "en", out: Path | None = None) -> Path:
    """Write the page of a run from nothing but the files of its folder, and return its path.

    ``language`` is ``en`` (``report.html``) or ``zh`` (``report.zh.html``); ``out`` names another file. The page is one file that
    asks the network for nothing. Parts of the run that are missing are named on it. Raises ``RunError`` (``run-nothing``) where
    the folder holds no run, ``ResourceError`` where the page cannot be written.
    """
    if language not in LANGUAGES:
        raise ValueError(f"'language' must be one of {LANGUAGES}, got {language!r}")
    files = read_run(Path(run_folder))
    counts = {severity: sum(f["severity"] == severity for f in files.findings) for severity in ("error", "warning", "info")}
    html = render(
        "report.html.j2",
        language,
        files=files,
        name=str(files.provenance.get("name") or files.folder.resolve().name),
        headline=headline(files),
        parts=scored_parts(files),
        facts=data_facts(files, language),
        finding_counts=counts,
        split=split_rows(files),
        decisions=decisions(files, language),
        curves=curves(files.history),
        bars=bars(files),
        tables=tables(files),
        album=Album(files),
        limits=limits(files, language),
        provenance=provenance_rows(files, language),
        timing=timing(files, language),
        folds=folds(files),
        shown=shown,
        doubt=doubt_view(files.folder, language),
    )
    path = out or files.folder / ("report.html" if language == "en" else f"report.{language}.html")
    write_text(path, html.encode("utf-8", "replace").decode("utf-8"))
    return path
