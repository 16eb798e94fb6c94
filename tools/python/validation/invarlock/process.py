"""A command of InvarLock 0.3.7, run inside this process as a process of its own would run it.

It runs inside this process because its imports take longer than a small run, and because its exceptions say
more than its exit code. A cell is one process, so the state that InvarLock leaves (threads, seeds, blocked
sockets) affects nothing else.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.metadata
import io
import json
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import yaml

from validation.compute.numerics import apply_determinism, attention_of, report_settings
from validation.hub.dataset_names import any_name
from validation.hub.offline import offline_caches
from validation.invarlock.config import Settings, profile_document, run_environment
from validation.invarlock.failures import Ended
from validation.invarlock.hooks.loading import Loads, loads_as_configured
from validation.invarlock.hooks.memory import require_memory, shortages, small_copies
from validation.job import Fault, Job, write_text
from validation.weights.store import open_entry

VERSION = "0.3.7"
#: Where runs leave their reports and events, in the working directory.
RUNS = Path("runs")


def require_version() -> None:
    """Refuse any InvarLock but 0.3.7: the command, the file names and the guards differ.

    Raises:
        Fault: `misconfigured` for another version or none.
    """
    try:
        found = importlib.metadata.version("invarlock")
    except importlib.metadata.PackageNotFoundError:
        found = "none"
    if found != VERSION:
        raise Fault(
            "misconfigured",
            f"InvarLock {VERSION} is needed, found {found}",
            "install the locked Python environment (0.13 and later are another product)",
        )


def call(job: Job, settings: Settings, command: Callable[[], None], partly: Path | None = None) -> Ended:
    """Run a command of InvarLock as its own process would: directory, environment, blocked sockets.

    A model in `partly` may be loaded in part (see `loads_as_configured`).

    Raises:
        Fault: `misconfigured` for another InvarLock; `out_of_memory` when GPU memory ran out; as
            `loads_as_configured` when a model was not loaded as configured. A failed command is no fault
            here.
    """
    require_version()
    computes = apply_determinism(settings.determinism, job.device)
    attention = attention_of(
        job.read("baseline").path, settings.attention, job.device, settings.trust_remote_code
    )
    spread = job.device.type == "cuda" and job.device.gpus > 1
    settled = (
        computes
        | {
            "batch_size": settings.batch_size,
            "accelerator_compile": settings.determinism != "strict",
        }
        | attention.settings
    )
    report_settings(settled)
    name = f"{settings.profile}.yaml"
    profile = job.work / "config" / "runtime" / "profiles" / name
    profile.parent.mkdir(parents=True, exist_ok=True)
    write_text(
        profile,
        yaml.safe_dump(
            profile_document(settings, spread=spread, attention=attention.name),
            sort_keys=False,
        ),
    )
    network = job.site.allow_network and not job.data
    environment = run_environment(
        settings, str(job.work / "config"), job.device.threads, allow_network=network
    )
    printed = _Tee(sys.stdout)
    exit_code = 0
    causes: tuple[str, ...] = ()
    loads = Loads()
    before = shortages()
    with contextlib.chdir(job.work), _environment(environment), contextlib.redirect_stdout(printed):
        _import_without_datasets(settings)
        importlib.import_module("invarlock.security").enforce_default_security()
        try:
            with (
                small_copies(),
                _data(job, settings),
                loads_as_configured(attention, job.device, partly) as loads,
            ):
                command()
        except SystemExit as error:
            exit_code = error.code if isinstance(error.code, int) else 1
        except Exception as error:
            exit_code, causes = int(getattr(error, "exit_code", 1)), _causes(error)
    keep_events(job)
    if loads.placed:
        report_settings(settled | loads.placed)
    if loads.fault is not None:
        raise loads.fault
    require_memory(before + loads.shortages)
    return Ended(exit_code, printed.text, causes, run_errors(job.work), tuple(loads.made_up))


def events_of(work: Path, arm: str = "*") -> Iterator[dict[str, Any]]:
    """The events that the runs of an arm (`source`, `edited`) or of both logged, in order."""
    for path in sorted((work / RUNS).glob(f"{arm}/*/events.jsonl")):
        for line in path.read_text(encoding="utf-8").splitlines():
            try:
                event = json.loads(line)
            except ValueError:
                continue  # the last line of a process that was killed
            if isinstance(event, dict):
                yield event


def data_of(work: Path, component: str, operation: str, arm: str = "*") -> Iterator[dict[str, Any]]:
    """What the events of one kind say."""
    for event in events_of(work, arm):
        if (event.get("component"), event.get("operation")) == (component, operation):
            data = event.get("data")
            yield data if isinstance(data, dict) else {}


def run_errors(work: Path) -> tuple[str, ...]:
    """The errors that ended runs, from their event logs."""
    return tuple(str(data.get("error")) for data in data_of(work, "runner", "error"))


def keep_events(job: Job) -> None:
    """Put the event logs of the runs beside the cell's logs."""
    for path in sorted((job.work / RUNS).glob("*/*/events.jsonl")):
        job.logs.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, job.logs / f"events-{path.parts[-3]}.jsonl")


def _causes(error: BaseException) -> tuple[str, ...]:
    """The exceptions behind an end, outermost first, without the command's own `Exit`."""
    chain: list[str] = []
    current: BaseException | None = error
    while current is not None:
        if type(current).__name__ != "Exit":
            chain.append(f"{type(current).__name__}: {current}")
        current = current.__cause__ or current.__context__
    return tuple(chain)


def _import_without_datasets(settings: Settings) -> None:
    """Skip the import of `datasets` (1.8 s) for a run on a local corpus, which does not use it."""
    if not settings.is_local or "datasets" in sys.modules:
        return
    sys.modules["datasets"] = None  # type: ignore[assignment]
    try:
        importlib.import_module("invarlock.eval.data")
    finally:
        del sys.modules["datasets"]


@contextlib.contextmanager
def _data(job: Job, settings: Settings) -> Iterator[None]:
    """The data set of a run, offline where a cell of the suite fetched it; a local corpus needs none."""
    with contextlib.ExitStack() as stack:
        if job.data:
            stack.enter_context(offline_caches(job.work, [open_entry(read) for read in job.data]))
        if not settings.is_local:
            stack.enter_context(any_name())
        yield


@contextlib.contextmanager
def _environment(variables: dict[str, str]) -> Iterator[None]:
    """Set variables, remove the caller's INVARLOCK_ variables, and restore the environment afterwards."""
    before = dict(os.environ)
    for name in before:
        if name.startswith("INVARLOCK_"):
            del os.environ[name]
    os.environ.update({"COLUMNS": "200", "NO_COLOR": "1"} | variables)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


class _Tee(io.TextIOBase):
    """A stream that also keeps the text written to it."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self._kept: list[str] = []

    def write(self, text: str) -> int:
        self._kept.append(text)
        self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        self._stream.flush()

    @property
    def text(self) -> str:
        """Everything written so far."""
        return "".join(self._kept)
