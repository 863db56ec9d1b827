"""One run of a grid, and the process that does several of them one after the other.

``python -m delineate.workflows.grid.worker`` reads run folders from standard input, a line each, and writes one JSON object per
event to standard output; ``{"kind": "end", "state": …}`` ends a run. When standard input closes the grid is gone, however it
went, and so is the worker: what it was doing goes on from its checkpoint.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from delineate.errors import DelineateError, ResourceError, RunError
from delineate.events import EpochFinished, Event, Progress, StageStarted
from delineate.i18n import LANGUAGES, translate
from delineate.recipe import save_json
from delineate.workflows.grid.folders import FAILURE

Message = dict[str, Any]
Tell = Callable[[Message], None]
#: A worker of a grid that was killed may need a moment to be gone.
_TRIES, _BETWEEN = 20, 0.5


def work_one(folder: Path, tell: Tell) -> str:
    """Do or go on with the run in ``folder``; ``finished`` or ``failed``, then failure.json says why. Ctrl-C goes through."""
    from delineate.workflows.running import run

    for attempt in range(_TRIES):
        try:
            run(out=folder, resume=True, on_event=lambda event: _tell(event, tell))
            return "finished"
        except RunError as error:
            if error.code != "run-in-use" or attempt == _TRIES - 1:
                record_failure(folder, error)
                return "failed"
            time.sleep(_BETWEEN)
        except DelineateError as error:
            record_failure(folder, error)
            return "failed"
        except MemoryError:
            record_failure(folder, ResourceError("no-memory"))
            return "failed"
        except Exception as error:  # noqa: BLE001 - a bug in one run must not end the other runs; it is kept with its traceback
            (folder / "crash.log").write_text(traceback.format_exc(), encoding="utf-8")
            # Where it is in the grid: pages that are shown to others do not tell anybody's folders.
            where = Path(*folder.parts[-3:], "crash.log")
            record_failure(folder, RunError("grid-run-bug", path=where, reason=f"{type(error).__name__}: {error}"))
            return "failed"
    return "failed"


def record_failure(folder: Path, error: DelineateError) -> None:
    """failure.json: the error's code and its sentence in each language."""
    said = {language: translate(error.key, language, **error.params) for language in LANGUAGES}
    save_json(folder / FAILURE, {"code": error.code, **said})


def _tell(event: Event, tell: Tell) -> None:
    if isinstance(event, StageStarted):
        tell({"kind": "stage", "stage": event.name})
    elif isinstance(event, Progress) and event.stage == "train":
        tell({"kind": "progress", "done": event.done, "total": event.total, "loss": event.values.get("loss")})
    elif isinstance(event, EpochFinished):
        tell({"kind": "epoch", "val_dice": event.metrics.get("val_dice")})


def _lines() -> Iterator[str]:
    """Lines of standard input, read by a thread so that its end is noticed while a run is on."""
    waiting: list[str] = []
    arrived = threading.Condition()

    def read() -> None:
        for line in sys.stdin:
            with arrived:
                waiting.append(line.strip())
                arrived.notify()
        os._exit(0)

    threading.Thread(target=read, daemon=True).start()
    while True:
        with arrived:
            while not waiting:
                arrived.wait(1.0)
            line = waiting.pop(0)
        yield line


def main() -> int:
    # What a library prints must not get between the messages.
    channel = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())

    def tell(message: Message) -> None:
        channel.write(json.dumps(message) + "\n")
        channel.flush()

    # Also where the grid was begun in the background, with Ctrl-C ignored: this signal is the grid's own word to stop.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        for line in _lines():
            tell({"kind": "end", "state": work_one(Path(line), tell)})
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
