"""Small versioned JSON files: unknown keys are refused with the list of known ones, writing is atomic."""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from delineate.errors import RecipeError, ResourceError

M = TypeVar("M", bound="StrictModel")
MAX_JSON_BYTES = 256 * 1024 * 1024


class StrictModel(BaseModel):
    """Base of all values that are saved as JSON: frozen, no unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def parse(model: type[M], data: Any, source: str) -> M:
    """``data`` as ``model``; a :class:`RecipeError` names the key, what is wrong and, for an unknown key, the known ones."""
    try:
        return model.model_validate(data)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        if first["type"] == "extra_forbidden":
            known = ", ".join(_fields_at(model, first["loc"][:-1]))
            raise RecipeError("unknown-key", source=source, key=key, known=known) from None
        raise RecipeError("invalid-value", source=source, key=key or "(root)", reason=first["msg"]) from None


def _fields_at(model: type[BaseModel], location: tuple[int | str, ...]) -> list[str]:
    current: Any = model
    for part in location:
        fields = getattr(current, "model_fields", {})
        if part not in fields:
            break
        annotation = fields[part].annotation
        arguments = getattr(annotation, "__args__", ())
        candidates = [a for a in (annotation, *arguments) if isinstance(a, type) and issubclass(a, BaseModel)]
        if not candidates:
            break
        current = candidates[0]
    return list(getattr(current, "model_fields", {}))


def read_json(path: Path) -> Any:
    """Parsed JSON of ``path`` with a clear error when it is missing, too large or damaged."""
    try:
        if path.stat().st_size > MAX_JSON_BYTES:
            raise RecipeError("json-too-large", path=path)
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise RecipeError("file-missing", path=path) from None
    except (OSError, UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise RecipeError("json-damaged", path=path, reason=str(error)) from None


def load(model: type[M], path: Path) -> M:
    return parse(model, read_json(path), path.name)


def write_text(path: Path, text: str) -> None:
    """Write a file so that after a crash at any moment either the old or the whole new content is there."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("w", encoding="utf-8", newline="\n") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise ResourceError("cannot-write", path=path, reason=error.strerror or str(error)) from None


def save_json(path: Path, data: Any) -> None:
    """Write a :class:`StrictModel` or plain data as indented JSON, atomically. NaN is refused: write ``None``."""
    plain = data.model_dump(mode="json") if isinstance(data, BaseModel) else data
    write_text(path, json.dumps(plain, indent=2, ensure_ascii=False, allow_nan=False) + "\n")
