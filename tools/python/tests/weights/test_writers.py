"""Writers keep the order of each copy, hold no more than they may, and tell what failed."""

from __future__ import annotations

import threading
import time

import pytest

from validation.weights.threads import Writers


@pytest.mark.parametrize("limit", [0, 1, 100, 10_000])
def test_each_copy_is_written_in_order(limit: int) -> None:
    written: dict[int, list[int]] = {0: [], 1: [], 2: []}
    with Writers(3, limit) as writers:
        for number in range(300):
            copy = number % 3
            writers.do(copy, lambda copy=copy, number=number: written[copy].append(number), size=number)
    assert written == {copy: list(range(copy, 300, 3)) for copy in range(3)}


def test_no_more_bytes_are_held_than_the_limit_but_for_one_that_is_larger() -> None:
    lock, held, most = threading.Lock(), 0, 0

    def finished(size: int) -> None:
        nonlocal held
        time.sleep(0.001)
        with lock:
            held -= size

    with Writers(4, 100) as writers:
        for number in range(60):
            size = 250 if number % 20 == 19 else 30

            # what is under way is counted once it was let in, and no longer once it is done
            def begin(size: int = size) -> None:
                nonlocal held, most
                with lock:
                    held += size
                    most = max(most, held)
                finished(size)

            writers.do(number % 4, begin, size)
    assert held == 0
    assert most <= 250


def test_what_fails_is_raised_and_the_rest_is_left() -> None:
    done: list[int] = []

    def fail() -> None:
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"), Writers(1, 10) as writers:
        writers.do(0, fail, 10)
        for number in range(5):
            writers.do(0, lambda number=number: done.append(number), 10)
    assert done == []


def test_an_error_of_the_caller_ends_the_threads_and_stays_itself() -> None:
    before = threading.active_count()
    with pytest.raises(ValueError, match="mine"), Writers(2, 10) as writers:
        writers.do(0, lambda: time.sleep(0.01), 5)
        raise ValueError("mine")
    assert threading.active_count() == before
