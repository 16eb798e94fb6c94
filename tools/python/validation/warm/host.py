"""The loop of a warm host: it imports in stages, takes requests, forks a child for each, reports its end.

The host has one thread and uses no GPU, or it could not fork safely. A request is one JSON line on its own
connection; the answers are JSON lines: `started` from the child, its events, `exit` from the child and
`ended` from the host, or `refused`. The end of the connection ends the child (which watches it); the end of
the host does not.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import selectors
import signal
import socket
import struct
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from validation.warm.child import Request, parse_request
from validation.warm.preload import Stage, load_task_index, stage_of, steps

_TICK_SECONDS = 1.0
#: An executor sends its request at once.
_REQUEST_SECONDS = 10.0
_LARGEST_REQUEST = 1 << 22


@dataclass
class _Caller:
    """A connection: a request on its way (None), or one that waits for a stage."""

    connection: socket.socket
    since: float
    read: bytearray = field(default_factory=bytearray)
    request: Request | None = None


@dataclass(frozen=True)
class Child:
    """In a forked child: the request to run."""

    request: Request
    connection: socket.socket
    imported: dict[str, str]


class Host:
    """A warm host on a listening socket.

    Args:
        listener: Bound and listening.
        path: Its path; once another file is there, this host ends.
        key: The key that requests must have.
        stages: What to import, see `preload`.
        idle_seconds: The host ends after this time without a job.
        changed: Gives a source file that has changed since it was imported, or None.
    """

    def __init__(
        self,
        listener: socket.socket,
        path: Path,
        *,
        key: str,
        stages: tuple[Stage, ...],
        idle_seconds: float,
        changed: Callable[[], str | None],
    ) -> None:
        self._listener, self._path, self._key = listener, path, key
        self._inode = path.stat().st_ino
        self._stages, self._steps = stages, steps(stages)
        self._imported: list[dict[str, str]] = [{} for _ in stages]
        self._indexed = False
        self._idle_seconds, self._changed = idle_seconds, changed
        self._callers: dict[int, _Caller] = {}
        self._children: dict[int, socket.socket] = {}
        self._last_job = time.monotonic()
        self._ending: str | None = None
        self._selector = selectors.DefaultSelector()
        self._wake, self._woken = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        listener.setblocking(False)
        self._selector.register(listener, selectors.EVENT_READ)
        self._selector.register(self._wake, selectors.EVENT_READ)

    def serve(self) -> Child | None:
        """Serve until idle or ended by a signal.

        Returns:
            In each forked child, the request to run; in the host None, at its end.
        """
        gc.disable()
        signal.set_wakeup_fd(self._woken, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda number, _: self._end(f"signal {number}"))
        while True:
            self._poll(0.0 if self._steps else _TICK_SECONDS)
            self._reap()
            child = self._start_ready()
            if child is not None:
                return child
            self._check_end()
            if self._ending is not None and not self._children:
                self._close()
                return None
            if self._steps and self._ending is None:
                self._import_next()

    def _poll(self, seconds: float) -> None:
        for key, _ in self._selector.select(seconds):
            if key.fileobj is self._listener:
                self._accept()
            elif key.fd == self._wake:
                with contextlib.suppress(BlockingIOError):
                    os.read(self._wake, 4096)
            else:
                self._read(self._callers[key.fd])

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:  # no more callers, or one that has disconnected
                return
            connection.setblocking(False)
            if _peer_uid(connection) != os.getuid():
                _answer(connection, event="refused", reason="another user's process")
                connection.close()
                continue
            self._callers[connection.fileno()] = _Caller(connection, time.monotonic())
            self._selector.register(connection, selectors.EVENT_READ)

    def _read(self, caller: _Caller) -> None:
        try:
            chunk = caller.connection.recv(1 << 16)
        except BlockingIOError:
            return
        except OSError:
            chunk = b""
        caller.read += chunk
        if not chunk or len(caller.read) > _LARGEST_REQUEST:
            self._disconnect(caller)
        elif caller.request is None and b"\n" in caller.read:
            try:
                caller.request = parse_request(bytes(caller.read.partition(b"\n")[0]), self._key)
            except ValueError as error:
                self._refuse(caller, str(error))

    def _start_ready(self) -> Child | None:
        """Fork the requests that can run now; in the child, returns its request."""
        for caller in list(self._callers.values()):
            request = caller.request
            if request is None:
                if time.monotonic() - caller.since > _REQUEST_SECONDS:
                    self._disconnect(caller)
                continue
            needed = stage_of(request.kind, self._stages)
            if _has_left(caller.connection):
                self._disconnect(caller)  # this host was stopped, and the caller helped itself
            elif reason := self._ending or self._fork_obstacle():
                self._refuse(caller, reason)
            elif not any(stage < needed for stage, _ in self._steps):
                if request.task_index and not self._indexed:
                    self._index_tasks()
                child = self._fork(caller, request, needed)
                if child is not None:
                    return child
        return None

    def _fork(self, caller: _Caller, request: Request, needed: int) -> Child | None:
        connection = caller.connection
        connection.setblocking(True)
        try:
            pid = os.fork()
        except OSError as error:
            self._refuse(caller, f"cannot fork ({error.strerror})")
            return None
        if pid == 0:
            self._close_all_but(connection)
            imported: dict[str, str] = {}
            for each in self._imported[:needed]:
                imported.update(each)
            return Child(request, connection, imported)
        self._selector.unregister(connection)
        del self._callers[connection.fileno()]
        self._children[pid] = connection
        self._last_job = time.monotonic()
        return None

    def _close_all_but(self, connection: socket.socket) -> None:
        """In a child: close the descriptors of the host."""
        self._selector.close()
        self._listener.close()
        os.close(self._wake)
        signal.set_wakeup_fd(-1)
        os.close(self._woken)
        others = [caller.connection for caller in self._callers.values()]
        for other in (*others, *self._children.values()):
            if other is not connection:
                other.close()

    def _reap(self) -> None:
        for pid in list(self._children):
            found, status = os.waitpid(pid, os.WNOHANG)
            if found == 0:
                continue
            connection = self._children.pop(pid)
            code = os.waitstatus_to_exitcode(status)
            how: dict[str, Any] = {"code": code} if code >= 0 else {"signal": signal.Signals(-code).name}
            _answer(connection, event="ended", **how)
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)  # also when a grandchild still has it open
            connection.close()
            self._last_job = time.monotonic()

    def _check_end(self) -> None:
        """End when idle, when the sources changed, when the socket is no longer this host's."""
        if self._ending is not None:
            return
        busy = self._steps or self._callers or self._children
        idle = 0.0 if busy else time.monotonic() - self._last_job
        if idle > self._idle_seconds:
            self._end(f"idle for {idle:.0f} s")
        elif not self._owns_socket():
            self._end("its socket is gone")
        elif (changed := self._changed()) is not None:
            self._end(f"{changed} has changed")

    def _owns_socket(self) -> bool:
        try:
            return self._path.stat().st_ino == self._inode
        except OSError:
            return False

    def _end(self, reason: str) -> None:
        """Take no more jobs; the host ends with its last child, and another host may start at once."""
        if self._ending is None and self._owns_socket():
            self._path.unlink(missing_ok=True)
        self._ending = self._ending or reason

    def _close(self) -> None:
        self._accept()  # a caller that has just connected is refused, not left waiting
        for caller in list(self._callers.values()):
            self._refuse(caller, self._ending or "ended")
        self._listener.close()
        print(f"ended: {self._ending}", flush=True)

    def _import_next(self) -> None:
        stage, load = self._steps.pop(0)
        before = dict(os.environ)
        try:
            load()
        except Exception:
            traceback.print_exc()
            self._end("an import failed")
        added = {name: value for name, value in os.environ.items() if before.get(name) != value}
        self._imported[stage].update(added)
        self._settle()
        if not any(left == stage for left, _ in self._steps):
            print(f"stage {stage + 1} of {len(self._stages)} imported", flush=True)

    def _index_tasks(self) -> None:
        self._indexed = True  # once, even if it fails: a job that needs it will report the failure
        with contextlib.suppress(Exception):
            load_task_index()
        self._settle()

    def _settle(self) -> None:
        """Exempt all present objects from garbage collection, so that children keep sharing their memory."""
        _close_gpus()
        gc.freeze()
        self._last_job = time.monotonic()

    def _fork_obstacle(self) -> str | None:
        if others := _other_threads():
            return f"an import started threads ({', '.join(others)})"
        if held := [path for path in open_files() if path.startswith("/dev/nvidia")]:
            return f"an import opened GPUs ({', '.join(held)})"
        return None

    def _refuse(self, caller: _Caller, reason: str) -> None:
        _answer(caller.connection, event="refused", reason=reason)
        self._disconnect(caller)

    def _disconnect(self, caller: _Caller) -> None:
        self._selector.unregister(caller.connection)
        del self._callers[caller.connection.fileno()]
        caller.connection.close()


