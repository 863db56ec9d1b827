"""What `predict` says of doubt."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from delineate.cli.doubting import say_reviews


def test_no_review_is_a_sentence_of_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    calm = SimpleNamespace(verdict=SimpleNamespace(needs_review=False, predicted=0.9, low=0.8))
    say_reviews([calm, calm], "en")
    assert capsys.readouterr().out == "By the model's own rule none of 2 needs a second look.\n"
    say_reviews([calm], "zh")
    assert "没有需要复核的" in capsys.readouterr().out
    say_reviews([SimpleNamespace(verdict=None)], "en")
    assert capsys.readouterr().out == ""
