"""Entry point: language, arguments, errors as sentences with documented exit codes (see delineate.errors)."""

from __future__ import annotations

import errno
import os
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path

from delineate.cli.parser import build_parser, language_of
from delineate.errors import EXIT_BUG, EXIT_INTERRUPTED, EXIT_OK, DelineateError, ResourceError
from delineate.i18n import detect_language, translate


def entry() -> None:
    sys.exit(main(sys.argv[1:]))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code. Never lets a traceback out for a person's mistake."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    language = language_of(arguments) or detect_language()
    for stream in (sys.stdout, sys.stderr):  # Chinese on a terminal that claims ASCII must not end the job
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    parser = build_parser(language)
    try:
        parsed = parser.parse_args(arguments)
    except SystemExit as leave:
        return int(leave.code or 0)
    if parsed.command is None:
        parser.print_help()
        return EXIT_OK
    try:
        from delineate.cli.commands import COMMANDS

        return COMMANDS[parsed.command](parsed, language)
    except DelineateError as error:
        return _say_error(error, language)
    except KeyboardInterrupt:
        print("\n" + translate("cli.interrupted", language), file=sys.stderr)
        return EXIT_INTERRUPTED
    except MemoryError:
        return _say_error(ResourceError("out-of-memory"), language)
    except BrokenPipeError:  # the reader of our output (head, less) went away
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_OK
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EROFS):
            return _say_error(ResourceError("cannot-write", path=error.filename or "?", reason=error.strerror), language)
        return _say_bug(language)
    except Exception:  # noqa: BLE001 - the last line of defence: a bug is reported as one, with its traceback in a file
        return _say_bug(language)


def _say_error(error: DelineateError, language: str) -> int:
    print(translate("cli.error", language, message=translate(error.key, language, **error.params)), file=sys.stderr)
    return error.exit_code


def _say_bug(language: str) -> int:
    text = traceback.format_exc()
    place = Path("delineate-crash.log")
    try:
        place.write_text(text, encoding="utf-8")
        print(translate("cli.bug", language, path=place.resolve()), file=sys.stderr)
    except OSError:
        print(text, file=sys.stderr)
    return EXIT_BUG


if __name__ == "__main__":
    entry()
