"""An InvarLock beside the one of .venv: a directory with itself and what it needs beyond .venv.

`python-env` installs it, from a hashed lock file of its own, where a suite asks for it. It runs as a
process of its own, with that directory in front of .venv's packages.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from validation.job import Fault, FaultCode

_INSTALL = "Install it: npx nx run tools:python-env"
#: What a process that failed says, by what that means.
_CAUSES: tuple[tuple[FaultCode, str], ...] = (
    ("out_of_memory", r"OutOfMemoryError|CUDA out of memory"),
    ("host_out_of_memory", r"MemoryError|[Cc]annot allocate memory"),
    ("disk_full", r"No space left on device|Disk quota exceeded"),
)
_TAIL = 12
#: Where the package `validation` lies.
_PACKAGES = Path(__file__).parents[3]


@dataclass(frozen=True)
class Done:
    """The end of a command: its exit code and what it printed."""

    exit_code: int
    output: str
    errors: str

    @property
    def said(self) -> str:
        """The last lines of both."""
        return "\n".join(f"{self.output}\n{self.errors}".strip().splitlines()[-_TAIL:])


def require_overlay(version: str) -> Path:
    """The directory of an InvarLock.

    Raises:
        Fault: `misconfigured` when it is not installed, or holds another version.
    """
    minor = ".".join(version.split(".")[:2])
    directory = Path(sys.prefix) / "overlays" / f"invarlock-{minor}"
    if not (directory / f"invarlock-{version}.dist-info").is_dir():
        found = sorted(path.stem for path in directory.glob("invarlock-*.dist-info"))
        raise Fault(
            "misconfigured",
            f"InvarLock {version} is needed in {directory}, found {found or 'none'}",
            _INSTALL,
        )
    return directory


def run_overlay(
    directory: Path,
    arguments: list[str],
    work: Path,
    variables: dict[str, str] | None = None,
    module: str = "invarlock",
) -> Done:
    """Run `invarlock` of a directory, or a module of this package that does; failing is no fault here.

    Variables of InvarLock are those given, and none of the caller's.
    """
    environment = {name: value for name, value in os.environ.items() if not name.startswith("INVARLOCK_")}
    done = subprocess.run(
        [sys.executable, "-m", module, *arguments],
        cwd=work,
        env=environment
        | {"PYTHONPATH": f"{directory}{os.pathsep}{_PACKAGES}", "NO_COLOR": "1", "COLUMNS": "200"}
        | (variables or {}),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    print(done.stdout, done.stderr, sep="\n")
    return Done(done.returncode, done.stdout, done.stderr)


def require_memory(done: Done) -> None:
    """Refuse what a command found while memory or disk ran out, also where it went on without.

    Raises:
        Fault: `out_of_memory`, `host_out_of_memory` or `disk_full`.
    """
    if done.exit_code == -signal.SIGKILL or _cause(done) is not None:
        raise fault_of(done)


def fault_of(done: Done, code: FaultCode = "internal") -> Fault:
    """What a failed command means: a lack of memory or disk, else the code given."""
    if done.exit_code == -signal.SIGKILL:
        return Fault("host_out_of_memory", "InvarLock was killed, as the kernel does when memory runs out")
    return Fault(_cause(done) or code, f"InvarLock failed (exit code {done.exit_code}):\n{done.said}")


def _cause(done: Done) -> FaultCode | None:
    text = f"{done.output}\n{done.errors}"
    return next((cause for cause, pattern in _CAUSES if re.search(pattern, text)), None)
