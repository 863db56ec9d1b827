"""Where the program keeps what is a person's: unsaved work (state) and settings (config)."""

from __future__ import annotations

import os
import sys
from pathlib import Path


def state_folder() -> Path:
    """``$DELINEATE_STATE``, else ``delineate`` in the place where this system keeps what programs must not lose."""
    return _folder("DELINEATE_STATE", "XDG_STATE_HOME", ".local/state")


def config_folder() -> Path:
    """``$DELINEATE_CONFIG``, else ``delineate`` in the place where this system keeps settings."""
    return _folder("DELINEATE_CONFIG", "XDG_CONFIG_HOME", ".config")


def _folder(told: str, xdg: str, home: str) -> Path:
    if value := os.environ.get(told):
        return Path(value)
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local") / "delineate"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "delineate"
    return Path(os.environ.get(xdg) or Path.home() / home) / "delineate"
