"""The threads beside a pass: one reads ahead, one for each copy writes behind, up to a limit of bytes."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType


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


class Writers:
    """One thread for each copy, which works in order; together they hold a limited number of bytes.

    With a limit of 0 there are no threads: the caller does the work at once.
    """

    def __init__(self, copies: int, limit: int) -> None:
        self._threads = [ThreadPoolExecutor(max_workers=1) for _ in range(copies if limit else 0)]
        self._limit, self._held = limit, 0
        self._changed = threading.Condition()
        self._error: BaseException | None = None

    def __enter__(self) -> Writers:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Wait for all work; after an error the rest is not done.

        Raises:
            BaseException: the first exception of the work.
        """
        if error is not None:
            self._fail(error)
        for thread in self._threads:
            thread.shutdown(wait=True)
        if error is None and self._error is not None:
            raise self._error

    def do(self, copy: int, work: Callable[[], object], size: int = 0) -> None:
        """Give work for a copy, once there is room for the `size` bytes that it holds until it is done.

        Raises:
            BaseException: the exception of earlier work.
        """
        if not self._threads:
            work()
            return
        with self._changed:
            # work that is larger than the limit is done alone
            self._changed.wait_for(lambda: self._error or not self._held or self._held + size <= self._limit)
            if self._error is not None:
                raise self._error
            self._held += size
        self._threads[copy].submit(self._run, work, size)

    def _run(self, work: Callable[[], object], size: int) -> None:
        try:
            if self._error is None:
                work()
        except BaseException as error:  # raised to the caller that gives the next work
            self._fail(error)
        finally:
            with self._changed:
                self._held -= size
                self._changed.notify_all()

    def _fail(self, error: BaseException) -> None:
        with self._changed:
            self._error = self._error or error
            self._changed.notify_all()
