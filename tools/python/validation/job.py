"""The job file of a cell, the events its process reports, and the faults that can end it."""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

FaultCode = Literal[
    "bad_input",
    "bad_edit",
    "misconfigured",
    "weights_missing",
    "out_of_memory",
    "disk_full",
    "unavailable",
    "internal",
    "host_out_of_memory",
    "hub_refused",
]

#: Exit code of each fault; the executor tells causes apart by it. 0 is success.
EXIT_CODES: dict[FaultCode, int] = {code: 80 + index for index, code in enumerate(get_args(FaultCode))}


class Fault(Exception):
    """The reason a cell failed: a typed code, a sentence, and a hint what to do about it."""

    def __init__(self, code: FaultCode, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.code: FaultCode = code
        self.hint = hint


@dataclass(frozen=True)
class Device:
    """The device of a job: `type` is `cpu` or `cuda`, `gpus` the visible GPUs, `threads` of the CPU."""

    type: str
    device_class: str
    gpus: int
    threads: int


@dataclass(frozen=True)
class Read:
    """An input: a file or directory, or for weights the store entry and the manifest that names it."""

    path: Path
    manifest: Path | None
    sha256: str


@dataclass(frozen=True)
class Store:
    """Where weights go: the store's root and the recipe digest that names the entry."""

    root: Path
    recipe: str


@dataclass(frozen=True)
class Part:
    """One result set: resolved parameters in, files in `out` (and an entry in the store) out."""

    name: str
    spec: dict[str, Any]
    out: Path
    store: Store | None

    @property
    def place(self) -> Store:
        """Where its weights go.

        Raises:
            Fault: `bad_input` for a part without a place in the store.
        """
        if self.store is None:
            raise Fault("bad_input", f"part {self.name} names no place in the weights store")
        return self.store


@dataclass(frozen=True)
class Site:
    """Execution settings of the site: where and how a job runs, never what comes out."""

    #: lm-eval spreads a model over all GPUs of the lease.
    parallelize: bool = True
    #: Share of a GPU that the detection of a batch size may fill.
    memory_fraction: float = 0.92
    #: Other cells may be on the same GPUs.
    shared: bool = False
    require_fp4_native: bool = False
    allow_network: bool = True


@dataclass(frozen=True)
class Job:
    """One run of a cell."""

    cell: str
    kind: str
    model: str
    size_class: str
    device: Device
    work: Path
    logs: Path
    reads: dict[str, Read]
    parts: tuple[Part, ...]
    #: Build the weights again although the store has them (a forced run); `remake` in the job file.
    rebuild: bool = False
    site: Site = Site()

    def read(self, name: str) -> Read:
        """The input of that role.

        Raises:
            Fault: `bad_input` when the job file names no such input.
        """
        try:
            return self.reads[name]
        except KeyError:
            raise Fault("bad_input", f"job file of {self.cell} names no input '{name}'") from None

    @property
    def data(self) -> list[Read]:
        """The entries of what the suite fetched from the hub for this job."""
        return [read for name, read in self.reads.items() if name.startswith("data-")]

    @property
    def only(self) -> Part:
        """The part of a job that has just one.

        Raises:
            Fault: `bad_input` when there is not exactly one.
        """
        if len(self.parts) != 1:
            raise Fault("bad_input", f"{self.cell}: one part expected, the job file has {len(self.parts)}")
        return self.parts[0]


def load_job(path: Path) -> Job:
    """Read a job file.

    Raises:
        Fault: `bad_input` when it is missing, incomplete JSON, or lacks a field.
    """
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
        device = raw["device"]
        return Job(
            cell=raw["cell"],
            kind=raw["kind"],
            model=raw["model"],
            size_class=raw["size_class"],
            device=Device(device["type"], device["class"], device["gpus"], device["threads"]),
            work=Path(raw["work"]),
            logs=Path(raw["logs"]),
            reads={name: _read(entry) for name, entry in raw["reads"].items()},
            parts=tuple(_part(entry) for entry in raw["parts"]),
            rebuild=raw.get("remake") is True,
            site=Site(**raw.get("site", {})),
        )
    except OSError as error:
        raise Fault("bad_input", f"{path}: cannot be read ({error.strerror})") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise Fault("bad_input", f"{path}: not a job file ({type(error).__name__}: {error})") from error


def _read(entry: Mapping[str, Any]) -> Read:
    manifest = entry.get("manifest")
    return Read(Path(entry["path"]), Path(manifest) if manifest else None, entry["sha256"])


def _part(entry: Mapping[str, Any]) -> Part:
    store = entry.get("store")
    return Part(
        name=entry["name"],
        spec=dict(entry["spec"]),
        out=Path(entry["out"]),
        store=Store(Path(store["root"]), store["recipe"]) if store else None,
    )


def emit(event: str, **fields: Any) -> None:
    """Write an event as a JSON line to the descriptor that CELL_EVENTS_FD names; without it, do nothing."""
    descriptor = os.environ.get("CELL_EVENTS_FD")
    if descriptor is None:
        return
    line = json.dumps({"event": event, **fields}, allow_nan=False) + "\n"
    # No reader means that the executor has ended; the watch on standard input then ends the job.
    with contextlib.suppress(ConnectionError):
        os.write(int(descriptor), line.encode())


def write_json(path: Path, value: Any, *, allow_nan: bool = False) -> None:
    """Write JSON byte-stably (sorted keys) by temporary file and rename.

    Raises:
        ValueError: `value` contains a NaN or an infinity and `allow_nan` is false.
    """
    write_text(path, json.dumps(value, indent=2, sort_keys=True, allow_nan=allow_nan) + "\n")


def write_text(path: Path, text: str) -> None:
    """Write a text file by temporary file and rename."""
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as handle:
            handle.write(text)
        temporary.chmod(0o644)
        temporary.replace(path)
    except BaseException:
        temporary.unlink()
        raise
