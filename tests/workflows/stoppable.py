"""A run that something happens to at a chosen moment: ``python -m tests.workflows.stoppable MOMENT WHAT ARGUMENTS…``.

MOMENT is ``start:<stage>`` or ``during:<stage>``. WHAT is a signal's name (``SIGINT``, ``SIGTERM``, ``SIGKILL``), or
``full=<bytes>``: from then on no file can grow beyond so many bytes, as on a disk that is full. ARGUMENTS are those of the command
line.
"""

from __future__ import annotations

import os
import resource
import signal
import sys

from delineate.cli import event_lines
from delineate.cli.console import Screen
from delineate.cli.main import main
from delineate.events import Event, Progress, StageStarted


class Trap(Screen):
    moment, what = "", ""

    def __call__(self, event: Event) -> None:
        super().__call__(event)
        if isinstance(event, StageStarted):
            self.reached(f"start:{event.name}")
        elif isinstance(event, Progress) and event.done >= 2:
            self.reached(f"during:{event.stage}")

    def reached(self, moment: str) -> None:
        if moment != Trap.moment:
            return
        Trap.moment = ""  # once
        if Trap.what.startswith("full="):
            size = int(Trap.what.removeprefix("full="))
            resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
        else:
            os.kill(os.getpid(), signal.Signals[Trap.what])


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a test run in the background would have it ignored
    Trap.moment, Trap.what, *arguments = sys.argv[1:]
    event_lines.Screen = Trap  # type: ignore[misc]
    if Trap.moment.endswith(":train"):
        from delineate.training import loop

        loop._TELL_EVERY = 0.0
    sys.exit(main(arguments))
