"""The commands ``refine`` and ``ensemble``, and what ``predict`` says of masks that a person should look at."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from delineate import workflows
from delineate.errors import EXIT_OK, UsageError
from delineate.i18n import translate

_SHOWN = 12


def check_shares(arguments: argparse.Namespace) -> None:
    for name in ("dice_bar", "alpha"):
        if not 0 < getattr(arguments, name) < 1:
            raise UsageError("not-a-share", name="--" + name.replace("_", "-"), value=getattr(arguments, name))


def refine(arguments: argparse.Namespace, language: str) -> int:
    check_shares(arguments)
    from delineate.cli.console import Screen  # late: the parser imports this module, and help must not wait for rich

    with Screen(language, quiet=arguments.quiet) as screen:
        result = workflows.refine(
            arguments.run,
            arguments.out,
            tta=arguments.tta,
            dice_bar=arguments.dice_bar,
            alpha=arguments.alpha,
            threads=arguments.threads,
            language=language,
            on_event=screen,
        )
    kept = ", ".join(result.kept) or "–"
    print(translate("cli.done.refine-kept", language, kept=kept, k=len(result.kept), tried=result.tried))
    _say_summary(result.summary, language)
    print(translate("cli.done.refine", language, model=result.model, report=result.report))
    return EXIT_OK


def ensemble(arguments: argparse.Namespace, language: str) -> int:
    check_shares(arguments)
    from delineate.cli.console import Screen  # late, as above

    with Screen(language, quiet=arguments.quiet) as screen:
        result = workflows.ensemble(
            arguments.sources,
            Path(arguments.out),
            dice_bar=arguments.dice_bar,
            alpha=arguments.alpha,
            threads=arguments.threads,
            on_event=screen,
        )
    if result.summary is not None:
        _say_summary(result.summary, language)
        found = result.summary["ensemble"]
        for part in ("validation", "test"):
            row = found[part]
            low, high = row["ci95"] or (None, None)
            numbers = {"difference": _signed(row["difference"]), "low": _signed(low), "high": _signed(high)}
            print(translate(f"cli.done.ensemble-{part}", language, best=found["best_member"], n=row["n"], **numbers))
    print(translate("cli.done.ensemble", language, members=result.members, model=result.model))
    return EXIT_OK


def _say_summary(summary: dict[str, Any], language: str) -> None:
    part = summary.get("test") or summary.get("validation")
    if part is None:
        return
    low, high = part["dice"]["ci95"] or (None, None)
    numbers = {"dice": _number(part["dice"]["mean"]), "low": _number(low), "high": _number(high), "n": part["dice"]["n"]}
    print(translate("cli.done.refine-dice", language, unit=translate(f"cli.unit.{part['unit']}", language), **numbers))
    rule = summary.get("review")
    if rule:
        print(rule_sentence(rule, language))
        if rule.get("test"):
            print(translate("cli.done.coverage", language, **rule["test"]))


def rule_sentence(rule: dict[str, Any], language: str) -> str:
    """The guarantee of a review rule in words."""
    shown = {
        "bar": f"{rule['dice_bar']:g}",
        "alpha": f"{100 * rule['alpha']:g}",
        "confidence": f"{100 * rule['confidence']:g}",
        "n": rule["n"],
        "needed": rule["needed"],
        "needed_all": rule["needed_all"],
    }
    return translate(f"review.rule.{rule['guarantee']}", language, **shown)


def say_reviews(rows: Sequence[Any], language: str) -> None:
    """Which masks a person should look at, and why."""
    judged = [row for row in rows if row.verdict is not None]
    flagged = [row for row in judged if row.verdict.needs_review]
    if not judged:
        return
    if not flagged:
        print(translate("cli.done.review-none", language, of=len(judged)))
        return
    print(translate("cli.done.review", language, flagged=len(flagged), of=len(judged)))
    for row in flagged[:_SHOWN]:
        dice = row.verdict.predicted
        shown = (
            "" if dice is None else translate("cli.done.review-dice", language, dice=_number(dice), low=_number(row.verdict.low))
        )
        print(f"  {row.input}{shown}: {row.review_sentence(language)}")
    if len(flagged) > _SHOWN:
        print("  " + translate("cli.done.review-more", language, n=len(flagged) - _SHOWN))


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _signed(value: float | None) -> str:
    return "–" if value is None else f"{value:+.4f}"
