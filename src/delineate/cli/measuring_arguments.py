"""The arguments of ``measure`` and ``surface``."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

SURFACE_FORMATS = ("stl", "ply", "glb", "html")


def add_measure(command: Callable[[str], argparse.ArgumentParser], group: Callable[..., Any], option: Any) -> None:
    made = command("measure")
    option(made, "masks", metavar="MASKS", key="measure-masks")
    option(made, "--images", metavar="IMAGES", key="measure-images")
    option(made, "--out", metavar="DIR", key="out-measure", default="measures")
    option(made, "--classes", metavar="NAMES")
    option(made, "--plane", choices=("auto", "axial", "coronal", "sagittal"), default="auto")
    option(made, "--components", metavar="N", type=int, default=100, key="components-listed")
    option(made, "--surface", choices=SURFACE_FORMATS, key="measure-surface")
    reading = group(made, "assumptions")
    option(reading, "--spacing", metavar="MM", key="spacing-mm")
    option(reading, "--mm", action="store_true", key="need-mm")
    option(reading, "--threshold", metavar="X", type=float, key="mask-threshold")
    option(reading, "--modality", choices=("CT",))
    option(reading, "--lungs", metavar="CLASS")
    option(reading, "--radiological", action="store_true")


def add_surface(command: Callable[[str], argparse.ArgumentParser], option: Any) -> None:
    made = command("surface")
    option(made, "mask", metavar="MASK", key="surface-mask")
    option(made, "--out", metavar="FILE", key="out-surface", required=True)
    option(made, "--classes", metavar="NAMES")
    option(made, "--class", metavar="NAME", dest="only", action="append", default=[], key="surface-class")
    option(made, "--smooth", metavar="N", type=int, default=20)
    option(made, "--faces", metavar="N", type=int, default=100_000)
    option(made, "--lps", action="store_true")
    option(made, "--spacing", metavar="MM", key="spacing-mm")
    option(made, "--threshold", metavar="X", type=float, key="mask-threshold")
