"""What trials on this machine found, kept in the person's cache folder so that the next job need not measure again.

``engines.json`` in ``$DELINEATE_CACHE``, else in the system's folder for caches. It can be deleted at any time; a file that is
damaged, foreign or cannot be written is as good as none.
"""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, TypeGuard

from delineate.errors import DelineateError
from delineate.inference.engines import physical_cores
from delineate.inference.trial import Measured
from delineate.recipe import read_json, save_json
from delineate.version import __version__

FILE = "engines.json"
VERSION = 1
MAX_ENTRIES = 200
MAX_BYTES = 1 << 20
_LIBRARIES = ("onnxruntime", "openvino", "torch", "numpy")


def cache_folder() -> Path:
    """``$DELINEATE_CACHE``, else ``delineate`` in the place where this system keeps what may be thrown away."""
    if told := os.environ.get("DELINEATE_CACHE"):
        return Path(told)
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local") / "delineate"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "delineate"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "delineate"


def key_of(network: str, shape: tuple[int, ...], threads: int) -> dict[str, Any]:
    """All that a measured time depends on: the network (SHA-256), the size of a batch in octaves, the machine, the versions."""
    versions = {}
    for name in _LIBRARIES:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            continue
    size = "x".join(str(1 << max(0, n - 1).bit_length()) for n in (shape[0], *shape[2:]))
    return {
        "network": network,
        "size": size,
        "threads": threads,
        "cores": physical_cores(),
        "processor": _processor(),
        "gpu": gpu_present(),
        "versions": {"delineate": __version__, **versions},
    }


def recall(key: Mapping[str, Any]) -> Measured | None:
    """What a trial under ``key`` found; ``None`` where there was none."""
    for entry in reversed(_entries()):
        if entry.get("key") == key:
            return _measured(entry)
    return None


def remember(key: Mapping[str, Any], found: Measured) -> None:
    """Keep ``found`` in place of what was known under ``key``; the oldest of too many entries goes."""
    entry = {"key": dict(key), "engine": found.engine, "ms": dict(found.ms), "begin_ms": dict(found.begin_ms)}
    entries = [other for other in _entries() if other.get("key") != key][-(MAX_ENTRIES - 1) :]
    try:
        save_json(cache_folder() / FILE, {"version": VERSION, "entries": [*entries, entry]})
    except (DelineateError, OSError, ValueError):  # a home that cannot be written: the next job measures again
        return


def gpu_present() -> bool:
    """Whether an NVIDIA driver shows a device: asked before torch, whose import takes seconds."""
    return Path("/dev/nvidia0").exists() or (sys.platform == "win32" and bool(os.environ.get("CUDA_PATH")))


def _entries() -> list[dict[str, Any]]:
    path = cache_folder() / FILE
    try:
        if path.stat().st_size > MAX_BYTES:
            return []
        found = read_json(path)
    except (DelineateError, OSError, RuntimeError):
        return []
    if not isinstance(found, dict) or found.get("version") != VERSION or not isinstance(found.get("entries"), list):
        return []
    return [entry for entry in found["entries"] if isinstance(entry, dict)][-MAX_ENTRIES:]


def _measured(entry: Mapping[str, Any]) -> Measured | None:
    ms, begin = entry.get("ms"), entry.get("begin_ms")
    engine = entry.get("engine")
    if not _numbers(ms) or not _numbers(begin) or not isinstance(engine, str) or engine not in ms or engine not in begin:
        return None
    return Measured(engine, ms, begin)


def _numbers(value: Any) -> TypeGuard[dict[str, float]]:
    return isinstance(value, dict) and all(
        isinstance(number, int | float) and not isinstance(number, bool) and 0 <= number < 1e12 for number in value.values()
    )


def _processor() -> str:
    try:
        with Path("/proc/cpuinfo").open(encoding="utf-8", errors="replace") as file:
            for line in file:
                if line.startswith("model name"):
                    return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
