"""Jobs that the tests of warm hosts run, forked and in a process of their own: `python -m warm_jobs NAME`."""

from __future__ import annotations

import atexit
import json
import os
import random
import resource
import signal
import sys
import threading
import time
import warnings
from collections.abc import Callable
from pathlib import Path

from validation.__main__ import _end_with_the_executor
from validation.job import emit


def succeed() -> None:
    """Say something everywhere."""
    print("out")
    print("err", file=sys.stderr)
    os.write(1, b"raw\n")
    emit("part", name="é")


def fault() -> None:
    """End with a code."""
    sys.exit(84)


def words() -> None:
    """End with a sentence."""
    sys.exit("a sentence")


def crash() -> None:
    """End with a traceback."""
    raise ValueError("unexpected")


def kill() -> None:
    """Die of SIGKILL."""
    os.kill(os.getpid(), signal.SIGKILL)


def segfault() -> None:
    """Die of SIGSEGV."""
    os.kill(os.getpid(), signal.SIGSEGV)


def interrupt() -> None:
    """Die of an interrupt nobody handles."""
    raise KeyboardInterrupt


def leave_late() -> None:
    """End once a thread has ended and exit handlers have run, with output still in a buffer."""
    atexit.register(print, "handler")
    threading.Thread(target=lambda: (time.sleep(0.2), print("thread"))).start()
    sys.stdout.write("no newline")


def memory() -> None:
    """Take more memory than there is."""
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + (64 << 20), resource.RLIM_INFINITY))
    try:
        print(len(bytearray(1 << 30)))
    except MemoryError:
        sys.exit(84)


def fork() -> None:
    """Leave a child behind that holds all descriptors."""
    if os.fork() == 0:
        time.sleep(60)
        os._exit(0)
    print("left one")


def nap() -> None:
    """End well after a while, unless the executor ends before."""
    _end_with_the_executor()
    emit("progress", message="sleeping")
    time.sleep(float(sys.argv[2]))


def state() -> None:
    """Tell everything a process starts with."""
    thrown = {name: value for name, value in os.environ.items() if name not in ("_", "SHLVL", "PWD")}
    print(
        json.dumps(
            {
                "environment": thrown,
                "directory": str(Path.cwd()),
                "arguments": sys.argv[1:],
                "name": __name__,
                "first path": sys.path[0],
                "umask": _umask(),
                "descriptors": sorted(_descriptors()),
                "session": os.getsid(0) == os.getpid() == os.getpgid(0),
                "handlers": {number.name: str(signal.getsignal(number)) for number in signal.Signals},
                "masked": [str(number) for number in signal.pthread_sigmask(signal.SIG_BLOCK, [])],
                "limits": {name: resource.getrlimit(getattr(resource, name)) for name in _LIMITS},
                "nice": os.nice(0),
                "threads": len(list(Path("/proc/self/task").iterdir())),
                "filters": len(warnings.filters),
                "collector": _collects(),
                "input": os.isatty(0),
            },
            sort_keys=True,
        )
    )


def pollute() -> None:
    """Change everything a process can change of itself."""
    os.environ["HF_HUB_OFFLINE"] = "1"
    os.environ["POLLUTED"] = "yes"
    os.chdir("/")
    os.umask(0)
    random.seed(1)
    warnings.simplefilter("error")
    sys.path.insert(0, "/polluted")
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
    sys.modules["json"] = None  # type: ignore[assignment]
    os.open("/dev/null", os.O_RDONLY)


def draw() -> None:
    """Draw random numbers nobody seeded."""
    drawn = [random.random()]
    if "numpy" in sys.modules:
        drawn.append(sys.modules["numpy"].random.random())
    print(json.dumps(drawn))


def nothing() -> None:
    """Do nothing."""


_LIMITS = ("RLIMIT_AS", "RLIMIT_CORE", "RLIMIT_CPU", "RLIMIT_DATA", "RLIMIT_NOFILE", "RLIMIT_NPROC")


def _umask() -> int:
    now = os.umask(0)
    os.umask(now)
    return now


def _descriptors() -> list[tuple[int, str]]:
    found = []
    for entry in Path("/proc/self/fd").iterdir():
        try:
            target = str(entry.readlink())
        except OSError:
            continue
        # A pipe to an executor or a connection to it: the one or the other, and never more of them.
        channel = target.startswith(("pipe:", "socket:"))
        found.append((int(entry.name), "channel" if channel else target))
    return found


def _collects() -> bool:
    import gc

    return gc.isenabled()


if __name__ == "__main__":
    JOBS: dict[str, Callable[[], None]] = {
        job.__name__: job
        for job in (
            succeed, fault, words, crash, kill, segfault, interrupt, leave_late,
            memory, fork, nap, state, pollute, draw, nothing,
        )
    }  # fmt: skip
    JOBS[sys.argv[1]]()
