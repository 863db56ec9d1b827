"""How much memory a job may use: said by the person, else half of what is free here."""

from __future__ import annotations

import os
import re
from pathlib import Path

from delineate.errors import UsageError

LEAST = 512 << 20
_UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}


def parse_memory(text: str) -> int:
    """``2GB``, ``1.5G``, ``900MiB`` → bytes (in powers of 1024). Raises UsageError ``bad-memory`` below 512 MB or unreadable."""
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([KMGT]?)(?:I?B)?\s*", text.upper())
    size = int(float(match[1]) * _UNITS[match[2]]) if match else 0
    if size < LEAST:
        raise UsageError("bad-memory", value=text, least="512MB")
    return size


def usual_memory() -> int:
    """Half of what is free, container limits respected."""
    free = _free()
    for limit, used in (("memory.max", "memory.current"), ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes")):
        try:
            folder = Path("/sys/fs/cgroup")
            free = min(free, int((folder / limit).read_text(encoding="ascii")) - int((folder / used).read_text(encoding="ascii")))
        except (OSError, ValueError):  # no such limit, or "max"
            continue
    return max(LEAST, free // 2)


def _free() -> int:
    try:
        with Path("/proc/meminfo").open(encoding="ascii") as file:
            for line in file:
                if line.startswith("MemAvailable:"):
                    return int(line.split()[1]) << 10
    except (OSError, ValueError):
        pass
    if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2
    return 4 << 30
