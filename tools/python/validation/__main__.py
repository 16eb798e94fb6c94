"""`python -m validation --spec job.json`: runs one cell and exits with the code of its fault, 0 for none."""

from __future__ import annotations

import argparse
import contextlib
import errno
import importlib
import os
import pkgutil
import signal
import sys
import threading
import traceback
from pathlib import Path

from validation import cells
from validation.job import EXIT_CODES, Fault, FaultCode, emit, load_job
from validation.usage import usage

#: Each is a module of `cells`.
KINDS = tuple(sorted(module.name for module in pkgutil.iter_modules(cells.__path__)))


def main(argv: list[str] | None = None) -> int:
    """Run the cell of a job file; the return value is the exit code."""
    about = "Run one cell of a validation suite."
    parser = argparse.ArgumentParser(prog="python -m validation", description=about)
    parser.add_argument("--spec", type=Path, required=True, help="the job file (JSON)")
    arguments = parser.parse_args(argv)
    _end_with_the_executor()
    try:
        job = load_job(arguments.spec)
        if job.kind not in KINDS:
            raise Fault("bad_input", f"{arguments.spec}: kind '{job.kind}' is none of {', '.join(KINDS)}")
        importlib.import_module(f"validation.cells.{job.kind}").run(job)
        emit("usage", **usage())
        return 0
    except Fault as fault:
        return _end(fault)
    except MemoryError as error:
        return _end(Fault("host_out_of_memory", f"out of host memory: {error}"))
    except OSError as error:
        traceback.print_exc()
        return _end(Fault(_of_system(error), _sentence(error)))
    except Exception as error:
        traceback.print_exc()
        # torch's allocators: OutOfMemoryError on a GPU, a RuntimeError with this text on the CPU.
        if type(error).__name__ == "OutOfMemoryError":
            return _end(Fault("out_of_memory", _sentence(error)))
        memory = "can't allocate memory" in str(error)
        return _end(Fault("host_out_of_memory" if memory else "internal", _sentence(error)))


def _of_system(error: OSError) -> FaultCode:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return "disk_full"
    return "host_out_of_memory" if error.errno == errno.ENOMEM else "internal"


def _sentence(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"


def _end_with_the_executor() -> None:
    """End this process group with the executor, which holds the other end of standard input and never writes.

    Only where CELL_EVENTS_FD says so: a person at a terminal has a standard input of their own.
    """
    if "CELL_EVENTS_FD" not in os.environ:
        return

    def watch() -> None:
        with contextlib.suppress(OSError):  # a connection may also end in an error
            while os.read(0, 1024):
                pass
        os.killpg(os.getpgid(0), signal.SIGKILL)

    threading.Thread(target=watch, name="executor-watch", daemon=True).start()


def _end(fault: Fault) -> int:
    print(f"{fault.code}: {fault}" + (f"\n{fault.hint}" if fault.hint else ""), file=sys.stderr)
    # How much memory it had taken says most about a cell that ran out of it.
    emit("usage", **usage())
    emit("fault", code=fault.code, message=str(fault), hint=fault.hint)
    return EXIT_CODES[fault.code]


if __name__ == "__main__":
    sys.exit(main())