def open_files() -> list[str]:
    """The targets of all file descriptors of this process."""
    found = []
    for descriptor in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):
            found.append(str(descriptor.readlink()))
    return found


def _other_threads() -> list[str]:
    """Names of threads other than the first, and than NVML's, which is idle after its shut-down."""
    found = []
    for task in Path("/proc/self/task").iterdir():
        if task.name == str(os.getpid()):
            continue
        with contextlib.suppress(OSError):
            name = (task / "comm").read_text().strip()
            if not name.startswith("cuda"):
                found.append(name)
    return found


def _close_gpus() -> None:
    """Close the GPUs that an import left open when it asked NVML for their number.

    Tried on an H100 with driver 580: a child forked afterwards can use CUDA.
    """
    if not any(path.startswith("/dev/nvidia") for path in open_files()):
        return
    import ctypes

    with contextlib.suppress(OSError, AttributeError):
        nvml = ctypes.CDLL("libnvidia-ml.so.1")
        while nvml.nvmlShutdown() == 0:  # it counts its initialisations
            pass


def _has_left(connection: socket.socket) -> bool:
    try:
        return connection.recv(1, socket.MSG_PEEK) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True


def _peer_uid(connection: socket.socket) -> int:
    credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    uid: int = struct.unpack("3i", credentials)[1]
    return uid


def _answer(connection: socket.socket, **event: Any) -> None:
    """Send a line if the connection can take it at once: a host never waits for a caller."""
    with contextlib.suppress(OSError):
        line = (json.dumps(event) + "\n").encode()
        connection.send(line, socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL)
