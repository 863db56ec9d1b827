"""The models a server holds: opened once, kept in memory, described; exchanged only when told to."""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from delineate.errors import UsageError
from delineate.inference import ModelFile
from delineate.portable import can_write, obstacle
from delineate.portable.card import intended_use, limits, notes
from delineate.server.gate import MOST_TOGETHER, SharedPredictor
from delineate.server.settings import Settings


@dataclass(frozen=True, eq=False)
class Served:
    """A model under the name clients know it by. ``stamp``: the file's size and time when it was opened."""

    id: str
    source: str
    predictor: SharedPredictor
    sha256: str
    stamp: tuple[int, int] | None

    @property
    def stale(self) -> bool:
        """Whether the file is another one now: what is served is still the one that was opened."""
        return _stamp(self.predictor.model.path) != self.stamp


class Shelf:
    """All models of a server, the first is the default."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._models = self._open()

    def __iter__(self) -> Any:
        return iter(list(self._models.values()))

    def get(self, name: str | None) -> Served:
        """Raises UsageError ``model-unknown``, or ``model-needed`` where there are several and none was named."""
        models = self._models
        known = ", ".join(models)
        if not name:
            if len(models) > 1:
                raise UsageError("model-needed", known=known)
            return next(iter(models.values()))
        if name not in models:
            raise UsageError("model-unknown", name=name[:80], known=known)
        return models[name]

    def reload(self) -> list[str]:
        """Open all files anew; those unchanged are kept. Raises what opening raises, and then everything stays as it was.
        Returns the ids that changed."""
        with self._lock:
            before = self._models
            after = self._open(before)
            self._models = after
            return [name for name, served in after.items() if before.get(name) is not served]

    def _open(self, before: dict[str, Served] | None = None) -> dict[str, Served]:
        found: dict[str, Served] = {}
        for entry in self._settings.models:
            name, source = _named(entry)
            if name in found:
                raise UsageError("model-twice", name=name)
            old = (before or {}).get(name)
            found[name] = self._served(name, source, old)
        if not found:
            raise UsageError("no-models")
        return found

    def _served(self, name: str, source: str, old: Served | None) -> Served:
        settings = self._settings
        model = ModelFile.open(source)
        sha256 = model.sha256
        if old is not None and old.sha256 == sha256:
            return Served(name, source, old.predictor, sha256, _stamp(model.path))
        predictor = SharedPredictor(
            model, engine=settings.engine, threads=settings.threads, together=MOST_TOGETHER if settings.batching else 1
        )
        return Served(name, source, predictor, sha256, _stamp(model.path))


def _named(entry: str) -> tuple[str, str]:
    """``brain=runs/7/model.onnx`` → its name; else the file's, of a run folder's ``model.onnx`` the folder's."""
    name, equals, source = entry.partition("=")
    if not equals or not re.fullmatch(r"[\w.-]+", name) or Path(entry).exists():
        source = entry
        path = Path(entry)
        name = path.resolve().parent.name if path.name == "model.onnx" else path.stem if path.suffix == ".onnx" else path.name
    return re.sub(r"[^\w.-]+", "-", name).strip("-.") or "model", source


def _stamp(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_size, status.st_mtime_ns


def describe(served: Served, language: str, default: bool) -> dict[str, Any]:
    """What ``GET /v1/models`` says of a model."""
    record = served.predictor.record
    prep = record.preprocessing
    return {
        "id": served.id,
        "name": record.name,
        "sha256": served.sha256,
        "default": default,
        "stale": served.stale,
        "labels": [{"value": value, "name": name} for value, name in enumerate(record.labels.names, start=1)],
        "overlapping": record.labels.kind == "regions",
        "input": {
            "channels": prep.channels,
            "colour": prep.colour,
            "fit": prep.fit,
            "size": list(prep.size) if prep.fit in ("stretch", "letterbox") else None,
            "pixel_mm": prep.pixel_mm,
            "slices_form_volumes": record.provenance.get("slices_form_volumes") is True,
        },
        "scores": record.scores,
        "intended_use": intended_use(record, language),
        "limits": limits(record, language),
        "engine": served.predictor.engine,
        "browser": can_write() and obstacle(served.predictor.model) is None,
        "knows_doubt": record.review is not None or record.familiar is not None,
        "notes": notes(record, language),
    }
