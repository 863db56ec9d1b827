"""Charts in percent, numbers in words."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from delineate.report.charts import curves, nice_ticks, person_bars
from delineate.report.page import brief, data_uri, duration, interval, number, say


@given(st.floats(-1e3, 1e3), st.floats(1e-3, 1e6))
def test_ticks_cover_and_are_few(low: float, span: float) -> None:
    ticks = nice_ticks(low, low + span)
    assert ticks[0] <= low + span * 1e-6 and ticks[-1] >= low + span - span * 1e-6
    assert 2 <= len(ticks) <= 9


def test_ticks_of_a_constant() -> None:
    assert nice_ticks(0.5, 0.5)[0] < 0.5 < nice_ticks(0.5, 0.5)[-1]
    assert len(nice_ticks(0.0, 0.0)) >= 2


def test_curves_find_their_columns() -> None:
    history = [
        {"epoch": 1.0, "loss": 1.0, "val_loss": 1.2, "val_dice": 0.2, "val_iou": 0.1, "lr": 0.1, "dice_lung": 0.9},
        {"epoch": 2.0, "loss": 0.5, "val_loss": 0.9, "val_dice": 0.8, "val_iou": 0.7, "lr": 0.1, "dice_lung": 0.9},
        {"epoch": 3.0, "loss": 0.4, "val_dice": 0.7, "val_iou": 0.6, "lr": 0.1, "dice_lung": 0.9},
    ]
    loss, dice, iou = curves(history)
    assert [chart.key for chart in (loss, dice, iou)] == ["loss", "dice", "iou"]
    assert [s.key for s in loss.series] == ["report.curve.train", "report.curve.validation"]
    assert len(loss.series[0].points.split()) == 3 and len(loss.series[1].points.split()) == 2
    assert dice.best == (50.0, pytest.approx(75.0))
    assert dice.y_ticks[-1] == (100.0, "1.0")
    assert curves([]) == [] and curves([{"lr": 1.0}]) == []
    assert curves(history[:1])[1].best is not None


def test_bars_are_sorted_and_name_what_has_no_dice() -> None:
    chart = person_bars("test", "patient", {"a": 0.5, "b": 0.9, "c": math.nan}, 0.7, 0.7)
    assert [bar.name for bar in chart.bars] == ["b", "a"]
    assert (chart.bars[0].percent, chart.mean, chart.undefined, chart.many) == (90.0, 70.0, ("c",), False)


def test_numbers() -> None:
    assert number(0.87654) == "0.877" and number(None) == number(math.nan) == number("x") == number(True) == "–"
    assert number(-0.0001) == "0.000" and number(-1.5, 1) == "\u22121.5"
    assert number(1234) == "1\u2009234"
    assert brief(0.000123456) == "0.000123" and brief(127.5) == "128" and brief(12345.6) == "12\u2009346"
    assert interval([0.1, 0.2]) == "0.100–0.200" and interval(None) == interval([None, 1]) == "–"
    assert [duration(s) for s in (0.25, 42, 312.4, 7300)] == ["0.2 s", "42 s", "5 min 12 s", "2 h 1 min"]


def test_only_pictures_become_data() -> None:
    assert data_uri(b"\x89PNG\r\n\x1a\nrest").startswith("data:image/png;base64,")
    with pytest.raises(ValueError, match="PNG"):
        data_uri(b"<svg onload=alert(1)>")


def test_singulars() -> None:
    assert say("report.n.patient", "en", n=1) == "1 patient"
    assert say("report.n.patient", "en", n=2) == "2 patients"
