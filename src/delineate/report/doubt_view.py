"""doubt.json of a run in the shape the page shows it: calibration, review rule, unfamiliar images, observers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from delineate.errors import DelineateError
from delineate.i18n import has
from delineate.recipe import read_json
from delineate.report.charts import Chart, Series
from delineate.report.page import say

_TICKS = tuple((float(at), f"{at / 100:g}") for at in (0, 25, 50, 75, 100))
_MOST_CASES = 200


@dataclass(frozen=True)
class DoubtView:
    """``chart`` is the reliability diagram, ``ece`` its rows; ``rule`` the guarantee in words; ``cases`` the test cases."""

    chart: Chart | None
    ece: tuple[dict[str, Any], ...]
    temperatures: tuple[float, ...]
    rule: str | None
    coverage: dict[str, Any] | None
    bar: float | None
    familiar: dict[str, Any] | None
    observers: tuple[dict[str, Any], ...]
    cases: tuple[dict[str, Any], ...]


def doubt_view(folder: Path, language: str) -> DoubtView | None:
    """``None`` where the run has no doubt.json (older runs) or it cannot be read."""
    path = folder / "doubt.json"
    if not path.is_file():
        return None
    try:
        return _view(dict(read_json(path)), language)
    except (DelineateError, KeyError, TypeError, ValueError, AttributeError):
        return None


def _view(data: dict[str, Any], language: str) -> DoubtView:
    calibration = data["calibration"]
    place = "region" if "region" in calibration else "image"
    rule = data.get("review")
    return DoubtView(
        chart=_diagram(calibration[place], bool(calibration["temperatures"])) if place in calibration else None,
        ece=tuple(
            {"place": where, "before": calibration[where]["before"], "after": calibration[where]["after"]}
            for where in ("image", "region")
            if where in calibration
        ),
        temperatures=tuple(float(t) for t in calibration["temperatures"]),
        rule=None if rule is None else rule_sentence(rule, language),
        coverage=None if rule is None else rule.get("test"),
        bar=None if rule is None else float(rule["dice_bar"]),
        familiar=data.get("familiar"),
        observers=tuple({**row, "ci95": row["dice"]["ci95"]} for row in data.get("observers") or ()),
        cases=tuple(_case(row, language) for row in data["cases"] if row["part"] == "test")[:_MOST_CASES],
    )


def rule_sentence(rule: dict[str, Any], language: str) -> str:
    """The guarantee of a review rule in words."""
    return say(
        f"review.rule.{rule['guarantee']}",
        language,
        bar=f"{rule['dice_bar']:g}",
        alpha=f"{100 * rule['alpha']:g}",
        confidence=f"{100 * rule['confidence']:g}",
        needed=rule["needed"],
        needed_all=rule["needed_all"],
        n=rule["n"],
    )


def _case(row: dict[str, Any], language: str) -> dict[str, Any]:
    reasons = []
    for reason in row["reasons"]:
        key = f"review.{reason['code']}"
        reasons.append(say(key, language, **{k: v for k, v in reason.items() if k != "code"}) if has(key) else reason["code"])
    return {**row, "why": " ".join(reasons)}


def _diagram(numbers: dict[str, Any], calibrated: bool) -> Chart:
    series = [Series("report.doubt.perfect", "soft", "0,100 100,0", dashed=True)]
    wanted = [("before", "loss"), ("after", "dice")] if calibrated else [("after", "dice")]
    for when, colour in wanted:
        points = " ".join(f"{100 * b['probability']:.2f},{100 - 100 * b['frequency']:.2f}" for b in numbers[when]["bins"])
        series.append(Series(f"report.doubt.{when}", colour, points))
    return Chart("reliability", tuple(series), _TICKS, _TICKS)
