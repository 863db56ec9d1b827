"""A file that knows every edit since the last save, whatever happens to the program.

Append-only. A record is length, CRC-32 and kind, then its bytes; a record that was being written when the program or the machine
died fails its checksum and ends the journal there. Every record is handed to the system at once, so that killing the process loses
nothing; :meth:`Journal.sync` also survives a power cut (call it now and then).
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import struct
import sys
import threading
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from delineate.editing.folders import state_folder
from delineate.errors import ResourceError, UsageError

if sys.platform != "win32":
    import fcntl

MAGIC = b"delineate journal 1\n"
SUFFIX = ".journal"
MAX_RECORD = 4 << 30
_HEAD = struct.Struct("<IIB")

Kind = Literal["about", "base", "part", "step", "undo", "redo", "predicted", "truth", "probabilities"]
_KINDS: tuple[Kind, ...] = ("about", "base", "part", "step", "undo", "redo", "predicted", "truth", "probabilities")
_EDITS: tuple[Kind, ...] = ("part", "step", "undo", "redo")


class Journal:
    """One session's journal, locked while it is open. Raises ResourceError ``cannot-write`` where the disk refuses."""

    def __init__(self, path: Path, keep: int | None = None) -> None:
        """Begin a new file, or with ``keep`` go on after that many bytes of an old one."""
        self.path = path
        self._lock = threading.Lock()  # what a session began from is written by a thread
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o600)
            if sys.platform != "win32":
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.ftruncate(self._file, keep or 0)
            os.lseek(self._file, 0, os.SEEK_END)
            if not keep:
                self._write(MAGIC)
        except OSError as error:
            raise ResourceError("cannot-write", path=path, reason=error.strerror or str(error)) from None

    @staticmethod
    def begin(folder: Path | None = None) -> Journal:
        """A new journal under a name of its own; a session writes what it began from first."""
        return Journal((folder or state_folder()) / "unsaved" / f"{secrets.token_hex(8)}{SUFFIX}")

    def add(self, kind: Kind, data: bytes = b"") -> None:
        number = _KINDS.index(kind)
        head = _HEAD.pack(len(data), zlib.crc32(data, number), number)
        try:
            with self._lock:
                self._write(head + data)
        except OSError as error:
            raise ResourceError("cannot-write", path=self.path, reason=error.strerror or str(error)) from None

    def sync(self) -> None:
        with contextlib.suppress(OSError):
            os.fsync(self._file)

    def close(self, remove: bool) -> None:
        """``remove`` where all is saved or the person gave it up."""
        with self._lock:
            if self._file < 0:
                return
            if remove and os.name != "nt":  # removed while it is locked, so that nobody finds it in between
                self.path.unlink(missing_ok=True)
            os.close(self._file)
            self._file = -1
            if remove:
                self.path.unlink(missing_ok=True)

    def _write(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[os.write(self._file, view) :]


@dataclass(frozen=True)
class Unsaved:
    """A journal nobody has open: ``about`` the document, how many ``steps`` (strokes' parts count), and when it was last
    ``written`` (seconds since 1970)."""

    path: Path
    about: dict[str, Any]
    steps: int
    written: float


def records(path: Path) -> Iterator[tuple[Kind, bytes, int]]:
    """(kind, bytes, place after it) of every whole record.

    Raises UsageError ``editing-journal-damaged`` for another kind of file.
    """
    try:
        with path.open("rb") as file:
            if file.read(len(MAGIC)) != MAGIC:
                raise UsageError("editing-journal-damaged", path=path, reason="no journal")
            left = path.stat().st_size - len(MAGIC)
            while len(head := file.read(_HEAD.size)) == _HEAD.size:
                length, checksum, number = _HEAD.unpack(head)
                left -= _HEAD.size
                if length > min(left, MAX_RECORD) or number >= len(_KINDS):
                    return
                data = file.read(length)
                left -= length
                if len(data) != length or zlib.crc32(data, number) != checksum:
                    return
                yield _KINDS[number], data, file.tell()
    except OSError as error:
        raise UsageError("editing-journal-damaged", path=path, reason=error.strerror or str(error)) from None


def unsaved(folder: Path | None = None) -> list[Unsaved]:
    """Sessions that ended without saving, the newest first; those open in a running program are left out."""
    found = []
    for path in sorted(((folder or state_folder()) / "unsaved").glob(f"*{SUFFIX}")):
        if _open_elsewhere(path):
            continue
        about: dict[str, Any] = {}
        steps, based = 0, False
        with contextlib.suppress(UsageError, ValueError, OSError):
            for kind, data, _ in records(path):
                if kind == "about":
                    about = dict(json.loads(data))
                steps += kind in _EDITS
                based |= kind == "base"
            if about and based and steps:  # without them it was killed within the first second of editing
                found.append(Unsaved(path, about, steps, path.stat().st_mtime))
    return sorted(found, key=lambda one: -one.written)


def _open_elsewhere(path: Path) -> bool:
    if sys.platform != "win32":  # there an open session of another window is listed too, and refuses to be deleted
        try:
            with path.open("rb") as file:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            return True
    return False
