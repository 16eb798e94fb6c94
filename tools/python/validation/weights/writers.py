"""Writes the files of several copies while the next pieces are worked out."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType


class Writers:
    """A thread a copy, which does what it is given in order; all of them hold a limited number of bytes.

    With a limit of 0 there are no threads: everything is done at once by the caller.
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
        """Wait for all that was given; after an error the rest is left undone.

        Raises:
            BaseException: what the first thing that failed raised.
        """
        if error is not None:
            self._fail(error)
        for thread in self._threads:
            thread.shutdown(wait=True)
        if error is None and self._error is not None:
            raise self._error

    def do(self, copy: int, work: Callable[[], object], size: int = 0) -> None:
        """Do something for a copy, once there is room for the bytes it holds until it is done.

        Raises:
            BaseException: what an earlier thing raised.
        """
        if not self._threads:
            work()
            return
        with self._changed:
            # one that is larger than the limit goes alone
            self._changed.wait_for(lambda: self._error or not self._held or self._held + size <= self._limit)
            if self._error is not None:
                raise self._error
            self._held += size
        self._threads[copy].submit(self._run, work, size)

    def _run(self, work: Callable[[], object], size: int) -> None:
        try:
            if self._error is None:
                work()
        except BaseException as error:  # told to whoever gives the next thing
            self._fail(error)
        finally:
            with self._changed:
                self._held -= size
                self._changed.notify_all()

    def _fail(self, error: BaseException) -> None:
        with self._changed:
            self._error = self._error or error
            self._changed.notify_all()
