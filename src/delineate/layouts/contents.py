"""A first look at the files that cases use: empty ones and renamed text are found before anything is decoded."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from delineate.errors import UnreadableFile
from delineate.formats import format_of

_LFS = b"version https://git-lfs"


def unusable(paths: Iterable[Path], limit: int = 20_000) -> dict[Path, str]:
    """Path → ``empty-file``, ``not-an-image``, ``git-lfs-pointer`` or ``no-permission``. After ``limit`` files the rest is left to
    the checks that read everything anyway."""
    found: dict[Path, str] = {}
    for number, path in enumerate(paths):
        if number >= limit:
            break
        code = _look(path)
        if code:
            found[path] = code
    return found


def _look(path: Path) -> str | None:
    try:
        if path.is_dir() or format_of(path) is not None:
            return None  # a folder is a DICOM series
        with path.open("rb") as file:
            head = file.read(len(_LFS))
    except (OSError, UnreadableFile):
        return "no-permission"
    return "empty-file" if not head else "git-lfs-pointer" if head == _LFS else "not-an-image"
