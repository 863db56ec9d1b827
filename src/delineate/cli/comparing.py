"""``compare``: candidates that are trained for it, or finished runs."""

from __future__ import annotations

import argparse
from typing import Any

from delineate import workflows
from delineate.cli.console import Screen
from delineate.cli.grid_arguments import engine_options, grid_folder, grid_options, mode_of, resume_command
from delineate.errors import EXIT_OK, RunError
from delineate.i18n import translate

#: Failed runs that are told one by one.
_TOLD = 10


def compare(arguments: argparse.Namespace, language: str, reading: Any, splitting: Any) -> int:
    mode = mode_of(arguments)
    if mode != "finished":
        return _grid(arguments, language, grid_options(arguments, reading, splitting), resume=mode == "resume")
    with Screen(language, quiet=arguments.quiet) as screen:
        result = workflows.compare(
            arguments.runs,
            arguments.out,
            primary=arguments.primary or "dice",
            seed=arguments.seed or 0,
            pictures=arguments.pictures,
            language=language,
            on_event=screen,
        )
    return _say(result, language)


def _grid(arguments: argparse.Namespace, language: str, given: dict[str, Any], *, resume: bool) -> int:
    from delineate.cli.grid_screen import GridScreen
    from delineate.workflows.grid.options import GridOptions

    out = grid_folder(arguments)
    options = None
    if not resume:
        options = GridOptions(data=arguments.runs[0], language=language, **given)
    elif arguments.runs and arguments.runs[0] != out:
        given["data"] = arguments.runs[0]
    with GridScreen(language, quiet=arguments.quiet) as screen:
        result = workflows.compare_grid(
            out=out,
            options=options,
            resume=resume,
            jobs=arguments.jobs,
            engine=arguments.engine or "local",
            engine_options=engine_options(arguments),
            given=given if resume else None,
            pictures=arguments.pictures,
            on_event=screen,
        )
    _say(result, language)
    if not result.missing:
        return EXIT_OK
    numbers = {"missing": len(result.missing), "runs": result.runs, "failed": len(result.failed)}
    print(translate("cli.grid.missing", language, **numbers))
    for one in result.failed[:_TOLD]:
        run = translate("cli.grid.run", language, name=one.candidate, fold=one.fold, seed=one.seed)
        print("  " + translate("cli.grid.failed", language, run=run, reason=one.reason.get(language, one.code)))
    print(translate("cli.grid.retry", language, command=resume_command(str(out))))
    return RunError.exit_code


def _say(result: Any, language: str) -> int:
    print(result.comparison.claim.plain()[language])
    print(translate("cli.done.compare", language, page=result.page, folder=result.folder))
    return EXIT_OK
