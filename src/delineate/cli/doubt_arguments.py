"""The arguments of ``refine`` and ``ensemble``, and those on doubt that ``run`` takes."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any


def add_doubt(place: Any, option: Any) -> None:
    """What a person wants of masks and their review."""
    option(place, "--dice-bar", metavar="X", type=float, default=0.8)
    option(place, "--alpha", metavar="X", type=float, default=0.1)


def add_refine(command: Callable[[str], argparse.ArgumentParser], option: Any) -> None:
    made = command("refine")
    option(made, "run", metavar="RUN", key="refine-run")
    option(made, "--out", metavar="DIR", key="out-refine")
    option(made, "--tta", action="store_true")
    add_doubt(made, option)
    option(made, "--threads", metavar="N", type=int)


def add_ensemble(command: Callable[[str], argparse.ArgumentParser], option: Any) -> None:
    made = command("ensemble")
    option(made, "sources", metavar="RUN|MODEL", nargs="+", key="ensemble-sources")
    option(made, "--out", metavar="FILE", key="out-ensemble", required=True)
    add_doubt(made, option)
    option(made, "--threads", metavar="N", type=int)
