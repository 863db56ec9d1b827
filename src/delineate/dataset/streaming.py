"""Work on many cases with a few threads, in order and in bounded memory."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

A = TypeVar("A")
B = TypeVar("B")


def few_threads() -> int:
    """Two to four: decoding lets other threads work, and each holds an image."""
    return max(2, min(4, os.cpu_count() or 2))


def in_order(work: Callable[[A], B], items: Iterable[A], threads: int) -> Iterator[B]:
    """``map`` over threads in the items' order, with at most two results a thread waiting, so that memory stays bounded."""
    with ThreadPoolExecutor(max_workers=threads) as pool:
        waiting: deque[Future[B]] = deque()
        try:
            for item in items:
                waiting.append(pool.submit(work, item))
                if len(waiting) > 2 * threads:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()
