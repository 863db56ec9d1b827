"""``check``: look at a data folder without training anything."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from delineate.dataset import fingerprint_of
from delineate.dataset.checks import blocking
from delineate.domain import Finding, Scan
from delineate.events import EventSink, discard
from delineate.recipe import save_json
from delineate.report.check_pictures import montage
from delineate.workflows.examine import Examined, examine, save_findings, save_page
from delineate.workflows.options import DataOptions, SplitOptions


@dataclass(frozen=True)
class CheckResult:
    """``blocking`` are the findings that would stop a run; ``page`` is check.html."""

    scan: Scan
    findings: Sequence[Finding]
    blocking: Sequence[Finding]
    persons: int
    page: Path


def check(
    data: str | Path,
    out: str | Path | None = None,
    *,
    reading: DataOptions | None = None,
    splitting: SplitOptions | None = None,
    allow: tuple[str, ...] = (),
    seed: int = 0,
    language: str = "en",
    examples: int = 0,
    on_event: EventSink = discard,
) -> CheckResult:
    """Read every file of ``data`` once; write check.html, findings.json, fingerprint.json and splits.json to ``out``
    (default ``check-<name of data>``), and pictures of so many varied cases with their outlines to ``out/examples``, which
    ``examples.json`` lists. Raises DataError where the folder cannot be explained at all."""
    folder = Path(out) if out else Path(f"check-{Path(data).resolve().name}")
    found = examine(Path(data), reading or DataOptions(), splitting or SplitOptions(), seed=seed, on_event=on_event)
    fingerprint = fingerprint_of(found.facts, found.scan, found.labels)
    save_findings(folder / "findings.json", found.findings, found.scan.root)
    save_json(folder / "fingerprint.json", fingerprint)
    if found.splits is not None:
        save_json(folder / "splits.json", found.splits)
    page = save_page(folder / "check.html", found, language=language, allow=allow)
    if examples > 0:
        _write_examples(folder, found, examples)
    return CheckResult(found.scan, found.findings, blocking(found.findings, set(allow)), found.persons, page)


def _write_examples(folder: Path, found: Examined, wanted: int) -> None:
    tiles = montage(found.facts, {case.id: case for case in found.scan.cases}, found.rule, found.labels, wanted)
    listed = []
    for number, tile in enumerate(tiles, start=1):
        path = folder / "examples" / f"case_{number:02d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(base64.b64decode(tile.uri.partition(",")[2]))
        listed.append({"file": f"examples/{path.name}", "case": tile.case, "person": tile.person})
    save_json(folder / "examples.json", listed)
