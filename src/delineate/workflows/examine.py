"""A folder looked at: cases, mask rule, measurements, splits, findings. The first half of ``check`` and of ``run``."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from delineate import layouts
from delineate.dataset import CaseFacts, MaskEvidence, infer_mask_rule, make_splits, measure_cases
from delineate.dataset.checks import CheckContext, run_checks
from delineate.domain import Case, Finding, LabelSet, Scan
from delineate.errors import DataError, UsageError
from delineate.events import EventSink
from delineate.recipe import MaskMeaning, MaskRule, Splits, load, read_json, save_json
from delineate.report import write_check_page
from delineate.workflows.options import DataOptions, SplitOptions
from delineate.workflows.stages import stage


@dataclass(frozen=True)
class Examined:
    """Everything known of a data folder before anything is decided.

    ``splits`` is ``None`` where the data cannot be split (the finding says why).
    """

    scan: Scan
    rule: MaskRule
    labels: LabelSet
    evidence: MaskEvidence
    facts: Sequence[CaseFacts]
    splits: Splits | None
    findings: Sequence[Finding]

    @property
    def usable(self) -> list[Case]:
        """Labelled cases whose image and mask could be read and fit each other."""
        good = {fact.case for fact in self.facts if fact.usable}
        return [case for case in self.scan.cases if case.id in good]

    @property
    def persons(self) -> int:
        return len({case.person for case in self.scan.cases})


def locate(data: Path, reading: DataOptions) -> tuple[Path, DataOptions]:
    """The data folder; a table given in its place stands for its folder. Says so when there is neither."""
    if reading.table is not None or data.is_dir():
        return data, reading
    if data.suffix.lower() in (".csv", ".tsv") and data.is_file():
        return data.parent, reading.model_copy(update={"table": data})
    raise UsageError("data-missing", path=data)


def scan_folder(data: Path, reading: DataOptions, on_event: EventSink) -> Scan:
    """The layout's view of ``data``; a clear error when the folder is not there or cannot be explained."""
    data, reading = locate(Path(data), reading)
    with stage("scan", on_event):
        return layouts.scan(
            data,
            layout=reading.layout,
            image_pattern=reading.image_pattern,
            mask_pattern=reading.mask_pattern,
            patient_pattern=reading.patient_pattern,
            table=reading.table,
            on_event=on_event,
        )


def examine(data: Path, reading: DataOptions, splitting: SplitOptions, *, seed: int, on_event: EventSink) -> Examined:
    """Scan, infer the mask rule, measure every case once, split, check."""
    scan = scan_folder(data, reading, on_event)
    rule, labels, evidence = infer_mask_rule(scan, classes=reading.classes, on_event=on_event)
    if reading.mask_meaning is not None:
        given = load(MaskMeaning, reading.mask_meaning)
        rule, labels, evidence = given.rule, given.labels, evidence.model_copy(update={"findings": ()})
    facts = measure_cases(scan, rule, labels, on_event=on_event)
    splits: Splits | None = None
    more: list[Finding] = list(evidence.findings)
    with stage("split", on_event):
        try:
            splits, said = make_splits(
                scan,
                facts,
                folds=splitting.folds,
                seed=seed,
                split_file=splitting.split_file,
                sample=splitting.sample,
                keep_published=splitting.keep_published,
                validation=splitting.validation,
                test=splitting.test,
            )
            more.extend(said)
        except DataError as error:
            # A folder that cannot be split can still be looked at; `run` stops at this finding.
            more.append(Finding("cannot-split", "error", scan.root, params={"reason": str(error)}))
    with stage("check", on_event):
        findings = run_checks(CheckContext(scan=scan, facts=facts, rule=rule, labels=labels, splits=splits), more)
    return Examined(scan, rule, labels, evidence, facts, splits, findings)


def save_page(path: Path, found: Examined, *, language: str, allow: Collection[str] = (), synthetic: bool = False) -> Path:
    """check.html of an examined folder."""
    return write_check_page(
        path,
        scan=found.scan,
        facts=found.facts,
        findings=found.findings,
        rule=found.rule,
        labels=found.labels,
        splits=found.splits,
        language=language,
        allow=allow,
        synthetic=synthetic,
    )


def save_findings(path: Path, findings: Sequence[Finding], root: Path) -> None:
    """findings.json: paths relative to the data folder, so that a run can be shared without its owner's folders."""
    save_json(
        path,
        [
            {
                "code": finding.code,
                "severity": finding.severity,
                "path": None if finding.path is None else relative(finding.path, root),
                "case": finding.case,
                "params": {
                    key: relative(value, root) if isinstance(value, Path) else value for key, value in finding.params.items()
                },
            }
            for finding in findings
        ],
    )


def load_findings(path: Path) -> list[Finding]:
    return [
        Finding(row["code"], row["severity"], row["path"] and Path(row["path"]), row["case"], row["params"])
        for row in read_json(path)
    ]


def relative(path: Path, root: Path) -> str:
    try:
        return path.relative_to(root).as_posix()
    except ValueError:
        return path.name
