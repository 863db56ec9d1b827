"""Which of several processes this is, as ``torchrun`` says it; no torch needed to know."""

from __future__ import annotations

import os


def rank() -> int:
    """0 for the process that decides, writes and tells; others compute with it."""
    return int(os.environ.get("RANK", "0")) if world() > 1 else 0


def world() -> int:
    """How many processes work together; 1 without ``torchrun``."""
    return max(1, int(os.environ.get("WORLD_SIZE", "1") or 1))


def device_of(wanted: str) -> str:
    """This process's own GPU where several processes share a machine's."""
    return f"cuda:{os.environ.get('LOCAL_RANK', '0')}" if wanted == "cuda" and world() > 1 else wanted
