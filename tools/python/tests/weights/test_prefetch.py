"""What is done ahead comes in order, holds no more than it may, and fails in its place."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial

import pytest

from validation.weights.threads import ahead


@pytest.mark.parametrize("limit", [0, 1, 25, 10_000])
def test_all_comes_in_order(limit: int) -> None:
    assert list(ahead(((10, partial(int, number)) for number in range(50)), limit)) == list(range(50))
    assert list(ahead([], limit)) == []


@pytest.mark.parametrize(("limit", "size", "waiting"), [(0, 10, 0), (1, 10, 1), (25, 10, 2), (25, 100, 1)])
def test_no_more_waits_than_the_limit_but_for_one_that_is_larger(limit: int, size: int, waiting: int) -> None:
    looked_at = 0

    def work() -> Iterator[tuple[int, Callable[[], int]]]:
        nonlocal looked_at
        for number in range(9):
            looked_at += 1
            yield size, partial(int, number)

    with closing(ahead(work(), limit)) as results:
        for number in range(1, 4):
            assert next(results) == number - 1
            # one more is looked at to see whether it may wait too
            assert looked_at == (number + waiting + 1 if limit else number)


def test_the_next_is_made_while_the_present_is_worked_on() -> None:
    made = threading.Event()

    def tell() -> int:
        made.set()
        return 2

    with closing(ahead([(1, lambda: 1), (1, tell)], 2)) as results:
        assert next(results) == 1
        assert made.wait(10)
        assert next(results) == 2


def test_what_fails_is_raised_in_its_place_and_the_rest_is_left() -> None:
    done: list[int] = []

    def fail() -> int:
        raise OSError("torn")

    def late(number: int) -> int:
        done.append(number)
        return number

    work: list[tuple[int, Callable[[], int]]] = [(1, lambda: 1), (1, fail)]
    results = ahead([*work, *((100, partial(late, number)) for number in range(5))], 1)
    assert next(results) == 1
    with pytest.raises(OSError, match="torn"):
        next(results)
    # the one after it may have begun
    assert set(done) <= {0} and list(results) == []
