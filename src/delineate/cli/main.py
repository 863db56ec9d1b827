"""Entry point: language, arguments, errors as sentences with documented exit codes (see delineate.errors)."""

from __future__ import annotations

import argparse
import errno
import os
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

from delineate.cli.interrupts import listening, sentence
from delineate.cli.parser import build_parser, language_of
from delineate.errors import EXIT_BUG, EXIT_OK, DelineateError, ResourceError
from delineate.i18n import detect_language, translate

#: What the system says when something cannot be written or opened. A person can mend these; they are no bugs of ours.
_SYSTEM = {
    errno.ENOSPC, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO, errno.ENOTDIR, errno.EISDIR,
    errno.ENAMETOOLONG, errno.EMFILE, getattr(errno, "EDQUOT", errno.ENOSPC),
}  # fmt: skip


def entry() -> None:
    sys.exit(main(sys.argv[1:]))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code. Never lets a traceback out for a person's mistake."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    language = language_of(arguments) or detect_language()
    _make_writable(language)
    try:
        return _run(arguments, language)
    except BrokenPipeError:  # the reader of our output (head, less) went away
        return EXIT_OK
    finally:
        for stream in (sys.stdout, sys.stderr):
            _let_go(stream)


def _let_go(stream: TextIO) -> None:
    """Write out what is left. Where nobody reads any more that is noticed here, not with a complaint while Python ends."""
    try:
        stream.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _run(arguments: Sequence[str], language: str) -> int:
    parser = build_parser(language)
    try:
        parsed = parser.parse_args(arguments)
    except SystemExit as leave:
        return int(leave.code or 0)
    if parsed.command is None:
        parser.print_help()
        return EXIT_OK
    with listening() as received:
        try:
            from delineate.cli.commands import COMMANDS

            return COMMANDS[parsed.command](parsed, language)
        except KeyboardInterrupt:
            pass
        except BrokenPipeError:
            raise
        except DelineateError as error:
            if not received.number:
                return _say_error(error, language)
        except MemoryError:
            return _say_error(ResourceError("no-memory"), language)
        except OSError as error:
            if not received.number:
                return _say_system(error, parsed, language)
        except Exception:  # noqa: BLE001 - the last line of defence: a bug is reported as one, with its traceback in a file
            # Libraries that are interrupted while they load say so with errors of their own.
            if not received.number:
                return _say_bug(language)
        print("\n" + sentence(parsed, language), file=sys.stderr)
        return received.exit_code


def _make_writable(language: str) -> None:
    """What a stream cannot show must not end the job. Chinese on one that claims not to know it goes out as UTF-8: the person
    asked for it, and question marks help nobody."""
    for stream in (sys.stdout, sys.stderr):
        if not hasattr(stream, "reconfigure"):
            continue
        stream.reconfigure(errors="replace")
        if language == "zh":
            try:
                "中文".encode(stream.encoding or "ascii")
            except (UnicodeEncodeError, LookupError):
                stream.reconfigure(encoding="utf-8")


def _say_error(error: DelineateError, language: str) -> int:
    print(translate("cli.error", language, message=translate(error.key, language, **error.params)), file=sys.stderr)
    return error.exit_code


def _say_system(error: OSError, parsed: argparse.Namespace, language: str) -> int:
    if error.errno not in _SYSTEM:
        return _say_bug(language)
    path = error.filename or getattr(parsed, "out", None) or Path.cwd()
    return _say_error(ResourceError("cannot-write", path=path, reason=error.strerror or str(error)), language)


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
