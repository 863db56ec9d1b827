"""The benchmark of the editing core, small: every action is done and has its numbers."""

from __future__ import annotations

import pytest

from benchmarks import editing_latency


def test_every_action_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(editing_latency, "SCREEN", (96, 96))
    monkeypatch.setattr(editing_latency.time, "sleep", lambda _: None)
    result = editing_latency.measure(shrink=32, times=2)
    actions = result["actions"]
    assert len(actions) >= 18
    for row in actions.values():
        assert 0 < row["median_ms"] <= row["p95_ms"]
        assert 0 <= row["processor_ms"] <= row["processor_p95_ms"]
    shown = editing_latency.table(result)
    assert all(f"| {name} |" in shown for name in actions)
    assert "C:" not in shown
