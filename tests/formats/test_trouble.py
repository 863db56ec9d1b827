"""Silence that ends, whichever thread ends it."""

from __future__ import annotations

import logging
import threading
import warnings
from pathlib import Path

import pytest

from delineate.errors import UnreadableFile, UsageError
from delineate.formats.trouble import guarded, quietly


def test_filters_and_levels_come_back_when_threads_overlap() -> None:
    before, level = list(warnings.filters), logging.getLogger("tifffile").level
    entered, leave = threading.Event(), threading.Event()

    def first() -> None:
        with quietly():
            entered.set()
            leave.wait(5)

    thread = threading.Thread(target=first)
    thread.start()
    entered.wait(5)
    with quietly():
        leave.set()
        thread.join()
        warnings.warn("a library speaks", stacklevel=1)  # would be an error outside
    assert list(warnings.filters) == before
    assert logging.getLogger("tifffile").level == level
    with pytest.raises(UserWarning):
        warnings.warn("we speak", stacklevel=1)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (MemoryError(), "too-large"),
        (EOFError("ended"), "truncated"),
        (ValueError("image file is truncated"), "truncated"),
        (ValueError("odd"), "damaged"),
        (PermissionError(13, "no"), "no-permission"),
        (FileNotFoundError(2, "no"), "not-found"),
        (RecursionError("deep"), "damaged"),
    ],
)
def test_what_decoders_raise(error: Exception, code: str) -> None:
    with pytest.raises(UnreadableFile) as caught, guarded(Path("a.png")):
        raise error
    assert caught.value.code == code
    assert caught.value.__cause__ is error


def test_our_own_errors_pass() -> None:
    with pytest.raises(UsageError), guarded(Path("a.png")):
        raise UsageError("unknown-choice", kind="x", name="y", choices="z")
