"""Ctrl-C and lack of memory: what ends a training from outside, made orderly."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from delineate.errors import ResourceError
from delineate.recipe import Recipe


class Interrupt:
    """Ctrl-C as a wish that is granted between two steps, when weights and counters agree. A second Ctrl-C acts at once."""

    def __init__(self) -> None:
        self.asked = False

    @contextmanager
    def listening(self) -> Iterator[None]:
        if threading.current_thread() is not threading.main_thread():
            yield  # signals reach the main thread only; its shell uses ``stop``
            return
        before = signal.getsignal(signal.SIGINT)

        def handle(number: int, frame: FrameType | None) -> None:
            if self.asked:
                raise KeyboardInterrupt
            self.asked = True

        signal.signal(signal.SIGINT, handle)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, before)


@contextmanager
def memory_errors(recipe: Recipe) -> Iterator[None]:
    """torch says "out of memory" in several ways; a person needs one, with what would help."""
    stage = max(recipe.training.stages, key=lambda s: s.batch * s.size[0] * s.size[1])
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        text = str(error).lower()
        if not isinstance(error, MemoryError) and not any(
            sign in text for sign in ("out of memory", "can't allocate memory", "cannot allocate memory")
        ):
            raise
        size = f"{stage.size[0]}×{stage.size[1]}"
        raise ResourceError("out-of-memory", batch=stage.batch, size=size) from None
