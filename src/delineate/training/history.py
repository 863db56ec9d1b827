"""What a person can look at while it trains: history.csv, TensorBoard, and pictures as files (``example_files``)."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from delineate.domain import LabelSet
from delineate.events import EventSink, Note
from delineate.recipe import write_text
from delineate.training.example_files import write_example

Row = dict[str, float | None]
_GREEN, _RED = (0.1, 0.9, 0.2), (1.0, 0.2, 0.15)


def columns(labels: LabelSet) -> list[str]:
    """The columns of history.csv; one ``dice_<class>`` per class at the end."""
    scores = ["val_loss", "val_dice", "val_iou", "val_precision", "val_recall"]
    return [
        "step",
        "epoch",
        "seconds",
        "lr",
        "loss",
        *scores,
        "images_per_second",
        "data_share",
        *(f"dice_{n}" for n in labels.names),
    ]


def write_history(path: Path, rows: Sequence[Row], labels: LabelSet) -> None:
    """Write all of history.csv anew: after a resume it holds exactly the epochs that count."""
    text = io.StringIO()
    writer = csv.DictWriter(text, columns(labels), lineterminator="\n", extrasaction="ignore")
    writer.writeheader()
    for row in rows:
        writer.writerow({key: "" if value is None else _short(value) for key, value in row.items()})
    write_text(path, text.getvalue())


def _short(value: float) -> str:
    return str(int(value)) if float(value).is_integer() and abs(value) < 1e15 else f"{value:.6g}"


def finite(value: float) -> float | None:
    """``None`` for NaN and infinity, as in all our files."""
    return value if math.isfinite(value) else None


def outline(labels: NDArray[Any]) -> NDArray[np.bool_]:
    """Pixels of a label map with a neighbour (up, down, left, right) of another label; the outer side is left free."""
    edge = np.zeros(labels.shape, dtype=bool)
    rows, cols = labels[1:] != labels[:-1], labels[:, 1:] != labels[:, :-1]
    edge[1:] |= rows
    edge[:-1] |= rows
    edge[:, 1:] |= cols
    edge[:, :-1] |= cols
    return edge & (labels > 0)


def picture(plane: NDArray[Any], truth: NDArray[Any], predicted: NDArray[Any]) -> NDArray[np.float32]:
    """(C, h, w) normalised plane → (3, h, w) of 0…1 with the true outline green and the predicted one red.

    Regions (K, h, w) are shown as their union.
    """
    truth, predicted = (m.max(axis=0) if m.ndim == 3 else m for m in (truth, predicted))
    grey = np.asarray(plane, dtype=np.float32).mean(axis=0)
    low, high = np.percentile(grey, (1, 99))
    grey = np.clip((grey - low) / max(float(high - low), 1e-6), 0, 1)
    result = np.repeat(grey[None], 3, axis=0)
    for labels, colour in ((truth, _GREEN), (predicted, _RED)):
        result[:, outline(np.where(labels == 255, 0, labels))] = np.array(colour, dtype=np.float32)[:, None]
    return np.asarray(result, dtype=np.float32)


class Board:
    """TensorBoard files in ``tensorboard/``; without the package a note says so once and only ``examples/`` are written."""

    def __init__(self, run_folder: Path, step: int, on_event: EventSink) -> None:
        self._folder = run_folder
        self._writer: Any = None
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError:
            on_event(Note("no-tensorboard"))
            return
        self._writer = SummaryWriter(str(run_folder / "tensorboard"), purge_step=step + 1 if step else None)

    def scalars(self, row: Row) -> None:
        if self._writer is None:
            return
        step = int(row["step"] or 0)
        for key, value in row.items():
            if value is not None and key not in ("step", "epoch"):
                part = "validation" if key.startswith(("val_", "dice_")) else "training"
                self._writer.add_scalar(f"{part}/{key.removeprefix('val_')}", value, step)

    def pictures(self, pictures: Sequence[NDArray[np.float32]], step: int) -> None:
        write_example(self._folder, pictures, step)
        for number, one in enumerate(pictures if self._writer is not None else ()):
            self._writer.add_image(f"example/{number + 1}", one, step)

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()
