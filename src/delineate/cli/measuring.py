"""The commands ``measure`` and ``surface``: arguments → workflow → the last lines a person reads."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from delineate import workflows
from delineate.cli.console import Screen, clock
from delineate.errors import EXIT_OK, DataError
from delineate.i18n import translate


def measure(arguments: argparse.Namespace, language: str) -> int:
    from delineate.workflows.measuring import parse_spacing

    with Screen(language, quiet=arguments.quiet) as screen:
        result = workflows.measure(
            arguments.masks,
            arguments.images,
            out=arguments.out,
            classes=arguments.classes,
            plane=arguments.plane,
            spacing_mm=parse_spacing(arguments.spacing) if arguments.spacing else None,
            need_mm=arguments.mm,
            threshold=arguments.threshold,
            modality=arguments.modality,
            lungs=arguments.lungs,
            radiological=arguments.radiological,
            components=arguments.components,
            surface=arguments.surface,
            language=language,
            on_event=screen,
        )
    return say_measures(result, language)


def say_measures(result: Any, language: str) -> int:
    """The first sizes, where the tables are, and what was left out."""
    for row in [row for row in result.rows if row["part"] != "component"][:12]:
        print(_line(row, language))
    total = len(result.files) + sum(left.failed for left in result.left_out)
    print(
        translate(
            "cli.done.measure", language, done=len(result.files), total=total, time=clock(result.seconds), path=Path(result.table)
        )
    )
    for key in dict.fromkeys(left.key for left in result.left_out):
        same = [left for left in result.left_out if left.key == key]
        more = translate("cli.done.and-more", language, n=len(same) - 1) if len(same) > 1 else ""
        print(f"  {translate(key, language, **same[0].params)}{more}")
    return DataError.exit_code if any(left.failed for left in result.left_out) else EXIT_OK


def _line(row: dict[str, Any], language: str) -> str:
    side = "" if row["part"] == "all" else translate(f"measure.part.{row['part']}", language)
    units = (("volume_ml", "mL"), ("area_mm2", "mm²"), ("area_px", "px"), ("voxel_count", translate("measure.voxels", language)))
    size = next(f"{row[name]:.5g} {unit}" for name, unit in units if name in row)
    longest = next(((row[f"longest_diameter_{unit}"], unit) for unit in ("mm", "px") if f"longest_diameter_{unit}" in row), None)
    shown = "" if longest is None else translate("measure.longest", language, value=f"{longest[0]:.1f}", unit=longest[1])
    return f"  {row['case']} · {row['class']}{side}: {size}{shown}"


def surface(arguments: argparse.Namespace, language: str) -> int:
    from delineate.workflows.measuring import parse_spacing

    with Screen(language, quiet=arguments.quiet) as screen:
        result = workflows.surface(
            arguments.mask,
            out=arguments.out,
            classes=arguments.classes,
            only=arguments.only,
            smooth=arguments.smooth,
            faces=arguments.faces,
            lps=arguments.lps,
            spacing_mm=parse_spacing(arguments.spacing) if arguments.spacing else None,
            threshold=arguments.threshold,
            language=language,
            on_event=screen,
        )
    for one in result.surfaces:
        print(
            translate(
                "cli.done.surface-class",
                language,
                name=one.name,
                faces=one.faces,
                volume=f"{one.volume_ml:.4g}",
                change=f"{one.volume_change_percent:+.2f}",
                tight=translate("measure.watertight" if one.watertight else "measure.not-watertight", language),
            )
        )
    for path in result.files:
        print(translate("cli.done.surface", language, path=path))
    return EXIT_OK
