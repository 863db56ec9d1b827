"""comparison.json, per_patient.csv, table.tex."""

from __future__ import annotations

import csv
import io
import math
from pathlib import Path
from typing import Any

from delineate.comparison.compare import Comparison
from delineate.evaluation.cases import printable
from delineate.i18n import translate
from delineate.metrics import metrics
from delineate.recipe import save_json, write_text

#: The class column of a row that is the mean over classes.
ALL_CLASSES = ""
#: F1 is Dice under another name; the others are parts of what the table has.
_NOT_IN_TEX = ("f1", "lesion_precision", "lesion_recall", "volume_difference")
_TEX = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}",
}  # fmt: skip


def write_comparison_json(path: Path, comparison: Comparison, **more: Any) -> None:
    """``more``: facts beside the statistics (where TensorBoard finds the runs)."""
    save_json(path, {**comparison.plain(), **more})


def write_per_patient_csv(path: Path, comparison: Comparison) -> None:
    """One row per model, person and class (empty: mean over classes); values are means over seeds, undefined ones are empty."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["model", "unit", "person", "fold", "class", *comparison.metrics])
    for candidate in comparison.candidates:
        for name in (None, *candidate.classes) if len(candidate.classes) > 1 else (None,):
            columns = [candidate.values(metric, name) for metric in comparison.metrics]
            for person in candidate.persons:
                cells = ["" if math.isnan(column[person]) else repr(column[person]) for column in columns]
                about = [printable(candidate.name), candidate.unit, printable(person), candidate.fold.get(person, 0)]
                writer.writerow([*about, name or ALL_CLASSES, *cells])
    write_text(path, text.getvalue())


def tex(text: str) -> str:
    """``text`` with LaTeX's own characters escaped and line breaks and control characters as spaces."""
    return "".join(_TEX.get(letter, letter if letter.isprintable() else " ") for letter in text)


def write_table_tex(path: Path, comparison: Comparison) -> None:
    """A table for ``\\input`` (needs booktabs): mean and interval per metric, p after Holm against the best model."""
    shown = [name for name in comparison.metrics if name not in _NOT_IN_TEX or name == comparison.primary]
    first = comparison.order[0]
    against = {pair.b: pair.p_holm for pair in comparison.pairs if pair.a == first}
    unit = comparison.candidates[0].unit
    lines = [
        f"% {tex(translate('comparison.table.head', 'en', n=len(comparison.candidates[0].persons), unit=_unit(unit)))}",
        "% \\usepackage{booktabs}",
        f"\\begin{{tabular}}{{l{'r' * len(shown)}r}}",
        "\\toprule",
        " & ".join(["Model", *(_heading(comparison, metric) for metric in shown), "$p_\\mathrm{Holm}$"]) + " \\\\",
        "\\midrule",
    ]
    for name in comparison.order:
        cells = [_cell(comparison.models[name][metric], 3 if metrics.get(metric).bounded else 2) for metric in shown]
        p = "--" if name == first else "$<$0.001" if against[name] < 0.001 else f"{against[name]:.3f}"
        lines.append(" & ".join([tex(name), *cells, p]) + " \\\\")
    note = translate(
        "comparison.table.note", "en", metric=translate(f"comparison.metric.{comparison.primary}", "en"), unit=_unit(unit)
    )
    lines += ["\\bottomrule", "\\end{tabular}", f"% {tex(note)}"]
    write_text(path, printable("\n".join(lines) + "\n"))


def write_table_csv(path: Path, comparison: Comparison) -> None:
    """One row per model, class (empty: mean over classes) and metric: what comparison.json says of each, for a spreadsheet."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["model", "class", "metric", "measured_in", "mean", "median", "sd", "ci95_low", "ci95_high", "n", "unit"])
    for name in comparison.order:
        model = comparison.models[name]
        for of_class, table in ((ALL_CLASSES, model), *(model["classes"].items() if len(model["classes"]) > 1 else ())):
            for metric in comparison.metrics:
                found = table[metric]
                numbers = [found["mean"], found["median"], found["sd"], *(found["ci95"] or (None, None))]
                cells = ["" if value is None else f"{value:.6g}" for value in numbers]
                about = [printable(name), printable(of_class), metric, found.get("measured_in", "")]
                writer.writerow([*about, *cells, found["n"], found["unit"]])
    write_text(path, text.getvalue())


def _unit(unit: str) -> str:
    return translate(f"comparison.unit.{unit}", "en")


def _heading(comparison: Comparison, metric: str) -> str:
    found = comparison.models[comparison.order[0]][metric]
    arrow = "$\\uparrow$" if metrics.get(metric).better == "higher" else "$\\downarrow$"
    length = f" ({found['measured_in'].replace('mm2', 'mm$^2$')})" if "measured_in" in found else ""
    return f"{tex(translate(f'comparison.metric.{metric}', 'en'))}{length} {arrow}"


def _cell(found: dict[str, Any], digits: int) -> str:
    if found["mean"] is None:
        return "--"
    interval = found["ci95"]
    around = f" [{interval[0]:.{digits}f}, {interval[1]:.{digits}f}]" if interval else ""
    return f"{found['mean']:.{digits}f}{around}"
