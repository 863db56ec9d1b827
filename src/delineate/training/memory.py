"""Memory that training has freed, given back."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import sys


def give_back() -> None:
    """Return freed memory to the system.

    glibc keeps what it was given in pieces (measured: 0.7 GB after a network of base width 32 at 256 x 256), so that writing and
    scoring the model, and the folds to come, would stand on top of it.
    """
    gc.collect()
    if sys.platform.startswith("linux"):
        with contextlib.suppress(OSError, AttributeError):  # other C libraries have no such call
            ctypes.CDLL(None).malloc_trim(0)
