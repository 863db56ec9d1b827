"""``delineate app``: arguments, and the desktop program where it is installed."""

from __future__ import annotations

import argparse
from importlib.util import find_spec
from typing import Any

from delineate.errors import MissingExtra

THEMES = ("system", "light", "dark")


def add_app(made: argparse.ArgumentParser, option: Any) -> None:
    """The arguments of ``app``."""
    option(made, "image", metavar="IMAGE|FOLDER", nargs="?", key="image-app")
    option(made, "--model", metavar="MODEL", key="model-app")
    option(made, "--theme", choices=THEMES, default="", key="theme-app")
    option(made, "--screenshot", metavar="FILE", key="screenshot-app")


def app(arguments: argparse.Namespace, language: str) -> int:
    if find_spec("PySide6") is None:
        raise MissingExtra("missing-extra", extra="desktop")
    from delineate.desktop.program import run

    # Without --lang the window speaks what was chosen in it last.
    told = getattr(arguments, "lang", None)
    return run(arguments.image, arguments.model, told, arguments.theme, arguments.screenshot)
