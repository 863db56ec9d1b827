"""Turning whatever a file or a decoder does to us into one sentence a person can act on.

Every reader runs inside :func:`guarded`: the only exceptions that leave this room for a bad file are
:class:`~delineate.errors.UnreadableFile` with one of the codes of :data:`CODES`.
"""

from __future__ import annotations

import errno
import logging
import stat
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from delineate.errors import DelineateError, UnreadableFile
from delineate.formats.types import Limits

#: Why a file can be refused. The sentence is ``error.<code>`` in the catalogue; ``path`` and ``detail`` fill it.
CODES = (
    "empty-file",
    "truncated",
    "damaged",
    "not-an-image",
    "too-large",
    "unsupported",
    "lossy-mask",
    "no-permission",
    "not-found",
)


_USUAL = {"not-an-image": "its content is none of the known formats", "not-found": "no such file"}


def unreadable(code: str, path: Path, detail: str = "") -> UnreadableFile:
    """The error for ``path``; ``detail`` is a short technical phrase (numbers, a codec's name), never patient data."""
    return UnreadableFile(code, path=path, reason=code, detail=detail or _USUAL.get(code, code))


def check_file(path: Path, limits: Limits) -> int:
    """The size in bytes of the regular file ``path``.

    Raises UnreadableFile for what is not one: missing, a folder, a loop of links, a pipe (opening one could wait for ever), empty.
    """
    with _system_errors(path):
        status = path.stat()
    if stat.S_ISDIR(status.st_mode):
        raise unreadable("not-an-image", path, "it is a folder")
    if not stat.S_ISREG(status.st_mode):
        raise unreadable("not-an-image", path, "it is not a regular file")
    if status.st_size == 0:
        raise unreadable("empty-file", path)
    if status.st_size > limits.max_file_bytes:
        raise unreadable("too-large", path, f"{status.st_size:,} > {limits.max_file_bytes:,} bytes")
    return status.st_size


@contextmanager
def _system_errors(path: Path) -> Iterator[None]:
    """Errors of the operating system, by their number."""
    try:
        yield
    except OSError as error:
        if isinstance(error, PermissionError):
            raise unreadable("no-permission", path) from error
        if isinstance(error, FileNotFoundError | NotADirectoryError):
            detail = "a link to a file that is not there" if _is_link(path) else ""
            raise unreadable("not-found", path, detail) from error
        if error.errno == errno.ELOOP:
            raise unreadable("not-found", path, "a loop of symbolic links") from error
        if error.errno == errno.ENAMETOOLONG:
            raise unreadable("not-found", path, "the name is too long") from error
        if isinstance(error, IsADirectoryError):
            raise unreadable("not-an-image", path, "it is a folder") from error
        raise


def _is_link(path: Path) -> bool:
    try:
        return path.is_symlink()
    except OSError:
        return False


@contextmanager
def guarded(path: Path) -> Iterator[None]:
    """Run a decoder on ``path``: quiet, and with every trouble turned into UnreadableFile."""
    try:
        with quietly(), _system_errors(path):
            yield
    except DelineateError:
        raise
    except MemoryError as error:
        raise unreadable("too-large", path, "out of memory") from error
    except EOFError as error:
        raise unreadable("truncated", path, phrase(error)) from error
    except Exception as error:
        raise unreadable("truncated" if _looks_truncated(error) else "damaged", path, phrase(error)) from error


def phrase(error: BaseException) -> str:
    """The line of a library's message that says something, bounded: the first, or what follows ``ITK ERROR``."""
    lines = [line for line in str(error).strip().splitlines() if not line.startswith("Exception thrown in SimpleITK")]
    return (lines[0].rpartition("): ")[2] if lines else type(error).__name__)[:160]


def _looks_truncated(error: Exception) -> bool:
    text = str(error).lower()
    words = ("truncat", "unexpected end", "end of file", "end-of-stream", "input stream too small", "greater than file size")
    return any(word in text for word in words)


_LOGGERS = ("tifffile", "nibabel", "nibabel.global", "pydicom", "PIL")
_lock = threading.Lock()
_inside = 0
_catcher: warnings.catch_warnings[None] | None = None
_nowhere = logging.NullHandler()
_before: list[tuple[logging.Logger, bool, bool]] = []


@contextmanager
def quietly() -> Iterator[None]:
    """Silence the decoders' warnings and loggers.

    Warning filters belong to the whole process: threads whose ``catch_warnings`` overlap can leave them changed for ever. Here
    the first to enter changes them and the last to leave puts them back.
    """
    global _inside
    with _lock:
        _inside += 1
        if _inside == 1:
            _hush()
    try:
        yield
    finally:
        with _lock:
            _inside -= 1
            if _inside == 0:
                _speak()


def _hush() -> None:
    global _catcher
    _catcher = warnings.catch_warnings()
    _catcher.__enter__()
    warnings.simplefilter("ignore")
    for name in _LOGGERS:
        # Not by level: setting one empties the caches of all loggers there are, a third of the time of looking at small files.
        logger = logging.getLogger(name)
        _before.append((logger, logger.disabled, logger.propagate))
        logger.disabled, logger.propagate = True, False
        logger.addHandler(_nowhere)  # else what loggers below them say would go to the last resort, the screen


def _speak() -> None:
    if _catcher is not None:
        _catcher.__exit__(None, None, None)
    while _before:
        logger, disabled, propagate = _before.pop()
        logger.removeHandler(_nowhere)
        logger.disabled, logger.propagate = disabled, propagate
