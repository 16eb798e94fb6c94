"""Reading ahead: a thread does the next pieces of work while the current one is used, up to a byte limit."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor


def ahead[Result](work: Iterable[tuple[int, Callable[[], Result]]], limit: int) -> Generator[Result]:
    """The results of the work in order, while a thread does the work that follows.

    Args:
        work: for each result its bytes, and the function that makes it.
        limit: bytes of results that may wait, besides the one given last; a larger one waits alone.
            0: no thread; each is made when it is asked for.

    Raises:
        BaseException: the exception of a piece of work, in place of its result; later work is not done.
    """
    if limit == 0:
        for _, make in work:
            yield make()
        return
    waiting: deque[tuple[int, Future[Result]]] = deque()
    rest = iter(work)
    following = next(rest, None)
    held = 0
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="ahead") as thread:
        try:
            while following is not None or waiting:
                given = waiting.popleft() if waiting else None
                held -= given[0] if given else 0
                while following is not None and (not waiting or held + following[0] <= limit):
                    waiting.append((following[0], thread.submit(following[1])))
                    held += following[0]
                    following = next(rest, None)
                if given:
                    yield given[1].result()
        finally:
            for _, future in waiting:
                future.cancel()
