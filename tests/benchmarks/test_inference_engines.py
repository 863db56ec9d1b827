"""benchmarks/inference_engines.py with a tiny network: every column is measured, and the page gets its table."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import inference_engines, tiled_scaling


def test_engines_are_measured_and_written(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    page = tmp_path / "page.md"
    page.write_text("a\n<!-- engines: begin -->\n<!-- engines: end -->\nb\n", encoding="utf-8")
    words = ["--size", "32", "--batch", "2", "--widths", "4,8", "--rounds", "2", "--threads", "1", "--only", "onnxruntime"]
    found = inference_engines.main([*words, "--json", str(tmp_path / "o.json"), "--write", str(page)])
    assert set(found["rates"]) == {"eager", "onnxruntime"}
    assert found["rates"]["eager"]["n"] == 2
    assert set(found["latency_ms"]) == {"eager", "onnxruntime"}
    assert all(20 < peak < 4000 for peak in found["peak_mib"].values())
    text = page.read_text(encoding="utf-8")
    assert "| onnxruntime | " in text
    assert "MiB |" in text
    assert text.endswith("<!-- engines: end -->\nb\n")


def test_the_table_tells_windows_and_what_is_missing() -> None:
    spread = {"median": 2.0, "low": 1.0, "high": 3.0, "n": 3}
    result = {
        "setting": {"network": "unet", "size": 256, "batch": 8, "channels": 3},
        "rates": {"eager": spread},
        "ratio": {},
        "latency_ms": {},
        "peak_mib": {},
        "skipped": {"openvino": "not installed"},
        "sliding_window": {"seconds": {"monai window": spread, "our window": spread}, "ratio": spread},
    }
    text = inference_engines.table(result)
    assert "| eager | 2 (1 … 3) | 1 | – | – | – |" in text
    assert "Ours is 2 (1 … 3) times as fast." in text
    assert "Not measured: openvino (not installed)." in text


def test_growth_is_said_in_words() -> None:
    sizes = [
        {"megapixels": 100.0, "side": 10_000, "seconds": 10.0, "processor_seconds": 20.0, "peak_mib": 500},
        {"megapixels": 400.0, "side": 20_000, "seconds": 44.0, "processor_seconds": 88.0, "peak_mib": 600},
    ]
    text = tiled_scaling.table({"engine": "onnxruntime", "memory": "2GB", "sizes": sizes, **tiled_scaling.fit(sizes)})
    assert "the processor time a megapixel grows 1.1 times, the memory 1.2 times" in text
    assert "| 400 | 44.0 | 88.0 | 600 |" in text
