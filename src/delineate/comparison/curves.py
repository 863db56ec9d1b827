"""How the runs learned: history.csv of every training, put together in one table."""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from delineate.evaluation.cases import natural, printable
from delineate.recipe import write_text

#: Columns of curves.csv that come from history.csv.
CURVES = ("loss", "val_loss", "val_dice", "val_iou")
_FOLD = re.compile(r"fold_(\d+)")


@dataclass(frozen=True)
class History:
    """One training. ``fold`` is ``None`` for a hold-out run; ``epochs`` are the lines of history.csv, undefined cells left out."""

    fold: int | None
    epochs: tuple[dict[str, float], ...]


def read_histories(folder: Path) -> tuple[History, ...]:
    """history.csv of the run, or of each of its folds. A file that is absent or damaged is no history: comparing needs none."""
    if (folder / "history.csv").is_file():
        found: list[tuple[int | None, Path]] = [(None, folder / "history.csv")]
    else:
        inside = [(match, path) for path in folder.glob("fold_*") if (match := _FOLD.fullmatch(path.name))]
        found = [(int(match[1]), path / "history.csv") for match, path in inside if (path / "history.csv").is_file()]
    histories = [History(fold, _epochs(path)) for fold, path in sorted(found, key=lambda one: natural(str(one[1])))]
    return tuple(history for history in histories if history.epochs)


def _epochs(path: Path) -> tuple[dict[str, float], ...]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error):
        return ()
    return tuple({name: value for name, cell in row.items() if name and (value := _number(cell)) is not None} for row in rows)


def _number(cell: object) -> float | None:
    try:
        value = float(str(cell))
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def write_curves_csv(path: Path, trainings: Iterable[tuple[str, int, History]]) -> None:
    """``trainings``: (model, seed, history). One row per epoch of each; undefined values are empty."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["model", "seed", "fold", "epoch", *CURVES])
    for model, seed, history in trainings:
        fold = "" if history.fold is None else history.fold
        for number, epoch in enumerate(history.epochs, 1):
            cells = [f"{epoch[name]:.6g}" if name in epoch else "" for name in CURVES]
            writer.writerow([printable(model), seed, fold, f"{epoch.get('epoch', number):g}", *cells])
    write_text(path, text.getvalue())
