"""Decoders' loggers are silent while a file is read, and as before afterwards."""

from __future__ import annotations

import logging

import pytest

from delineate.formats.trouble import quietly


def test_loggers_and_those_below_them_are_silent_and_then_as_before(
    caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    above, below = logging.getLogger("pydicom"), logging.getLogger("pydicom.something")
    with quietly():
        with quietly():
            above.error("one")
        below.error("two")
    assert not caplog.records
    assert capsys.readouterr().err == ""
    above.error("three")
    below.error("four")
    assert [record.message for record in caplog.records] == ["three", "four"]
    assert not any(isinstance(handler, logging.NullHandler) for handler in below.handlers)
