"""Cell `certify-0.12-<k>`: InvarLock 0.12 compares a subject with its baseline; `baseline-0.12-<k>`: none.

What `certify` is for 0.3.7, `evaluate` is for 0.12: it runs on the same torch and transformers, in a process
of its own. Without a subject it compares the baseline with itself, and its report of the baseline is kept for
all subjects. A report or a refused subject are results; whatever else ends InvarLock is a fault.
"""

from __future__ import annotations

import shutil
from typing import Any

from validation.cells.certify import check_certificate
from validation.invarlock.adapter import link_read, prepare_baseline
from validation.invarlock.baseline_report import binding_of, read_report, write_report
from validation.invarlock.certificate import Certificate, Unreadable, finite, read_certificate, section
from validation.invarlock.config import Settings, parse_settings
from validation.invarlock.failures import Ended, Refused, refusal_of
from validation.invarlock.guards import guard_fates, require_guards
from validation.invarlock.newer.evaluate import (
    REPORT,
    baseline_report_of,
    evaluate,
    guard_order_of,
    lost_windows,
    own_settings,
    report_path,
    verdict_of,
)
from validation.invarlock.newer.overlay import require_overlay
from validation.invarlock.preset_file import read_preset
from validation.invarlock.report import require_sound
from validation.job import Fault, Job, emit, write_json

#: What InvarLock says of windows that it dropped.
_UNPAIRED = "Window pairing mismatch"


def run(job: Job) -> None:
    """Write outcome.json and, if there is one, evaluation.report.json; without a subject report.json.

    Raises:
        Fault: the run, not the subject, was refused or failed; `misconfigured` without this InvarLock.
    """
    part = job.only
    version = str(part.spec["version"])
    directory = require_overlay(version)
    suite = parse_settings(part.spec)
    settings = own_settings(suite, part.spec["windows"])
    preset = read_preset(job.read("preset").path, suite)
    baseline = prepare_baseline(job, settings)
    binding = binding_of(job, settings)
    binding |= {"versions": {**binding["versions"], "invarlock": version}}
    if "subject" not in job.reads:
        emit("progress", message="InvarLock 0.12 evaluates the baseline", done=0, total=1)
        ended = evaluate(job, settings, directory, (baseline, baseline), preset, None)
        write_report(part.out / "report.json", _sound_report(job, settings, ended), binding)
    else:
        report = read_report(job.read("baseline-report").path, binding)
        require_sound(report, settings)
        subject = link_read(job, "subject")
        emit("progress", message="InvarLock 0.12 compares the subject with its baseline", done=0, total=1)
        ended = evaluate(job, settings, directory, (baseline, subject), preset, report)
        _keep_outcome(job, settings, preset, ended)
    emit("part", name=part.name)


def _sound_report(job: Job, settings: Settings, ended: Ended) -> dict[str, Any]:
    if (refused := _refusal(job, ended)) is not None:
        raise Fault("bad_input", f"baseline: {refused.reason}")
    require_guards(job.work, "source", settings.guards)
    report = baseline_report_of(job.work)
    require_sound(report, settings)
    return report


def _keep_outcome(job: Job, settings: Settings, preset: dict[str, Any], ended: Ended) -> None:
    out = job.only.out
    refused = _refusal(job, ended)
    # Also for a refused subject: a guard that ran out of memory says nothing about the subject.
    guards = guard_fates(job.work, "edited", settings.guards)
    outcome: dict[str, Any] = {
        "schema": 1,
        "status": "refused" if refused else "certified",
        "exit_code": ended.exit_code,
        "reason": refused.reason if refused else None,
        "guards": {} if refused else guards,
        "verdict": None,
        "failed": [],
        "ratio": None,
        "limit": None,
    }
    path = report_path(job.work)
    if refused is None:
        if path is None:
            raise Fault("internal", "InvarLock ended well but wrote no report")
        try:
            certificate = read_certificate(path)
        except Unreadable as error:
            raise Fault("internal", str(error)) from error
        check_certificate(certificate, settings, preset, guard_order_of(path), None)
        outcome |= {
            "verdict": verdict_of(job.work),
            "failed": sorted(name for name, value in certificate.flags.items() if value is False),
            "ratio": certificate.ratio,
            "limit": _limit(settings, certificate),
        }
    if path is not None:
        shutil.copyfile(path, out / REPORT)
    write_json(out / "outcome.json", outcome)


def _limit(settings: Settings, certificate: Certificate) -> float | None:
    """The largest ratio that InvarLock accepts: a range that was asked for takes the place of the tier's."""
    policy = section(certificate.policy, "metrics", "pm_ratio")
    base = settings.pm_acceptance[1] if settings.pm_acceptance else finite(policy.get("ratio_limit_base"))
    return None if base is None else base + max(0.0, finite(policy.get("hysteresis_ratio")) or 0.0)


def _refusal(job: Job, ended: Ended) -> Refused | None:
    if not ended.failed:
        return None
    if ended.exit_code < 0:
        raise Fault("internal", f"InvarLock was ended by signal {-ended.exit_code}")
    lost = lost_windows(job.work)
    if lost > 0 and any(_UNPAIRED in error for error in ended.events):
        return Refused(f"its numbers cannot be evaluated ({lost} windows of an arm have no finite loss)")
    return refusal_of(ended)
