"""The forked child of a warm host: becomes like a new process and runs the module of its job."""

from __future__ import annotations

import atexit
import contextlib
import fcntl
import gc
import json
import os
import runpy
import signal
import socket
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

#: Descriptors of a cell's process: standard input ends with the executor; events are written to the other.
_STDIN, _EVENTS = 0, 3
#: First number above all descriptors that are set.
_ASIDE = 10


@dataclass(frozen=True)
class Request:
    """The process that an executor asks for: what `python -m module arguments…` would be given."""

    module: str
    arguments: tuple[str, ...]
    directory: str
    environment: dict[str, str]
    log: str
    umask: int
    kind: str
    #: Whether it needs the index of lm-eval's own tasks.
    task_index: bool


def parse_request(line: bytes, key: str) -> Request:
    """Read a request from the executor's JSON line.

    Raises:
        ValueError: it is not a request, or is for a host with another key; the text says which.
    """
    try:
        raw = json.loads(line)
        arguments = [str(each) for each in raw["args"]]
        if len(arguments) < 2 or arguments[0] != "-m":
            raise ValueError("args are not -m MODULE …")
        request = Request(
            module=arguments[1],
            arguments=tuple(arguments[2:]),
            directory=str(raw["cwd"]),
            environment={str(name): str(value) for name, value in raw["env"].items()},
            log=str(raw["log"]),
            umask=int(raw["umask"]),
            kind=str(raw["kind"]),
            task_index=raw.get("taskIndex") is True,
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"not a request ({type(error).__name__}: {error})") from error
    if raw.get("key") != key:
        raise ValueError("this host was started with other sources, packages or environment")
    return request


def run(request: Request, connection: socket.socket, imported: Mapping[str, str]) -> NoReturn:
    """Become the requested process, run its module and exit with its exit code.

    Args:
        request: What to run.
        connection: To the executor; its end ends this process's group (`validation.__main__` watches it).
        imported: Variables that imports set, which the module's own imports would have set.
    """
    os.setsid()
    _reset_signals()
    _place_descriptors(connection, request.log)
    os.umask(request.umask)
    os.chdir(request.directory)
    os.environ.clear()
    os.environ.update({**imported, **request.environment})
    sys.argv = [request.module, *request.arguments]
    sys.path[0] = request.directory
    _own_threads_and_seeds()
    gc.enable()
    _report(event="started", pid=os.getpid())
    code = _run_module(request.module)
    # If the host is dead, only this process can report it to the executor.
    _report(event="exit", code=code)
    _finish(code)


def _run_module(module: str) -> int:
    """Run a module as `python -m` does; returns the exit code."""
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
        return 0
    except SystemExit as end:
        if end.code is None or isinstance(end.code, int):
            return (end.code or 0) & 0xFF
        print(end.code, file=sys.stderr)
        return 1
    except BaseException as error:
        sys.excepthook(type(error), error, error.__traceback__)
        if isinstance(error, KeyboardInterrupt):  # the interpreter then ends by the signal itself
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            os.kill(os.getpid(), signal.SIGINT)
        return 1


def _finish(code: int) -> NoReturn:
    """End as the interpreter ends: join threads, run exit handlers, flush output.

    It skips the clean-up of modules, which would copy every page shared with the host (about a second).
    """
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    with contextlib.suppress(Exception):
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(code)


def _reset_signals() -> None:
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGTERM, signal.SIGCHLD, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)


def _place_descriptors(connection: socket.socket, log: str) -> None:
    """Make standard input and events the connection, and output the log; other descriptors stay."""
    # A pipe without a reader must not block the child for ever, and the log must exist already.
    log_descriptor = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_NONBLOCK)
    os.set_blocking(log_descriptor, True)
    aside = _above(connection.fileno()), _above(log_descriptor)
    connection.close()
    os.close(log_descriptor)
    for descriptor, places in zip(aside, ((_STDIN, _EVENTS), (1, 2)), strict=True):
        for place in places:
            os.dup2(descriptor, place)
        os.close(descriptor)


def _above(descriptor: int) -> int:
    return fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, _ASIDE)


def _own_threads_and_seeds() -> None:
    """Set the threads and random seeds that a new process would get at its imports."""
    threads = int(os.environ.get("OMP_NUM_THREADS") or 1)
    torch, numpy = sys.modules.get("torch"), sys.modules.get("numpy")
    if numpy is not None:
        numpy.random.seed()
    if threads == 1:
        return  # as the host imported
    if torch is not None:
        torch.set_num_threads(threads)
    if numpy is not None:
        from threadpoolctl import threadpool_limits

        threadpool_limits(threads, user_api="blas")


def _report(**event: Any) -> None:
    with contextlib.suppress(ConnectionError):  # the executor has ended
        os.write(_EVENTS, (json.dumps(event) + "\n").encode())
