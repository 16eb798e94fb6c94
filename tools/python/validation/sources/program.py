"""A program of the suite's own that edits a model: started with what it declares, and looked at afterwards.

It works in a copy of its inputs, laid out as in the workspace, so that what it did not declare is not there.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from validation.job import Fault, Job, emit

#: `{name}` stands for a value; `{{name}}` is the text `{name}`.
_PLACEHOLDER = re.compile(r"\{\{(\w+)\}\}|\{(\w+)\}")
#: Of the cell itself, not for a program: its events, and its package in front of the program's own.
_NOT_PASSED = frozenset({"CELL_EVENTS_FD", "PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV"})
_TAIL_BYTES = 16 << 10
_TAIL_LINES = 10
_SHOWN = 5
#: What a killed program's stderr may still hold, when a child of it keeps it open.
_DRAIN_SECONDS = 2.0

#: Size and time of a file, and which file it is.
Stamp = tuple[int, int, int]


@dataclass
class Program:
    """A command with its places: what it reads, where it works and where it writes."""

    command: list[str]
    directory: Path
    output: Path
    scratch: Path
    seed: int
    #: Copies of inputs, and what they are copies of.
    copies: dict[Path, Path] = field(default_factory=dict)

    def run(self, job: Job, baseline: Path) -> None:
        """Run to the end, with its output and errors in the log of the cell.

        Raises:
            Fault: `misconfigured` when it cannot be started, `bad_edit` when it ends badly, leaves nothing,
                or changes what it only reads.
        """
        values = {
            "baseline": str(baseline),
            "output": str(self.output),
            "scratch": str(self.scratch),
            "seed": str(self.seed),
            "gpus": str(job.device.gpus),
            "threads": str(job.device.threads),
            "workspace": os.environ.get("NX_WORKSPACE_ROOT", os.curdir),
        }
        command = [filled(each, values) for each in self.command]
        read = [baseline, *self.copies, *self.copies.values()]
        before = {path: stamps(path) for path in read}
        emit("progress", message=f"{shown(self.command)} runs")
        exit_code, tail = _run(command, self.directory, self._environment(job))
        changed = [path for path in read if stamps(path) != before[path]]
        if changed:
            raise Fault(
                "bad_edit",
                f"{self._named(changed[0], baseline)} changed while {shown(self.command)} ran",
                _ONLY,
            )
        if exit_code != 0:
            raise Fault("bad_edit", f"{shown(self.command)} {ended(exit_code)}{_last(tail)}", _hint(tail))
        if not any(self.output.iterdir()):
            left = self._left()
            raise Fault(
                "bad_edit",
                f"{shown(self.command)} ended well and left nothing in {{output}}",
                "It must write the edited model there, as save_pretrained does."
                + (f" In its working directory, which is thrown away, it left {left}." if left else ""),
            )

    def _environment(self, job: Job) -> dict[str, str]:
        """That of the cell, with the suite's Python first and its own place for temporary files."""
        environment = {name: value for name, value in os.environ.items() if name not in _NOT_PASSED}
        own = str(Path(sys.executable).parent)
        return environment | {
            "PATH": os.pathsep.join([own, environment.get("PATH", os.defpath)]),
            "TMPDIR": str(self.scratch),
            **({} if job.site.allow_network else {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1"}),
        }

    def _named(self, path: Path, baseline: Path) -> str:
        if path == baseline:
            return f"the baseline in the weights store ({baseline})"
        return f"the input {self.copies.get(path, path)}"

    def _left(self) -> str:
        """Names of new files in its working directory."""
        known = {path for copy in self.copies for path in (copy, *copy.rglob("*"))}
        found = [
            path.relative_to(self.directory).as_posix()
            for path in sorted(self.directory.rglob("*"))
            if path.is_file() and path not in known
        ]
        return ", ".join(found[:_SHOWN]) + (f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else "")


_ONLY = (
    "What a program makes goes into {output}, and what it needs meanwhile into {scratch}. A baseline that it "
    "changed must be made again: run its setup with --skip-nx-cache."
)


def prepare(spec: Mapping[str, Any], job: Job) -> Program:
    """The program of a specification, with a copy of every input in a directory of this attempt.

    Raises:
        Fault: `bad_input` for an input that is gone.
    """
    tree, output, scratch = (job.work / name for name in ("workspace", "output", "scratch"))
    directory = tree / str(spec["directory"])
    for made in (directory, output, scratch):
        made.mkdir(parents=True, exist_ok=True)
    copies: dict[Path, Path] = {}
    for number, name in enumerate(spec["inputs"], start=1):
        path = job.read(f"input-{number}").path
        # One outside the workspace is named by its absolute path, and used where it is.
        copy = path if Path(name).is_absolute() else tree / name
        copies[copy] = path
        if copy is path:
            continue
        copy.parent.mkdir(parents=True, exist_ok=True)
        try:
            if path.is_dir():
                shutil.copytree(path, copy, ignore=_by_products, dirs_exist_ok=True)
            else:
                shutil.copy2(path, copy)
        except OSError as error:
            raise Fault(
                "bad_input",
                f"input {name} cannot be read ({error.strerror or error})",
                "Put it there, or change inputs: in suite.yaml and run nx g again.",
            ) from error
    return Program(list(spec["command"]), directory, output, scratch, int(spec.get("seed", 0)), copies)


def _by_products(_: str, names: list[str]) -> list[str]:
    """As the digest of an input leaves them out (tools/base/contents.ts)."""
    return [name for name in names if name.startswith(".") or name == "__pycache__" or name.endswith(".pyc")]


def filled(text: str, values: Mapping[str, str]) -> str:
    """A text with its placeholders filled in; one that nobody knows stays as it is."""

    def value(found: re.Match[str]) -> str:
        literal, name = found.groups()
        return f"{{{literal}}}" if literal is not None else values.get(name, found.group())

    return _PLACEHOLDER.sub(value, text)


def stamps(path: Path) -> dict[str, Stamp]:
    """What can be seen of a file, or of those in a directory, without reading them."""
    found: dict[str, Stamp] = {}
    for each in (path, *path.rglob("*")) if path.is_dir() else (path,):
        with contextlib.suppress(OSError):
            status = each.stat()
            if not each.is_dir() and "__pycache__" not in each.parts:
                found[str(each)] = (status.st_size, status.st_mtime_ns, status.st_ino)
    return found


def shown(command: list[str]) -> str:
    """The command as messages name it."""
    whole = " ".join(command)
    return whole if len(whole) <= 120 else whole[:117] + " …"


def ended(exit_code: int) -> str:
    """How a process ended, in words."""
    if exit_code >= 0:
        return f"ended with exit code {exit_code}"
    reason = ", as the kernel does where the memory of the host runs out" if exit_code == -9 else ""
    return f"was ended by signal {-exit_code}{reason}"


def _run(command: list[str], directory: Path, environment: dict[str, str]) -> tuple[int, list[str]]:
    """Exit code and the last lines of its stderr; it is of this process's group, and ends with it."""
    try:
        process = subprocess.Popen(
            command, cwd=directory, env=environment, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE
        )
    except OSError as error:
        raise Fault(
            "misconfigured",
            f"{command[0]} cannot be started ({error.strerror or error})",
            "The first of command: is a program on PATH, an absolute path, or one relative to suite.yaml "
            "(./venv/bin/python); `python` is the suite's own.",
        ) from error
    assert process.stderr is not None
    tail = bytearray()
    reader = threading.Thread(target=_forward, args=(process.stderr, tail), daemon=True)
    reader.start()
    exit_code = process.wait()
    reader.join(_DRAIN_SECONDS)
    return exit_code, _lines(bytes(tail))


def _forward(stream: IO[bytes], tail: bytearray) -> None:
    """Pass a program's stderr on to the log, and keep its end."""
    while chunk := os.read(stream.fileno(), 1 << 16):
        os.write(sys.stderr.fileno(), chunk)
        tail += chunk
        del tail[:-_TAIL_BYTES]


def _lines(tail: bytes) -> list[str]:
    """The last lines that say something: no progress bars."""
    lines = [line.rstrip() for line in re.split(r"\r?\n|\r", tail.decode("utf-8", "replace"))]
    return [line[:300] for line in lines if line and not re.search(r"\d+%\|", line)][-_TAIL_LINES:]


def _last(tail: list[str]) -> str:
    return f": {tail[-1]}" if tail else ""


def _hint(tail: list[str]) -> str:
    lines = "".join(f"\n  {line}" for line in tail)
    return f"The last lines of its stderr:{lines}" if tail else "It wrote nothing to stderr."
