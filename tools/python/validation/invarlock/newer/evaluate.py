"""The command `evaluate` of InvarLock 0.12, which took the place of `certify`: what it is given, and its end.

Its reports, events and messages are those of 0.3.7 as far as they are read here, so their readers are shared.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import yaml

from validation.invarlock.adapter import report_of
from validation.invarlock.certificate import Unreadable, read_object, section
from validation.invarlock.config import (
    OFFLINE_PROVIDERS,
    Settings,
    dataset_document,
    dataset_seed,
    place_dataset,
    profile_document,
    run_environment,
)
from validation.invarlock.failures import Ended
from validation.invarlock.newer import launch
from validation.invarlock.newer.overlay import Done, require_memory, run_overlay
from validation.invarlock.process import RUNS, data_of, keep_events, run_errors
from validation.job import Fault, Job, write_json, write_text
from validation.weights.store import open_entry

REPORT = "evaluation.report.json"
_REPORTS = Path("report")
_BASELINE_REPORT = "baseline_report.json"
_VERDICTS = ("PASS", "FAIL")


def own_settings(settings: Settings, windows: dict[str, Any]) -> Settings:
    """The settings of a suite with the windows of this command.

    Raises:
        Fault: `bad_input` when they are no windows.
    """
    try:
        return dataclasses.replace(settings, preview=int(windows["preview"]), final=int(windows["final"]))
    except (KeyError, TypeError, ValueError) as error:
        raise Fault("bad_input", f"spec.windows: {type(error).__name__}: {error}") from error


def evaluate(
    job: Job,
    settings: Settings,
    directory: Path,
    models: tuple[str, str],
    preset: dict[str, Any],
    baseline_report: dict[str, Any] | None,
) -> Ended:
    """Run `evaluate` on a baseline and a subject; without a report of the baseline it evaluates that first.

    Raises:
        Fault: `out_of_memory`, `host_out_of_memory` or `disk_full` when it ran out.
    """
    own = {**preset, "dataset": dataset_document(settings)}
    placed = place_dataset(own, settings, dataset_seed(int(job.only.spec["run"])))
    write_text(job.work / "preset.yaml", yaml.safe_dump(placed, sort_keys=False))
    _write_profile(job, settings, directory)
    network = job.site.allow_network and not job.data and settings.provider not in OFFLINE_PROVIDERS
    arguments = [
        *("evaluate", "--baseline", models[0], "--subject", models[1]),
        *("--device", job.device.type, "--profile", settings.profile, "--tier", settings.tier),
        *("--preset", "preset.yaml", "--out", str(RUNS), "--report-out", str(_REPORTS)),
        *("--execution-mode", "host", "--assurance", "off", "--no-color"),
    ]
    if network:
        arguments.append("--allow-network")
    if settings.trust_remote_code:
        arguments.append("--allow-remote-code")
    if baseline_report is not None:
        write_json(job.work / _BASELINE_REPORT, baseline_report, allow_nan=True)
        arguments += ["--baseline-report", _BASELINE_REPORT]
    variables = run_environment(settings, str(job.work / "config"), job.device.threads, allow_network=network)
    done = _run(job, settings, directory, arguments, variables)
    keep_events(job)
    require_memory(done)
    return Ended(done.exit_code, f"{done.output}\n{done.errors}", (), run_errors(job.work))


def baseline_report_of(work: Path) -> dict[str, Any]:
    """The report of the baseline that a run left.

    Raises:
        Fault: `internal` when there is none, or it cannot be read.
    """
    path = report_of(work, "source")
    if path is None:
        raise Fault("internal", "InvarLock ended well but left no report of the baseline")
    return _read(path)


def report_path(work: Path) -> Path | None:
    """The report of a comparison, when there is one."""
    path = work / _REPORTS / REPORT
    return path if path.is_file() else None


def verdict_of(work: Path) -> str:
    """InvarLock's own word on its report: `PASS` or `FAIL`, over all gates that it counts.

    Raises:
        Fault: `internal` when it says neither.
    """
    verdict = section(_read(work / _REPORTS / "manifest.json"), "summary").get("overall_status")
    if verdict not in _VERDICTS:
        raise Fault("internal", f"InvarLock's manifest has the verdict {verdict!r}, which is no verdict")
    return str(verdict)


def guard_order_of(report: Path) -> list[str]:
    """The guards that ran, in order, as the report has them."""
    order = section(_read(report), "assurance").get("guard_chain_observed")
    return [str(name) for name in order] if isinstance(order, list) else []


def lost_windows(work: Path) -> int:
    """How many windows of the subject had no finite loss, in the arm that lost more.

    InvarLock drops them, and then ends with an error about windows that have no pair.
    """
    totals = data_of(work, "eval", "non_finite_loss_total", "edited")
    counts = [data.get("non_finite_losses") for data in totals]
    return max((count for count in counts if isinstance(count, int)), default=0)


def _run(
    job: Job, settings: Settings, directory: Path, arguments: list[str], variables: dict[str, str]
) -> Done:
    if settings.is_local:  # without datasets, whose import takes seconds
        return run_overlay(directory, arguments, job.work, variables)
    entries = [str(open_entry(read)) for read in job.data]
    return run_overlay(directory, [*entries, "--", *arguments], job.work, variables, launch.__name__)


def _write_profile(job: Job, settings: Settings, directory: Path) -> None:
    """InvarLock's own profile, with the windows and replicates of these settings: it overrides a preset."""
    name = f"{settings.profile}.yaml"
    packaged = directory / "invarlock" / "_data" / "runtime" / "profiles" / name
    spread = job.device.type == "cuda" and job.device.gpus > 1
    try:
        document = yaml.safe_load(packaged.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise Fault("misconfigured", f"{packaged}: cannot be read ({error})") from error
    path = job.work / "config" / "runtime" / "profiles" / name
    path.parent.mkdir(parents=True)
    write_text(path, yaml.safe_dump({**document, **profile_document(settings, spread=spread)}))


def _read(path: Path) -> dict[str, Any]:
    try:
        return read_object(path)
    except Unreadable as error:
        raise Fault("internal", str(error)) from error
