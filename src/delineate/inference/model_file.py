"""A model file: one ONNX file with everything needed to use it, opened without trusting it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path

from delineate.doubt import unusable
from delineate.errors import ModelFileError, RecipeError
from delineate.inference.onnx_wire import DamagedError, ModelFacts, read_facts
from delineate.recipe import ModelRecord, parse

METADATA_KEY = "delineate"
DEMO = "demo"
MAX_BYTES = 2 << 30  # protobuf's own limit: a larger ONNX file must keep its weights outside, which is refused
MAX_RECORD_BYTES = 64 << 20
RECORD_VERSION = 1

#: Operator sets every build of ONNX Runtime has. Others would load code or fail late.
_STANDARD_DOMAINS = {"", "ai.onnx", "ai.onnx.ml", "com.microsoft"}


@dataclass(frozen=True, eq=False)
class ModelFile:
    """An opened model file. ``data`` are its bytes, read once: what was checked is what runs."""

    path: Path
    record: ModelRecord
    data: bytes = field(repr=False)

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.data).hexdigest()

    @staticmethod
    def open(path: str | Path) -> ModelFile:
        """Read and check a model file; ``"demo"`` is the packaged demonstration model, a run folder stands for its ``model.onnx``.

        Raises
        ------
        ModelFileError
            ``model-missing``, ``model-too-large``, ``model-not-onnx``, ``model-external-data``, ``model-custom-operators``,
            ``model-foreign`` (ONNX, but not made by delineate), ``model-record-damaged``, ``model-newer-version``.
        """
        place = _demo_path() if str(path) == DEMO else Path(path)
        if place.is_dir():
            place = place / "model.onnx"
        data = _read(place)
        facts = _facts(place, data)
        return ModelFile(place, _record(place, facts), data)


def _demo_path() -> Path:
    from importlib.resources import files

    # By the outer package: asking delineate.synthetic would load what makes synthetic images.
    return Path(str(files("delineate").joinpath("synthetic/demo_model/model.onnx")))


def _read(path: Path) -> bytes:
    try:
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise ModelFileError("model-too-large", path=path, gigabytes=round(size / 2**30, 1))
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)  # a pipe or a growing file has no honest size
    except FileNotFoundError:
        raise ModelFileError("model-missing", path=path) from None
    except OSError as error:
        raise ModelFileError("model-unreadable", path=path, reason=error.strerror or str(error)) from None
    if len(data) > MAX_BYTES:
        raise ModelFileError("model-too-large", path=path, gigabytes=round(len(data) / 2**30, 1))
    return data


def _facts(path: Path, data: bytes) -> ModelFacts:
    try:
        facts = read_facts(data)
    except DamagedError as error:
        raise ModelFileError("model-not-onnx", path=path, reason=str(error)) from None
    if not facts.has_graph or not facts.ir_version:
        raise ModelFileError("model-not-onnx", path=path, reason="no graph inside")
    if facts.external:
        raise ModelFileError("model-external-data", path=path)
    foreign = sorted(facts.domains - _STANDARD_DOMAINS - facts.functions)
    if foreign:
        raise ModelFileError("model-custom-operators", path=path, domains=", ".join(foreign))
    return facts


def _record(path: Path, facts: ModelFacts) -> ModelRecord:
    found = facts.metadata.get(METADATA_KEY, [])
    if not found:
        raise ModelFileError("model-foreign", path=path)
    if len(found) > 1 or len(found[0]) > MAX_RECORD_BYTES:
        raise ModelFileError("model-record-damaged", path=path, reason="the record is there twice or is too large")
    try:
        plain = json.loads(found[0].decode("utf-8"))
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise ModelFileError("model-record-damaged", path=path, reason=str(error)) from None
    version = plain.get("version") if isinstance(plain, dict) else None
    if isinstance(version, int) and version > RECORD_VERSION:
        raise ModelFileError("model-newer-version", path=path, version=version, known=RECORD_VERSION)
    try:
        record = parse(ModelRecord, plain, path.name)
    except RecipeError as error:
        raise ModelFileError("model-record-damaged", path=path, reason=str(error)) from None
    for key, values in (("thresholds", record.thresholds), ("clean", record.clean)):
        if len(values) != record.labels.classes:
            reason = f"'{key}' has {len(values)} values for {record.labels.classes} classes"
            raise ModelFileError("model-record-damaged", path=path, reason=reason)
    wanted = 1 if record.labels.activation == "softmax" else record.labels.classes
    if record.temperatures and len(record.temperatures) != wanted:
        reason = f"'temperatures' has {len(record.temperatures)} values, not {wanted}"
        raise ModelFileError("model-record-damaged", path=path, reason=reason)
    if record.familiar is not None and (wrong := unusable(record.familiar, record.preprocessing.channels)):
        raise ModelFileError("model-record-damaged", path=path, reason=wrong)
    return record
