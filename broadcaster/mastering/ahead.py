"""Work done by several workers, handed out in order, a little ahead of whoever takes it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Executor, Future
from typing import TypeVar

_AHEAD = 3

Item = TypeVar("Item")
Done = TypeVar("Done")


def map_ahead(workers: Executor, work: Callable[[Item], Done], items: Iterable[Item]) -> Generator[Done]:
    """Give the result of each item in order; three are begun beside the one that is taken, so memory is bounded.

    Close it to stop early: what has not begun is dropped, and what has is waited for.

    >>> from concurrent.futures import ThreadPoolExecutor
    >>> with ThreadPoolExecutor(2) as workers:
    ...     list(map_ahead(workers, abs, range(-6, 0)))
    [6, 5, 4, 3, 2, 1]
    """
    ahead: deque[Future[Done]] = deque()
    try:
        for item in items:
            ahead.append(workers.submit(work, item))
            if len(ahead) > _AHEAD:
                yield ahead.popleft().result()
        while ahead:
            yield ahead.popleft().result()
    finally:
        for future in ahead:
            future.cancel()
        for future in ahead:
            if not future.cancelled():
                future.exception()
