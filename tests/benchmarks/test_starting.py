"""benchmarks/scan_speed.py and cold_start.py, small."""

from __future__ import annotations

import pytest

from benchmarks import cold_start, scan_speed


def test_scan_speed_measures_two_sizes() -> None:
    result = scan_speed.measure(40)
    assert result["files"] == [20, 80]
    assert set(result["work"]) == {"pillow", "scan", "check"}
    assert all(len(facts["seconds"]) == 2 and facts["files_per_second"] > 0 for facts in result["work"].values())
    assert "80 files" in scan_speed.table(result)


def test_cold_start_counts_processes() -> None:
    wall, processor = cold_start._run([cold_start.sys.executable, "-c", "sum(range(3_000_000))"])
    assert 0.01 < processor < wall + 0.2
    with pytest.raises(RuntimeError, match="failed"):
        cold_start._run([cold_start.sys.executable, "-c", "raise SystemExit(3)"])
    facts = {"median": 0.5, "low": 0.4, "high": 0.6, "n": 3}
    result = {
        "machine": {"processor": "x", "cores": 2, "features": [], "memory_gib": 8, "libraries": {}},
        "commands": {"delineate --help": {"wall": facts, "processor": facts}},
    }
    assert "0.5 s (0.4 … 0.6)" in cold_start.table(result)
