"""leaderboard.html of a comparison, from comparison.json and per_patient.csv alone."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from markupsafe import Markup

from delineate.comparison import claim_sentence, note_sentences
from delineate.comparison.claim import listed
from delineate.comparison.ranking import groups_not_told_apart
from delineate.errors import RunError
from delineate.i18n import LANGUAGES, translate
from delineate.metrics import metrics
from delineate.recipe import read_json, write_text
from delineate.report.charts import nice_ticks
from delineate.report.leaderboard_fairness import fairness
from delineate.report.leaderboard_plots import box, colours, learning_charts, violin
from delineate.report.leaderboard_viewer import script, viewer
from delineate.report.page import render

#: Beyond so many persons their lines would be one grey area.
MOST_LINES = 400
#: What a model costs, as comparison.json names it.
COSTS = ("parameters", "images_per_second", "training_seconds")
#: So many names, or a name so long, stand slanted under their columns.
_LEVEL_NAMES, _LEVEL_LETTERS = 6, 16


def write_leaderboard(folder: Path, *, language: str = "en", out: Path | None = None) -> Path:
    """Write the page of the comparison in ``folder`` (``leaderboard.html``, in Chinese ``leaderboard.zh.html``); returns its path.

    One file that asks the network for nothing. It is sorted by radio buttons that show one of several orders made beforehand; its
    one script (viewer and copy buttons) is named by its hash in the page's content security policy, so that nothing else can run.
    The page of the other language is linked where it lies beside this one or is written next. Raises ``RunError``
    (``compare-nothing``) where there is no comparison.
    """
    if language not in LANGUAGES:
        raise ValueError(f"'language' must be one of {LANGUAGES}, got {language!r}")
    for name in ("comparison.json", "per_patient.csv"):
        if not (folder / name).is_file():
            raise RunError("compare-nothing", path=folder)
    data = read_json(folder / "comparison.json")
    models, primary, claim = data["models"], data["primary"], data["claim"]
    order = list(models)
    first = models[order[0]]
    shown = [metric.name for metric in metrics if metric.name in first]
    text, digest = script()
    html = render(
        "leaderboard.html.j2",
        language,
        models=models,
        order=order,
        primary=primary,
        unit=first[primary]["unit"],
        n=first["n"],
        claim=claim_sentence(claim["code"], claim["params"], language),
        notes=note_sentences(claim["notes"], language),
        boards=[board(models, metric) for metric in sorted(shown, key=lambda m: m != primary)],
        metric_name={metric: translate(f"comparison.metric.{metric}", language) for metric in shown},
        lines=person_lines(read_values(folder / "per_patient.csv", primary), order),
        ranks=rank_plot(models, data["pairs"], order),
        pairs=pair_rows(data["pairs"]),
        costs=[chart for key in COSTS if (chart := cost_plot(models, primary, key))],
        unknown=unknown_costs(models, language),
        learning=learning_charts(folder / "curves.csv", order, colours(order)),
        slanted=len(order) > _LEVEL_NAMES or longest(order) > _LEVEL_LETTERS,
        fair=fairness(folder, data, language),
        viewer=viewer(folder, order, language),
        tables=[(kind, found) for kind in ("tex", "csv") if (found := _text(folder / f"table.{kind}"))],
        tensorboard=data.get("tensorboard"),
        tolerance=first["nsd"]["measured_in"] if "nsd" in first else "2 mm / 2 px",
        other=None if out else page_name("zh" if language == "en" else "en"),
        script=Markup(text),  # noqa: S704  our own file, and the policy lets no other script run
        script_hash=Markup(digest),  # noqa: S704
        variances=[(name, models[name]["variance"]) for name in order if "variance" in models[name]],
        classes=list(first["classes"]) if len(first["classes"]) > 1 else [],
    )
    path = out or folder / page_name(language)
    write_text(path, html.encode("utf-8", "replace").decode("utf-8"))
    return path


def page_name(language: str) -> str:
    return "leaderboard.html" if language == "en" else f"leaderboard.{language}.html"


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.is_file() else ""


def read_values(path: Path, metric: str) -> dict[str, dict[str, float]]:
    """Person → model → value of per_patient.csv, mean over classes; undefined values are left out."""
    found: dict[str, dict[str, float]] = {}
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            if not row["class"]:
                values = found.setdefault(row["person"], {})
                if row[metric]:
                    values[row["model"]] = float(row[metric])
    return found


def scale(low: float, high: float) -> tuple[list[float], Any]:
    """Round marks that cover ``low`` … ``high``, and a function from a value to percent of the axis."""
    marks = nice_ticks(low, high)

    def place(value: float) -> float:
        return round(min(100.0, max(0.0, (value - marks[0]) / (marks[-1] - marks[0]) * 100)), 2)

    return marks, place


def ticks(marks: Sequence[float], place: Any) -> list[tuple[float, str]]:
    digits = max(0, -math.floor(math.log10(marks[1] - marks[0]) + 1e-9))
    return [(place(mark), f"{mark:.{digits}f}") for mark in marks]


def board(models: Mapping[str, Any], metric: str) -> dict[str, Any]:
    """Models sorted by one metric, with mean, median and interval in percent of an axis from 0."""
    best = metrics.get(metric).better
    known = [name for name in models if models[name][metric]["mean"] is not None]
    order = sorted(known, key=lambda name: models[name][metric]["mean"], reverse=best == "higher")
    ratio = metrics.get(metric).bounded
    tops = [v for name in known for v in (models[name][metric]["mean"], *(models[name][metric]["ci95"] or ()))]
    marks, place = scale(0.0, 1.0 if ratio else max([*tops, 1e-9]))
    rows = []
    for name in [*order, *(name for name in models if name not in known)]:
        found = models[name][metric]
        rows.append(
            {
                "name": name,
                **found,
                "at": None if found["mean"] is None else place(found["mean"]),
                "span": [place(v) for v in found["ci95"]] if found["ci95"] else None,
                "middle": None if found["median"] is None else place(found["median"]),
            }
        )
    first = next(iter(models.values()))[metric]
    return {
        "metric": metric,
        "better": best,
        "digits": 3 if ratio else 2,
        "measured_in": str(first.get("measured_in", "")).replace("mm2", "mm²"),
        "rows": rows,
        "ticks": ticks(marks, place),
        "longest": longest(models),
    }


def longest(names: Mapping[str, Any] | Sequence[str]) -> int:
    """Letters of the longest name; wide (Chinese) letters count twice."""
    return max(sum(2 if ord(letter) > 0x2E7F else 1 for letter in name) for name in names) + 1


def person_lines(values: Mapping[str, Mapping[str, float]], order: Sequence[str]) -> dict[str, Any] | None:
    """One line per person through all models, best model first; a person without a value somewhere has a gap there."""
    points = [v for row in values.values() for v in row.values()]
    if not points:
        return None
    marks, place = scale(min(points), max(points))
    across = {name: round(100 * (at + 0.5) / len(order), 3) for at, name in enumerate(order)}
    lines = []
    for person, row in list(values.items())[:MOST_LINES]:
        spots = [(across[name], 100 - place(row[name]), row[name]) for name in order if name in row]
        pieces: list[list[str]] = [[]]
        for name in order:
            if name in row:
                pieces[-1].append(f"{across[name]:g},{100 - place(row[name]):g}")
            else:
                pieces.append([])
        told = ", ".join(f"{name} {row[name]:.3f}" for name in order if name in row)
        lines.append({"person": person, "told": told, "spots": spots, "pieces": [" ".join(p) for p in pieces if len(p) > 1]})
    means, boxes = [], []
    for name in order:
        mine = [row[name] for row in values.values() if name in row]
        if mine:
            means.append((name, across[name], place(math.fsum(mine) / len(mine))))
            boxes.append((name, across[name], box(mine, place), violin(mine, place, across[name], 100 / len(order))))
    return {
        "lines": lines,
        "means": means,
        "boxes": boxes,
        "violins": any(shape for *_, shape in boxes),
        "ticks": ticks(marks, place),
        "left_out": max(0, len(values) - MOST_LINES),
        "longest": longest(order),
    }


def rank_plot(models: Mapping[str, Any], pairs: Sequence[Mapping[str, Any]], order: Sequence[str]) -> dict[str, Any] | None:
    """Average rank of every model on an axis from 1 to k, and the groups of neighbours of which no two differ."""
    ranked = [name for name in order if "rank" in models[name]]
    if len(ranked) < 2:
        return None
    average = {name: float(models[name]["rank"]["rank_then_mean"]) for name in ranked}
    ranked.sort(key=lambda name: average[name])
    last = len(ranked)

    def place(rank: float) -> float:
        return round((rank - 1) / (last - 1) * 100, 2)

    different = {frozenset((pair["a"], pair["b"])) for pair in pairs if pair["better"]}
    rows = []
    for name in ranked:
        found = models[name]["rank"]
        rows.append(
            {
                "name": name,
                **found,
                "at": place(average[name]),
                "most": max(range(last), key=lambda at: found["share"][at]),
            }
        )
    groups = [
        {"names": group, "left": place(average[group[0]]), "right": place(average[group[-1]])}
        for group in groups_not_told_apart(ranked, different)
    ]
    return {
        "rows": rows,
        "groups": groups,
        "ticks": [(place(rank), str(rank)) for rank in range(1, last + 1, max(1, round(last / 8)))],
        "ranks": list(range(1, last + 1)),
        "tau": rows[0]["kendall_tau"],
        "n": rows[0]["n"],
        "longest": longest(ranked),
    }


def pair_rows(pairs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Pairs with their interval in percent of an axis that is the same for all and has 0 on it."""
    edges = [
        0.0,
        *(v for pair in pairs for v in (pair["ci95"] or ([pair["difference"]] if pair["difference"] is not None else []))),
    ]
    marks, place = scale(min(edges), max(edges))
    rows = []
    for pair in pairs:
        span = [place(v) for v in pair["ci95"]] if pair["ci95"] else None
        at = None if pair["difference"] is None else place(pair["difference"])
        rows.append({**pair, "at": at, "span": span})
    return {"rows": rows, "zero": place(0.0), "ticks": ticks(marks, place)}


