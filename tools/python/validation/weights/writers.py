"""The threads that write the files of several copies while the next pieces are computed."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType


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
