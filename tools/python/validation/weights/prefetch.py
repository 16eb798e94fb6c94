"""Does what comes next while the present is worked on: one thread ahead, a limited number of bytes."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor


def ahead[Result](work: Iterable[tuple[int, Callable[[], Result]]], limit: int) -> Generator[Result]:
    """What the work gives, in order; meanwhile a thread does what follows.

    Args:
        work: the bytes that each result holds, and what makes it.
        limit: bytes of results that may wait, beside the one given last; one that is larger waits alone.
            0: no thread, each is made when it is asked for.

    Raises:
        BaseException: what one raised, in its place; those after it are left undone.
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