def unknown_costs(models: Mapping[str, Any], language: str) -> list[tuple[str, str]]:
    """What a model costs and for which models it is not known: a gap in a chart is said."""
    gaps = {key: [name for name in models if not models[name].get(key)] for key in COSTS}
    return [(key, listed(names, language)) for key, names in gaps.items() if names]


def cost_plot(models: Mapping[str, Any], primary: str, key: str) -> dict[str, Any] | None:
    """The primary metric against what a model costs, for the models of which that is known (two at least)."""
    known = [name for name in models if models[name].get(key) and models[name][primary]["mean"] is not None]
    if len(known) < 2:
        return None
    ends = [v for name in known for v in (models[name][primary]["ci95"] or [models[name][primary]["mean"]])]
    unit, label = {"parameters": (1e6, "M"), "training_seconds": (60.0, "min")}.get(key, (1.0, "/s"))
    marks_y, place_y = scale(min(ends), max(ends))
    marks_x, place_x = scale(0.0, max(models[name][key] / unit for name in known))
    dots = []
    for number, name in enumerate(known, 1):
        found = models[name][primary]
        low, high = (place_y(v) for v in found["ci95"] or [found["mean"]] * 2)
        dots.append(
            {
                "number": number,
                "name": name,
                "cost": models[name][key],
                "mean": found["mean"],
                "x": place_x(models[name][key] / unit),
                "y": place_y(found["mean"]),
                "low": low,
                "high": high,
            }
        )
    return {"key": key, "label": label, "dots": dots, "x_ticks": ticks(marks_x, place_x), "y_ticks": ticks(marks_y, place_y)}
