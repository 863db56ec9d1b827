"""One function per command: arguments → options → workflow → the last lines a person reads. Returns the exit code."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from delineate import workflows
from delineate.cli import comparing, doubting, measuring
from delineate.cli.app_command import app
from delineate.cli.console import Screen, clock
from delineate.cli.event_lines import EventLines, sink_of
from delineate.cli.export_command import export
from delineate.cli.serve_command import serve
from delineate.cli.width import cells, pad
from delineate.errors import EXIT_OK, DataError, UsageError
from delineate.i18n import translate
from delineate.workflows.options import DataOptions, RunOptions, SplitOptions, parse_budget, parse_sample, parse_size

DEFAULT_BUDGET = "15m"
_EXAMPLES = 8  # pictures for a program that shows the check


def _reading(arguments: argparse.Namespace) -> DataOptions:
    return DataOptions(
        layout=arguments.layout,
        image_pattern=arguments.image_pattern,
        mask_pattern=arguments.mask_pattern,
        patient_pattern=arguments.patient_pattern,
        table=arguments.table and Path(arguments.table),
        classes=arguments.classes,
    )


def _splitting(arguments: argparse.Namespace) -> SplitOptions:
    for name in ("test_share", "validation_share"):
        if not 0 < getattr(arguments, name) < 0.9:
            raise UsageError("bad-share", name="--" + name.replace("_", "-"), value=getattr(arguments, name))
    if arguments.folds is not None and not 2 <= arguments.folds <= 50:
        raise UsageError("bad-folds", value=arguments.folds)
    return SplitOptions(
        folds=arguments.folds,
        split_file=arguments.split_file and Path(arguments.split_file),
        sample=parse_sample(arguments.sample) if arguments.sample else None,
        keep_published=not arguments.ignore_published_split,
        validation=arguments.validation_share,
        test=arguments.test_share,
    )


def check(arguments: argparse.Namespace, language: str) -> int:
    with sink_of(arguments, language) as screen:
        result = workflows.check(
            arguments.data,
            out=arguments.out,
            reading=_reading(arguments),
            splitting=_splitting(arguments),
            allow=tuple(arguments.allow),
            language=language,
            examples=_EXAMPLES if arguments.events else 0,
            on_event=screen,
        )
        if isinstance(screen, EventLines):
            counts = {"cases": len(result.scan.cases), "persons": result.persons, "unit": result.scan.unit}
            screen.say("result", page=result.page, layout=result.scan.layout, blocking=len(result.blocking), **counts)
            return DataError.exit_code if result.blocking else EXIT_OK
    from delineate.dataset.checks import sentences

    for finding in result.findings:
        if finding.severity == "info":
            continue
        where = f" [{finding.path}]" if finding.path else ""
        severity = translate(f"cli.severity.{finding.severity}", language)
        print(f"{severity} {finding.code}{where}: {sentences(finding, language)[0]}")
    counts = {level: sum(finding.severity == level for finding in result.findings) for level in ("error", "warning")}
    print(
        translate(
            "cli.done.check",
            language,
            cases=len(result.scan.cases),
            persons=result.persons,
            unit=translate(f"cli.unit.{result.scan.unit}", language),
            layout=result.scan.layout,
            errors=counts["error"],
            warnings=counts["warning"],
            page=result.page,
        )
    )
    return DataError.exit_code if result.blocking else EXIT_OK


def run_options(arguments: argparse.Namespace, language: str) -> RunOptions | None:
    """The options of ``run`` and ``train``; ``None`` when a run is to be resumed as it was begun."""
    if arguments.data is None:
        if not arguments.resume:
            raise UsageError("data-needed", command=arguments.command)
        return None
    doubting.check_shares(arguments)
    if arguments.epochs is not None and arguments.epochs < 1:
        raise UsageError("bad-epochs", value=arguments.epochs)
    # A recipe that is replayed says itself how long to train; only a budget given beside it may shorten that.
    fixed = arguments.epochs is not None or arguments.recipe
    budget = None if fixed and not arguments.budget else parse_budget(arguments.budget or DEFAULT_BUDGET)
    from delineate.planning.overrides import parse_assignment

    return RunOptions(
        data=Path(arguments.data),
        reading=_reading(arguments),
        splitting=_splitting(arguments),
        budget=budget,
        epochs=arguments.epochs,
        network=arguments.network,
        augmentation=arguments.augmentation,
        preset=arguments.preset,
        size=parse_size(arguments.size) if arguments.size else None,
        settings=dict(parse_assignment(text) for text in arguments.settings),
        recipe_file=arguments.recipe and Path(arguments.recipe),
        allow=tuple(arguments.allow),
        seed=arguments.seed,
        device=arguments.device,
        threads=arguments.threads,
        keep_cache=arguments.keep_cache,
        language=language,
        tta=arguments.tta,
        ensemble=arguments.ensemble,
        dice_bar=arguments.dice_bar,
        alpha=arguments.alpha,
    )


def run(arguments: argparse.Namespace, language: str) -> int:
    options = run_options(arguments, language)
    out = Path(arguments.out) if arguments.out else None
    work = workflows.train if arguments.command == "train" else workflows.run
    with sink_of(arguments, language) as screen:
        result = work(options=options, out=out, resume=arguments.resume, overwrite=arguments.overwrite, on_event=screen)
        if isinstance(screen, EventLines):
            files = {"folder": result.folder, "model": result.model, "report": result.report}
            screen.say("result", **files, seconds=result.seconds, test=result.summary.get("test"))
            return EXIT_OK
    if arguments.command == "train":
        print(translate("cli.done.train", language, time=clock(result.seconds), run=result.folder, model=result.model))
    else:
        _say_result(result, language)
    return EXIT_OK


def _say_result(result: Any, language: str) -> None:
    test = result.summary["test"]
    interval = test["dice"]["ci95"]
    values = {
        "time": clock(result.seconds),
        "dice": _number(test["dice"]["mean"]),
        "n": test["dice"]["n"],
        "unit": translate(f"cli.unit.{test['unit']}", language),
        "model": result.model,
        "report": result.report,
    }
    if interval and interval[0] is not None:
        print(translate("cli.done.run", language, low=_number(interval[0]), high=_number(interval[1]), **values))
    else:
        print(translate("cli.done.run-plain", language, **values))


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.4f}"


def evaluate(arguments: argparse.Namespace, language: str) -> int:
    with Screen(language, quiet=arguments.quiet) as screen:
        result = workflows.evaluate(
            arguments.run,
            arguments.data,
            out=arguments.out,
            reading=_reading(arguments),
            engine=arguments.engine,
            threads=arguments.threads,
            nsd_tolerance=arguments.nsd_tolerance,
            on_event=screen,
        )
    part = result.summary.get("test") or next(iter(result.summary.values()))
    interval = part["dice"]["ci95"]
    shown = ""
    if interval and interval[0] is not None:
        shown = translate("cli.done.interval", language, low=_number(interval[0]), high=_number(interval[1]))
    unit = translate(f"cli.unit.{part['unit']}", language)
    dice = _number(part["dice"]["mean"])
    print(translate("cli.done.evaluate", language, dice=dice, n=part["dice"]["n"], unit=unit, interval=shown, path=result.cases))
    return EXIT_OK


def predict(arguments: argparse.Namespace, language: str) -> int:
    with sink_of(arguments, language) as screen:
        result = workflows.predict(
            arguments.model,
            arguments.inputs,
            out=arguments.out,
            format=arguments.format,
            overlay=arguments.overlay,
            probabilities=arguments.probabilities,
            clean=not arguments.no_clean,
            overwrite=arguments.overwrite,
            engine=arguments.engine,
            memory=arguments.memory,
            level=arguments.level,
            blend=arguments.blend,
            threads=arguments.threads,
            segment_codes=arguments.segment_codes,
            identity=not arguments.no_identity,
            measure=arguments.measure,
            uncertainty=arguments.uncertainty,
            language=language,
            on_event=screen,
        )
        if isinstance(screen, EventLines):
            counts = {status: sum(row.status == status for row in result.rows) for status in ("done", "skipped", "failed")}
            screen.say("result", folder=result.folder, seconds=result.seconds, **counts)
            return DataError.exit_code if counts["failed"] else EXIT_OK
    failed = [row for row in result.rows if row.status == "failed"]
    skipped = [row for row in result.rows if row.status == "skipped"]
    done = sum(row.status == "done" for row in result.rows)
    total = done + len(failed)
    print(translate("cli.done.predict", language, done=done, total=total, time=clock(result.seconds), path=result.folder))
    doubting.say_reviews(result.rows, language)
    if result.measures is not None:
        measuring.say_measures(result.measures, language)
    if skipped:
        print(translate("cli.done.predict-skipped", language, skipped=len(skipped)))
        for code in dict.fromkeys(row.code for row in skipped):
            same = [row for row in skipped if row.code == code]
            more = translate("cli.done.and-more", language, n=len(same) - 1) if len(same) > 1 else ""
            print(f"  {same[0].sentence(language)}{more}")
    if failed:
        print(translate("cli.done.predict-failed", language, failed=len(failed)))
        for row in failed:
            print(f"  {row.sentence(language)}")
        return DataError.exit_code
    return EXIT_OK


def report(arguments: argparse.Namespace, language: str) -> int:
    path = workflows.report(arguments.run, language=language, out=arguments.out)
    print(translate("cli.done.report", language, path=path))
    return EXIT_OK


def compare(arguments: argparse.Namespace, language: str) -> int:
    return comparing.compare(arguments, language, _reading(arguments), _splitting(arguments))


def networks(arguments: argparse.Namespace, language: str) -> int:
    rows, columns = parse_size(arguments.size)
    lines = workflows.networks(size=(rows, columns), language=language)
    if arguments.json:
        plain = {"size": [rows, columns], "channels": 1, "maps": 1, "networks": [line.plain() for line in lines]}
        print(json.dumps(plain, indent=2, ensure_ascii=False))
        return EXIT_OK
    heads = [translate(f"cli.networks.{name}", language) for name in ("name", "parameters", "flops", "about")]
    table = []
    for line in lines:
        about = f"{line.about} [{line.origin}]" if line.origin else line.about
        table.append([line.name, f"{line.parameters / 1e6:.2f} M", f"{line.flops / 1e9:.1f} G", about])
    widths = [max(cells(row[column]) for row in [heads, *table]) for column in range(3)]
    for row in [heads, *table]:
        print("  ".join([*(pad(text, width) for text, width in zip(row[:3], widths, strict=True)), row[3]]))
    print(translate("cli.networks.note", language, rows=rows, columns=columns))
    return EXIT_OK


def demo(arguments: argparse.Namespace, language: str) -> int:
    with Screen(language, quiet=arguments.quiet) as screen:
        result = workflows.demo(
            arguments.out, budget=parse_budget(arguments.budget), seed=arguments.seed, language=language, on_event=screen
        )
    _say_result(result, language)
    print(translate("cli.done.demo", language))
    return EXIT_OK


COMMANDS: dict[str, Callable[[argparse.Namespace, str], int]] = {
    "check": check,
    "run": run,
    "train": run,
    "evaluate": evaluate,
    "predict": predict,
    "export": export,
    "report": report,
    "networks": networks,
    "compare": compare,
    "demo": demo,
    "measure": measuring.measure,
    "surface": measuring.surface,
    "serve": serve,
    "app": app,
    "refine": doubting.refine,
    "ensemble": doubting.ensemble,
}
