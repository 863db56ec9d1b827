"""Files that are whole or not there."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from delineate.errors import DelineateError, ResourceError
from delineate.formats.trouble import phrase, quietly


@contextmanager
def replacing(path: Path, suffix: str) -> Iterator[Path]:
    """A hidden name beside ``path`` to write to, renamed to ``path`` at the end and removed on any failure.

    Raises ResourceError (``cannot-write``) for whatever the system or an encoder says while writing.
    """
    temporary = path.with_name(f".{secrets.token_hex(6)}.tmp{suffix}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with quietly():
            yield temporary
        os.replace(temporary, path)  # noqa: PTH105 - Path.replace is the same call; this one is easier to fail in a test
    except (DelineateError, ValueError, TypeError):
        raise
    except OSError as error:
        raise ResourceError("cannot-write", path=path, reason=error.strerror or phrase(error)) from error
    except (RuntimeError, MemoryError) as error:  # SimpleITK and imagecodecs report a full disk so
        raise ResourceError("cannot-write", path=path, reason=phrase(error)) from error
    finally:
        with suppress(OSError):  # the reason why it cannot be removed has been told above
            temporary.unlink(missing_ok=True)
