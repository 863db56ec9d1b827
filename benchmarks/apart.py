"""A contestant in a process of its own: libraries in one process share allocators and thread pools, and what one of them does to
the memory, the next one finds.

How much that matters was measured: eager float32 prediction with a U-Net 32 … 512 at 256² on two cores gave 5.7 images/s in a fresh
process, and 13.5 in one that had told the C library before to keep freed memory.

Parent and contestant speak by lines: ``go N`` asks for N runs; the answer, JSON after an ``@``, says how much was done, in how many
seconds, and in how many seconds of processor.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True)
class Turn:
    """``amount`` done (images, operations …) in ``seconds`` of wall-clock and of ``processor``."""

    amount: float
    seconds: float
    processor: float

    @property
    def rate(self) -> float:
        return self.amount / self.seconds


def take_turn(run: Callable[[], float], times: int = 1) -> Turn:
    """Run ``times`` times; ``run`` returns how much it did."""
    worked, begun = time.process_time(), time.perf_counter()
    amount = sum(run() for _ in range(times))
    seconds = time.perf_counter() - begun
    return Turn(amount, seconds, max(time.process_time() - worked, 1e-9))


class Apart:
    """The parent's end of a contestant.

    Raises
    ------
    RuntimeError
        The contestant could not begin, or ended before its time; with what it said.
    """

    def __init__(self, command: Sequence[str]) -> None:
        self._process = subprocess.Popen([sys.executable, *command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        first = self._answer()
        if first != "ready":
            self.end()
            raise RuntimeError(first)

    def __call__(self, times: int = 1) -> Turn:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(f"go {times}\n")
            self._process.stdin.flush()
        except OSError:
            raise RuntimeError(f"ended with {self._process.wait()}") from None
        answer = self._answer()
        if not answer.startswith("{"):
            raise RuntimeError(answer)
        return Turn(**json.loads(answer))

    def _answer(self) -> str:
        assert self._process.stdout is not None
        for line in self._process.stdout:  # libraries print too
            if line.startswith("@"):
                return line[1:].strip()
        return f"ended with {self._process.wait()}"

    def peak_mib(self) -> float | None:
        """Largest resident memory of the contestant so far, MiB; ``None`` where the system does not tell."""
        try:
            lines = Path(f"/proc/{self._process.pid}/status").read_text(encoding="ascii").splitlines()
        except OSError:
            return None
        return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM")), None)

    def end(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(timeout=60)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()


def serve(make: Callable[[], Callable[[], float]], warm: int = 2) -> None:
    """The contestant's end: ``make`` gives what one run does; it is run ``warm`` times before the first turn."""
    try:
        run = make()
        for _ in range(warm):
            run()
    except Exception as error:  # noqa: BLE001 - told to the parent, which says that it was skipped
        print(f"@{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}", flush=True)
        return
    print("@ready", flush=True)
    for line in sys.stdin:
        print("@" + json.dumps(asdict(take_turn(run, int(line.split()[1])))), flush=True)
