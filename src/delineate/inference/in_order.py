"""Work handed to a thread whose results come back in the order in which it was handed over."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, TypeVar

R = TypeVar("R")


class InOrder(Generic[R]):
    """``put`` results, or functions that give them and are called by one thread; ``deliver`` gets each result in order, in the
    caller's thread. At most ``waiting`` are outstanding: beyond that ``put`` waits for the oldest.

    Use as a context manager. Leaving it waits for what was put; on an exception what has not begun is dropped and what is done
    is still delivered.
    """

    def __init__(self, deliver: Callable[[R], None], waiting: int = 4) -> None:
        self._deliver, self._waiting = deliver, waiting
        self._left: deque[Future[R] | R] = deque()
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="write")

    def put(self, item: R | Callable[[], R]) -> None:
        self._left.append(self._pool.submit(item) if callable(item) else item)
        while self._left and (len(self._left) > self._waiting or self._is_done(self._left[0])):
            self._first()

    def __enter__(self) -> InOrder[R]:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            if kind is not None:
                for entry in self._left:
                    if isinstance(entry, Future):
                        entry.cancel()
                while self._left:
                    entry = self._left.popleft()
                    if not isinstance(entry, Future):
                        self._deliver(entry)
                    elif not entry.cancelled() and entry.exception() is None:
                        self._deliver(entry.result())
                return
            while self._left:
                self._first()
        finally:
            self._pool.shutdown(wait=True, cancel_futures=True)

    def _first(self) -> None:
        entry = self._left.popleft()
        self._deliver(entry.result() if isinstance(entry, Future) else entry)

    @staticmethod
    def _is_done(entry: Future[R] | R) -> bool:
        return not isinstance(entry, Future) or entry.done()
