"""The record in a model file: written with the network, rewritten when the file has been scored."""

from __future__ import annotations

import contextlib
import hashlib
import os
from pathlib import Path
from typing import Any

from delineate.errors import MissingExtra, ModelFileError, ResourceError
from delineate.recipe import ModelRecord

METADATA_KEY = "delineate"


def set_record(model: Any, record: ModelRecord) -> None:
    """Put ``record`` into an ``onnx.ModelProto``, in place of one that is there; other metadata stay."""
    for entry in model.metadata_props:
        if entry.key == METADATA_KEY:
            entry.value = record.model_dump_json()
            return
    model.metadata_props.add(key=METADATA_KEY, value=record.model_dump_json())


def stamp_record(path: Path, record: ModelRecord) -> Path:
    """Replace the record of the model file at ``path``; the network stays as it is, to the byte (:func:`network_sha256`).

    Atomic. Raises :class:`ModelFileError` where the file is not ONNX, :class:`ResourceError` where it cannot be written.
    """
    model = _read(Path(path))
    before = _graph_digest(model)
    set_record(model, record)
    content: bytes = model.SerializeToString()
    if _graph_digest(_parse(content, path)) != before:
        raise ModelFileError("model-damaged", path=path, reason="the network would change on rewriting")
    write_model(Path(path), content)
    return Path(path)


def network_sha256(path: Path) -> str:
    """SHA-256 (hex) of the network in a model file: its operations and its weights, without any metadata."""
    return _graph_digest(_read(Path(path)))


def _graph_digest(model: Any) -> str:
    digest = hashlib.sha256()
    for operator_set in sorted(model.opset_import, key=lambda o: o.domain):
        digest.update(f"{operator_set.domain}:{operator_set.version}\n".encode())
    digest.update(model.graph.SerializeToString(deterministic=True))
    for function in model.functions:
        digest.update(function.SerializeToString(deterministic=True))
    return digest.hexdigest()


def _read(path: Path) -> Any:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ModelFileError("model-damaged", path=path, reason=error.strerror or str(error)) from None
    return _parse(content, path)


def _parse(content: bytes, path: Path) -> Any:
    try:
        import onnx
    except ModuleNotFoundError:
        raise MissingExtra("missing-extra", extra="train") from None
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

    try:
        model = onnx.load_model_from_string(content)
    except DecodeError as error:
        raise ModelFileError("model-damaged", path=path, reason=str(error)) from None
    if not model.graph.node:
        raise ModelFileError("model-damaged", path=path, reason="it holds no network")
    return model


def write_model(path: Path, content: bytes) -> None:
    """Write so that after a crash at any moment either the old or the whole new file is there."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):  # where the folder itself is the trouble
            temporary.unlink(missing_ok=True)
        raise ResourceError("cannot-write", path=path, reason=error.strerror or str(error)) from None
