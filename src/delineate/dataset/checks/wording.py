"""A finding as sentences."""

from __future__ import annotations

from delineate.domain import Finding
from delineate.i18n import has, translate


def sentences(finding: Finding, language: str = "en") -> tuple[str, str]:
    """What was found and what to do about it ("" where there is nothing to do). A reason that is itself an error is translated."""
    params = {"path": finding.path, "case": finding.case, **finding.params}
    if "reason_code" in params:
        params["reason"] = translate(f"error.{params['reason_code']}", language, **params.get("reason_params", {}))
    key = f"finding.{finding.code}"
    remedy = translate(f"{key}.remedy", language, **params) if has(f"{key}.remedy", language) else ""
    return translate(key, language, **params), remedy
