"""What the numbers of a run cannot tell, derived from its facts, so that nobody has to remember to write it."""

from __future__ import annotations

from typing import Any

from delineate.report.page import number, say
from delineate.report.run_files import RunFiles
from delineate.report.scoring_view import scored_parts, scores_of, statistics, unit_of

_FEW, _SOME = 10, 30
#: Below this many persons the bootstrap interval covers clearly less than it says (docs/statistics.md).
_BOOTSTRAP_NEEDS = 15
_WIDE_INTERVAL = 0.1
_RARE = 0.01


def limits(files: RunFiles, language: str) -> list[str]:
    """Sentences, the gravest first."""
    found: list[tuple[str, dict[str, Any]]] = []
    if files.synthetic:
        found.append(("synthetic", {}))
    parts = scored_parts(files)
    if not parts:
        found.append(("unscored", {}))
    else:
        found.extend(_of_scores(files, parts[0], language))
    if any(score.planes > 1 for score in files.scores):
        found.append(("slices", {}))
    found += [("source", {}), ("reader", {}), ("purpose", {})]
    return [say(f"report.limit.{code}", language, **params) for code, params in found]


def _of_scores(files: RunFiles, part: str, language: str) -> list[tuple[str, dict[str, Any]]]:
    found: list[tuple[str, dict[str, Any]]] = []
    numbers, scores = files.summary[part], scores_of(files, part)
    unit = unit_of(numbers)
    if part == "validation":
        found.append(("validation-only", {}))
    n = numbers["n"]
    who = say(f"report.who.{part}.{unit}", language)
    if n < _FEW:
        found.append(("few", {"n": n, "who": who}))
    elif n < _SOME:
        found.append(("some", {"n": n, "who": who}))
    interval = statistics(numbers, "dice")["ci95"]
    if interval and interval[1] - interval[0] > _WIDE_INTERVAL:
        found.append(("wide", {"low": number(interval[0], 2), "high": number(interval[1], 2)}))
    if interval and n < _BOOTSTRAP_NEEDS:
        found.append(("narrow", {"n": n}))
    if unit != "patient":
        found.append((f"unit-{unit}", {}))
    pairs = [c for score in scores for c in score.classes]
    missed = sum(c.counts.truth > 0 and c.counts.tp == 0 for c in pairs)
    alarms = sum(c.counts.truth == 0 and c.counts.prediction > 0 for c in pairs)
    if missed:
        found.append(("missed", {"k": missed, "of": sum(c.counts.truth > 0 for c in pairs)}))
    if alarms:
        found.append(("alarms", {"k": alarms, "of": sum(c.counts.truth == 0 for c in pairs)}))
    for name in dict.fromkeys(c.name for c in pairs):
        pixels = sum(c.counts.total for c in pairs if c.name == name)
        share = sum(c.counts.truth for c in pairs if c.name == name) / pixels if pixels else 0.0
        if 0 < share < _RARE:
            found.append(("rare", {"name": name, "share": f"{100 * share:.2g}"}))
    if statistics(numbers, "hd95").get("unit") == "px":
        found.append(("pixels", {}))
    return found
