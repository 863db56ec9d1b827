"""Errors of the disk, as a person can act on them."""

from __future__ import annotations

import errno
from pathlib import Path

from delineate.errors import ResourceError

_FULL = {errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC)}


def disk_error(error: OSError, path: Path) -> ResourceError:
    """The error a person can act on: a full disk, or a folder that cannot be written."""
    if error.errno in _FULL:
        return ResourceError("disk-full", path=path)
    return ResourceError("cannot-write", path=path, reason=error.strerror or str(error))
