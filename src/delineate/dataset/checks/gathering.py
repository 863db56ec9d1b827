"""Runs the checks, puts findings in order and keeps the list readable without dropping anything silently."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from delineate.dataset.checks.context import CheckContext, checks
from delineate.dataset.facts import CaseFacts
from delineate.domain import Finding, LabelSet, Scan
from delineate.recipe import MaskRule, Splits

KEPT_PER_CODE = 20
_ORDER = {"error": 0, "warning": 1, "info": 2}


def run_checks(
    scan: Scan,
    facts: Sequence[CaseFacts],
    rule: MaskRule,
    labels: LabelSet,
    splits: Splits | None = None,
    *,
    mask_findings: Iterable[Finding] = (),
) -> list[Finding]:
    """All findings about a data set: the layout's, those of inferring the mask rule (``mask_findings``), and the checks'.

    Errors first, then warnings, then information. Of each code :data:`KEPT_PER_CODE` are kept in full, the others are counted in
    a finding ``and-more`` (params ``about``, ``n``) right after them.
    """
    context = CheckContext(scan, facts, rule, labels, splits)
    found = [*scan.findings, *mask_findings]
    for check in checks:
        found += check(context)
    return gather(found)


def gather(findings: Iterable[Finding]) -> list[Finding]:
    """Findings sorted by severity, equal codes together in the order found, long runs summed up."""
    groups: dict[tuple[int, str], list[Finding]] = {}
    for finding in findings:
        groups.setdefault((_ORDER[finding.severity], finding.code), []).append(finding)
    result = []
    for _, group in sorted(groups.items(), key=lambda item: item[0][0]):
        result += group[:KEPT_PER_CODE]
        rest = len(group) - KEPT_PER_CODE
        if rest > 0:
            result.append(Finding("and-more", group[0].severity, None, None, {"about": group[0].code, "n": rest}))
    return result


def blocking(findings: Iterable[Finding], allow: Collection[str] = ()) -> list[Finding]:
    """The errors that stop a run: those whose code is not in ``allow`` (the command line's ``--allow CODE``)."""
    return [f for f in findings if f.severity == "error" and str(f.params.get("about", f.code)) not in allow]
