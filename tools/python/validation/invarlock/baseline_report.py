"""The report of a baseline that certificates share: its binding to what it was made for, and no times in it.

InvarLock accepts any report with the right profile, tier, adapter and window shapes as the baseline of a
certificate, whichever model it is of. So the report contains a binding, and a certificate refuses a report
with another one.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
from pathlib import Path
from typing import Any

from validation.invarlock.config import CORPUS_FILE, Settings, dataset_document, dataset_seed
from validation.job import Fault, Job, write_text

#: Libraries whose version may change what is measured.
_LIBRARIES = ("invarlock", "torch", "transformers")
#: Times, memory and paths of one run, by section: no certificate depends on them.
_VOLATILE: dict[tuple[str, ...], tuple[str, ...]] = {
    ("meta",): ("ts",),
    ("artifacts",): ("events_path",),
    ("metrics",): ("guard_timings", "latency_ms_per_tok", "memory_mb_peak", "memory_snapshots", "timings"),
}
_VOLATILE_ANYWHERE = frozenset({"finalize_time", "timestamp"})


def binding_of(job: Job, settings: Settings) -> dict[str, Any]:
    """Everything a baseline report depends on; equal bindings mean interchangeable reports.

    Call it after the run's windows were written to the working directory (`prepare_windows`).
    """
    part = job.only
    return {
        "weights": job.read("baseline").sha256,
        "dataset": _dataset_digest(job, settings, dataset_seed(int(part.spec["run"]))),
        "preset": job.read("preset").sha256,
        "guards": list(settings.guards),
        "tier": settings.tier,
        "profile": settings.profile,
        "settings": _digest(json.dumps(part.spec["invarlock"], sort_keys=True)),
        "device": job.device.device_class,
        "versions": {name: importlib.metadata.version(name) for name in _LIBRARIES},
    }


def write_report(path: Path, report: dict[str, Any], binding: dict[str, Any]) -> None:
    """Write a report with its binding, byte-stably: equal evaluations give equal bytes."""
    value = {"schema": 1, "binding": binding, "report": without_times(report)}
    # In one line: most of it is the windows' tokens, tens of MB for a large model. May contain NaN.
    write_text(path, json.dumps(value, sort_keys=True, separators=(",", ":")) + "\n")


def read_report(path: Path, expected: dict[str, Any]) -> dict[str, Any]:
    """The report for InvarLock's `--baseline-report`.

    Raises:
        Fault: `bad_input` when the file is not a report, or was made for another binding than `expected`.
    """
    hint = "Build it again: the `baseline-<k>` target of the model's baseline, with --skip-nx-cache."
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
        binding, report = dict(value["binding"]), dict(value["report"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Fault("bad_input", f"{path}: not a baseline report ({error!r})", hint) from error
    if differing := sorted(name for name in {*binding, *expected} if binding.get(name) != expected.get(name)):
        differences = "; ".join(
            f"{name} {binding.get(name)!r}, not {expected.get(name)!r}" for name in differing
        )
        raise Fault("bad_input", f"{path}: the report of another baseline: {differences}", hint)
    return report


def without_times(report: dict[str, Any]) -> dict[str, Any]:
    """A run report without what differs between equal runs: times, memory, paths."""
    stable: dict[str, Any] = _scrub(report)
    for keys, names in _VOLATILE.items():
        section: Any = stable
        for key in keys:
            section = section.get(key) if isinstance(section, dict) else None
        if isinstance(section, dict):
            for name in names:
                section.pop(name, None)
    return stable


def _scrub(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _scrub(item) for key, item in value.items() if key not in _VOLATILE_ANYWHERE}
    return [_scrub(item) for item in value] if isinstance(value, list) else value


def _dataset_digest(job: Job, settings: Settings, seed: int) -> str:
    document = json.dumps({**dataset_document(settings), "seed": seed}, sort_keys=True)
    lines = (job.work / CORPUS_FILE).read_text(encoding="utf-8") if settings.is_local else ""
    return _digest(f"{document}\n{lines}")


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
