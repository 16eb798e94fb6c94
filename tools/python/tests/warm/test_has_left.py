"""When a caller has left, and when it is only silent: a warm host that was stopped runs no job for it."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator

import pytest

from validation.warm.host import _has_left

Pair = tuple[socket.socket, socket.socket]


@pytest.fixture(params=[True, False], ids=["all read", "a request unread"])
def pair(request: pytest.FixtureRequest) -> Iterator[Pair]:
    host, caller = socket.socketpair()
    host.setblocking(False)
    caller.sendall(b"request\n")
    if request.param:
        assert host.recv(100) == b"request\n"
    with host, caller:
        yield host, caller


def test_a_silent_caller_is_there(pair: Pair) -> None:
    host, _ = pair
    assert not _has_left(host)
    assert not _has_left(host)


def test_asking_takes_nothing(pair: Pair) -> None:
    host, caller = pair
    caller.sendall(b"more")
    assert not _has_left(host)
    assert host.recv(100).endswith(b"more")


def test_one_that_closed_has_left() -> None:
    host, caller = socket.socketpair()
    host.setblocking(False)
    with host:
        caller.close()
        assert _has_left(host)


def test_one_that_closed_its_half_has_left() -> None:
    host, caller = socket.socketpair()
    host.setblocking(False)
    with host, caller:
        caller.shutdown(socket.SHUT_WR)
        assert _has_left(host)


def test_one_whose_connection_broke_has_left() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        caller = socket.create_connection(server.getsockname())
        host, _ = server.accept()
    # Closed without a word of farewell: the host sees ECONNRESET, not an end.
    caller.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    caller.close()
    with host:
        host.setblocking(True)
        assert _has_left(host)
