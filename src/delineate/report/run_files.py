"""What a run folder holds, read forgivingly: a missing or damaged file leaves a gap that the page names, never an exception."""

from __future__ import annotations

import csv
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from delineate.errors import DataError, DelineateError, RunError
from delineate.evaluation import Choices, GroupScore, Picture, PictureIndex, read_cases_csv
from delineate.recipe import Recipe, Splits, load, read_json

T = TypeVar("T")


@dataclass(frozen=True)
class RunFiles:
    """The files of a run as values; empty where a file is absent. ``missing`` and ``damaged`` hold file names."""

    folder: Path
    recipe: Recipe | None = None
    fingerprint: dict[str, Any] = field(default_factory=dict)
    splits: Splits | None = None
    findings: list[dict[str, Any]] = field(default_factory=list)
    history: list[dict[str, float]] = field(default_factory=list)
    scores: list[GroupScore] = field(default_factory=list)
    summary: dict[str, Any] = field(default_factory=dict)
    provenance: dict[str, Any] = field(default_factory=dict)
    choices: Choices | None = None
    pictures: list[Picture] = field(default_factory=list)
    missing: tuple[str, ...] = ()
    damaged: tuple[str, ...] = ()

    @property
    def synthetic(self) -> bool:
        """Whether the run says that its images were made by a program."""
        return bool(self.provenance.get("synthetic") or self.fingerprint.get("synthetic"))

    @property
    def dataset(self) -> dict[str, Any]:
        """What provenance.json says of the data set as a whole."""
        data = self.provenance.get("data")
        return data if isinstance(data, dict) else {}


def read_run(folder: Path) -> RunFiles:
    """Read a run folder. A ``RunError`` (``run-nothing``) where it is no folder or holds none of the files of a run."""
    missing: list[str] = []
    damaged: list[str] = []

    def read(name: str, reader: Callable[[Path], T], nothing: T) -> T:
        path = folder / name
        if not path.is_file():
            missing.append(name)
            return nothing
        try:
            return reader(path)
        except (DelineateError, OSError, ValueError):
            damaged.append(name)
            return nothing

    none_recipe: Recipe | None = None
    none_splits: Splits | None = None
    none_choices: Choices | None = None
    nothing: dict[str, Any] = {}
    files = RunFiles(
        folder,
        recipe=read("recipe.json", lambda path: load(Recipe, path), none_recipe),
        fingerprint=read("fingerprint.json", _object, nothing),
        splits=read("splits.json", lambda path: load(Splits, path), none_splits),
        findings=read("findings.json", _findings, []),
        history=read("history.csv", _history, []),
        scores=read("cases.csv", read_cases_csv, []),
        summary=read("summary.json", _object, nothing),
        provenance=read("provenance.json", _object, nothing),
        choices=read("choices.json", lambda path: load(Choices, path), none_choices),
        pictures=read("pictures/index.json", lambda path: list(load(PictureIndex, path).pictures), []),
        missing=(),
    )
    if not folder.is_dir() or len(missing) == len(vars(files)) - 3:  # all but folder, missing, damaged
        raise RunError("run-nothing", path=folder)
    return RunFiles(**{**vars(files), "missing": tuple(missing), "damaged": tuple(damaged)})


def picture_path(files: RunFiles, picture: Picture) -> Path | None:
    """The file of ``picture``, or ``None`` where it is not there or its name points out of ``pictures/``."""
    folder = files.folder / "pictures"
    path = folder / picture.file
    if Path(picture.file).name != picture.file or path.is_symlink() or not path.is_file():
        return None
    return path


def _object(path: Path) -> dict[str, Any]:
    data = read_json(path)
    if not isinstance(data, dict):
        raise DataError("json-damaged", path=path, reason="not an object")
    return data


def _findings(path: Path) -> list[dict[str, Any]]:
    data = read_json(path)
    items = data.get("findings") if isinstance(data, dict) else data
    if not isinstance(items, list):
        raise DataError("json-damaged", path=path, reason="not a list")
    known = [item for item in items if isinstance(item, dict) and isinstance(item.get("code"), str)]
    return [
        {**item, "severity": item.get("severity") if item.get("severity") in ("error", "warning") else "info"} for item in known
    ]


def _history(path: Path) -> list[dict[str, float]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return [
            {name: value for name, cell in row.items() if name and (value := _float(cell)) is not None}
            for row in csv.DictReader(file)
        ]


def _float(cell: object) -> float | None:
    try:
        value = float(str(cell))
    except ValueError:
        return None
    return value if math.isfinite(value) else None
