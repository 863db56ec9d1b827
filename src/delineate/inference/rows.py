"""predictions.csv: what became of every input."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TextIO

import numpy as np

from delineate.domain import Image, LabelSet, Mask
from delineate.doubt import Verdict
from delineate.errors import DelineateError, ResourceError
from delineate.formats import is_irregular
from delineate.i18n import translate
from delineate.inference.inputs import resolved

CSV_NAME = "predictions.csv"


@dataclass(frozen=True)
class PredictionRow:
    """One line of predictions.csv.

    ``status`` ``done``, ``skipped`` or ``failed``; for the latter two ``code`` and ``params`` give the sentence (``skip.<code>``,
    ``error.<code>``). ``areas``: pixels or voxels per class; ``volumes``: ml per class where the spacing of a volume is known.
    ``verdict``: whether a person should look, where the model knows; slices of one volume share theirs.
    """

    input: Path
    status: Literal["done", "skipped", "failed"]
    outputs: tuple[Path, ...] = ()
    code: str = ""
    params: Mapping[str, Any] = field(default_factory=dict)
    width: int | None = None
    height: int | None = None
    slices: int | None = None
    seconds: float | None = None
    engine: str = ""
    areas: Mapping[str, int] = field(default_factory=dict)
    volumes: Mapping[str, float] = field(default_factory=dict)
    verdict: Verdict | None = None

    def review_sentence(self, language: str = "en") -> str:
        """Why a person should look; empty where nobody needs to."""
        reasons = self.verdict.reasons if self.verdict else ()
        return " ".join(translate(f"review.{code}", language, **params) for code, params in reasons)

    @property
    def key(self) -> str:
        """The catalogue's key of :meth:`sentence`; empty where it was done."""
        return f"{'skip' if self.status == 'skipped' else 'error'}.{self.code}" if self.code else ""

    def sentence(self, language: str = "en") -> str:
        """Why it was skipped or failed, for a person; empty where it was done."""
        return translate(self.key, language, **self.params) if self.code else ""


def done_row(
    path: Path, outputs: list[Path], image: Image, mask: Mask, labels: LabelSet, seconds: float, engine: str
) -> PredictionRow:
    geometry = image.geometry
    areas = {name: int(np.count_nonzero(labels.one_class(mask.labels, k))) for k, name in enumerate(labels.names, start=1)}
    volumes = {}
    voxel = None if is_irregular(image.meta) else geometry.voxel_mm3
    if voxel is not None:
        volumes = {name: area * voxel / 1000 for name, area in areas.items()}
    slices = geometry.shape[0] if geometry.ndim == 3 else 1
    height, width = geometry.shape[-2:]
    return PredictionRow(path, "done", tuple(outputs), "", {}, width, height, slices, round(seconds, 3), engine, areas, volumes)


def failed_row(path: Path, error: DelineateError) -> PredictionRow:
    return PredictionRow(path, "failed", code=error.code, params=error.params)


class RowWriter:
    """Appends rows to predictions.csv as they come, so that a job cut short still says what it did.

    A later job adds to the same file; where the columns differ (another model's classes) the old file is kept under a number.
    """

    def __init__(self, folder: Path, labels: LabelSet, language: str, doubts: bool = False) -> None:
        self.path = folder / CSV_NAME
        self._language = language
        self._names = labels.names
        self._columns = ["input", "output", "status", "code", "reason", "width", "height", "slices", "seconds", "engine"]
        self._columns += [f"area_px_{name}" for name in labels.names] + [f"volume_ml_{name}" for name in labels.names]
        self._doubts = doubts
        self._columns += ["predicted_dice", "predicted_dice_low", "needs_review", "review_reason"] if doubts else []
        self._file: TextIO | None = None

    def __enter__(self) -> RowWriter:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            fresh = not self._fits()
            self._file = self.path.open("a", encoding="utf-8", newline="")
            self._csv = csv.writer(self._file)
            if fresh:
                self._csv.writerow(self._columns)
        except OSError as error:
            raise ResourceError("cannot-write", path=self.path, reason=error.strerror or str(error)) from None
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()

    def add(self, row: PredictionRow) -> None:
        assert self._file is not None
        values: list[Any] = [row.input, ";".join(str(path) for path in row.outputs), row.status, row.code]
        values += [row.sentence(self._language), row.width, row.height, row.slices, row.seconds, row.engine]
        values += [row.areas.get(name) for name in self._names]
        values += [None if (volume := row.volumes.get(name)) is None else f"{volume:.4g}" for name in self._names]
        values += self._doubt(row) if self._doubts else []
        try:
            self._csv.writerow(["" if value is None else _plain(value) for value in values])
            self._file.flush()
        except OSError as error:
            raise ResourceError("cannot-write", path=self.path, reason=error.strerror or str(error)) from None

    def _doubt(self, row: PredictionRow) -> list[Any]:
        if row.verdict is None:
            return [None] * 4
        shown = [None if value is None else f"{value:.3f}" for value in (row.verdict.predicted, row.verdict.low)]
        return [*shown, "yes" if row.verdict.needs_review else "no", row.review_sentence(self._language)]

    def _fits(self) -> bool:
        """Whether there is a file with our columns; another one is moved out of the way."""
        if not self.path.exists():
            return False
        with self.path.open(encoding="utf-8", errors="replace", newline="") as file:
            if next(csv.reader(file), []) == self._columns:
                return True
        number = 2
        while (old := self.path.with_name(f"predictions_{number}.csv")).exists():
            number += 1
        self.path.rename(old)
        return False


def earlier_outputs(folder: Path) -> set[Path]:
    """What former jobs wrote, by all predictions*.csv of ``folder``."""
    found: set[Path] = set()
    for path in sorted(folder.glob("predictions*.csv")) if folder.is_dir() else []:
        try:
            with path.open(encoding="utf-8", errors="replace", newline="") as file:
                for row in csv.DictReader(file):
                    found.update(resolved(Path(name)) for name in (row.get("output") or "").split(";") if name)
        except (OSError, csv.Error):
            continue
    return found


def _plain(value: object) -> str:
    """Text that a spreadsheet does not take for a formula, and that fits UTF-8 (file names may hold stray bytes)."""
    text = str(value).encode("utf-8", "replace").decode("utf-8")
    return "'" + text if text[:1] in ("=", "+", "-", "@") and not _is_number(text) else text


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
