"""``delineate export``: what was written, and what it costs and gains."""

from __future__ import annotations

import argparse
from typing import Any

from delineate import workflows
from delineate.cli.console import Screen
from delineate.errors import EXIT_OK, UsageError
from delineate.i18n import translate


def export(arguments: argparse.Namespace, language: str) -> int:
    if arguments.int8 and arguments.target not in (None, "int8"):
        raise UsageError("unknown-choice", kind="export target", name=f"--int8 --target {arguments.target}", choices="int8")
    with Screen(language, quiet=arguments.quiet) as screen:
        result = workflows.export(
            arguments.run,
            target="int8" if arguments.int8 else arguments.target or "onnx",
            out=arguments.out,
            calibrate=arguments.calibrate,
            margin=arguments.margin,
            engine=arguments.engine,
            threads=arguments.threads,
            overwrite=arguments.overwrite,
            on_event=screen,
        )
    if result.int8 is not None:
        for line in _lines(result.int8, language):
            print(line)
    if result.folder is not None:
        readme = "README.zh.md" if language == "zh" else "README.md"
        print(translate("cli.done.export-folder", language, folder=result.folder, n=len(result.files), readme=readme))
    else:
        print(translate("cli.done.export", language, files=", ".join(str(path) for path in result.files)))
    return EXIT_OK


def _lines(made: Any, language: str) -> list[str]:
    lines = []
    for change in made.changes:
        low_high = change.difference["ci95"]
        interval = ""
        if low_high:
            interval = translate("cli.done.int8-interval", language, low=f"{low_high[0]:+.4f}", high=f"{low_high[1]:+.4f}")
        difference = change.difference["mean"]
        lines.append(
            translate(
                "cli.done.int8-part",
                language,
                part=translate(f"cli.part.{change.part}", language),
                before=f"{change.before:.4f}",
                after=f"{change.after:.4f}",
                difference="–" if difference is None else f"{difference:+.4f}",
                interval=interval,
                n=change.difference["n"],
            )
        )
    integers, of_all = made.layers
    lines.append(translate("cli.done.int8-layers", language, integers=integers, all=of_all, planes=made.planes))
    speed = made.speed
    before, after = (min(times.items(), key=lambda pair: pair[1]) for times in (speed.before, speed.after))
    lines.append(
        translate(
            "cli.done.int8-speed",
            language,
            before=f"{before[1]:.3g} ms ({before[0]})",
            after=f"{after[1]:.3g} ms ({after[0]})",
            shape="×".join(map(str, speed.planes[2:])),
            ratio=f"{speed.ratio:.2f}",
        )
    )
    return lines
