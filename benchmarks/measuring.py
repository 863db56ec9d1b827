"""What every benchmark here shares: rounds that take turns, medians with their ranges, the machine in words, JSON and tables.

Contestants take turns within every round, so that a machine that is busy for a while is busy for all of them; a ratio is the median
of the rounds' own ratios, with the smallest and the largest of them.
"""

from __future__ import annotations

import json
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

SCHEMA = "delineate-benchmark/1"
FEATURES = ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_bf16", "amx_int8")
LIBRARIES = ("torch", "onnxruntime", "openvino", "segmentation_models_pytorch", "monai", "nnunetv2", "numpy")


@dataclass(frozen=True)
class Spread:
    """A measured value: the median, the range, and how often it was measured."""

    median: float
    low: float
    high: float
    n: int

    @staticmethod
    def of(values: Sequence[float]) -> Spread:
        """Raises ``ValueError`` without values."""
        if not values:
            raise ValueError("nothing was measured")
        return Spread(statistics.median(values), min(values), max(values), len(values))

    def plain(self) -> dict[str, float | int]:
        return {"median": _digits(self.median), "low": _digits(self.low), "high": _digits(self.high), "n": self.n}


def interleaved(
    contestants: Mapping[str, Callable[[], float]], rounds: int, stop_after: float = float("inf"), least: int = 3
) -> dict[str, list[float]]:
    """``rounds`` times each contestant in turn, the order reversed in every second round. A contestant returns what it measured.

    After ``stop_after`` seconds no further round is begun, though at least ``least`` are made. Warming up is the caller's.
    """
    measured: dict[str, list[float]] = {name: [] for name in contestants}
    begun = time.perf_counter()
    for number in range(rounds):
        if number >= min(least, rounds) and time.perf_counter() - begun > stop_after:
            break
        names = list(contestants)
        for name in names if number % 2 == 0 else reversed(names):
            measured[name].append(contestants[name]())
    return measured


def ratios(values: Sequence[float], base: Sequence[float]) -> Spread:
    """Of each round's value to its own base."""
    return Spread.of([value / other for value, other in zip(values, base, strict=True)])


def machine(device: str = "cpu") -> dict[str, Any]:
    """The machine in words: nothing that tells whose it is, where it stands or when it was measured."""
    import psutil

    from delineate.training.measure import usable_cores

    facts: dict[str, Any] = {
        "processor": _processor(),
        "cores": usable_cores(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30),
        "features": [flag for flag in FEATURES if flag in _flags()],
        "system": platform.system(),
        "python": platform.python_version(),
        "libraries": {name: found for name in LIBRARIES if (found := _version(name))},
    }
    if device != "cpu":
        import torch

        facts["device"] = torch.cuda.get_device_name(device)
    return facts


def load_average() -> float | None:
    """Processes that wanted a core in the last minute: above the number of cores, absolute times are too long."""
    return round(os.getloadavg()[0], 1) if hasattr(os, "getloadavg") else None


def document(name: str, device: str, results: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    """The JSON of a benchmark: schema, machine, and what came out."""
    return {"schema": SCHEMA, "benchmark": name, "machine": machine(device), "load": load_average(), **more, **results}


def write_json(path: Path | None, data: Mapping[str, Any]) -> None:
    """To ``path`` (whole or not at all), or to the standard output."""
    text = json.dumps(data, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    if path is None:
        sys.stdout.write(text)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    part.write_text(text, encoding="utf-8")
    part.replace(path)


def say(text: str) -> None:
    """Progress, to the standard error, so that the standard output stays JSON."""
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


def _digits(value: float) -> float:
    return float(f"{value:.4g}")


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _processor() -> str:
    return _cpuinfo("model name") or platform.processor() or platform.machine()


def _flags() -> set[str]:
    return set(_cpuinfo("flags").split())


def _cpuinfo(key: str) -> str:
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    return next((line.partition(":")[2].strip() for line in text.splitlines() if line.startswith(key)), "")
