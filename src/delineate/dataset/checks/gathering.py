"""Runs the checks, puts findings in order and keeps the list readable without dropping anything silently."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from delineate.dataset.checks.context import CheckContext, checks
from delineate.domain import Finding

KEPT_PER_CODE = 20
_ORDER = {"error": 0, "warning": 1, "info": 2}


def run_checks(context: CheckContext, more: Iterable[Finding] = ()) -> list[Finding]:
    """All findings about a data set: the layout's, ``more`` (those of inferring the mask rule and of splitting), and the checks'.

    Errors first, then warnings, then information. Of each code :data:`KEPT_PER_CODE` are kept in full, the others are counted in
    a finding ``and-more`` (params ``about``, ``n``) right after them.
    """
    found = [*context.scan.findings, *more]
    said = {finding.code for finding in found}
    for check in checks:
        found += check(context)
    if "masks-all-empty" in said:  # seen on the raw masks already: not twice in other words
        found = [finding for finding in found if finding.code != "all-masks-empty"]
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
