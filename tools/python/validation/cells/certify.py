"""Cell `certify-<k>`: InvarLock compares a subject with its baseline: a certificate, or a refused subject.

Both are results, for the verdict to judge; the exit code is not (0 for a certificate that fails, 3 for a
refused subject and for bad settings alike). A certificate that was not made as
asked is a fault: a baseline without finite perplexity, dropped windows, a preset that did not take effect,
another guard order.

A subject whose structure is broken on purpose (`subject_error`) is given to InvarLock as it is. That it
cannot be loaded is a refusal; one that InvarLock loads all the same, with random numbers for what is missing,
is certified, and outcome.json says so.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from validation.invarlock.adapter import guard_order_used, link_read, prepare_baseline, report_of, run_certify
from validation.invarlock.baseline_report import binding_of, read_report
from validation.invarlock.certificate import (
    Certificate,
    Unreadable,
    finite,
    policy_differences,
    read_certificate,
    read_object,
    section,
)
from validation.invarlock.config import (
    Settings,
    dataset_seed,
    parse_settings,
    place_dataset,
)
from validation.invarlock.failures import Refused, refusal_of
from validation.invarlock.guards import guard_fates, require_guards
from validation.invarlock.preset_file import read_preset
from validation.invarlock.process import require_version
from validation.invarlock.report import require_sound
from validation.job import Fault, Job, emit, write_json

_CERTIFICATE = "evaluation.cert.json"


def run(job: Job) -> None:
    """Write outcome.json and, if there is one, evaluation.cert.json.

    Raises:
        Fault: the run, not the subject, was refused or failed.
    """
    part = job.only
    settings = parse_settings(part.spec)
    require_version()
    preset = read_preset(job.read("preset").path, settings)
    baseline = prepare_baseline(job, settings)
    subject = link_read(job, "subject")
    emit("progress", message="InvarLock certifies", done=0, total=1)
    placed = place_dataset(preset, settings, dataset_seed(int(part.spec["run"])))
    shared = _shared_report(job, settings)
    broken = "subject_error" in part.spec
    ended, certificate = run_certify(job, settings, baseline, subject, placed, shared, broken=broken)
    refused = refusal_of(ended, broken=broken)
    if shared is None:
        _check_baseline(job.work)
        require_guards(job.work, "source", settings.guards)
    # Also for a refused subject: a guard that ran out of memory says nothing about the subject.
    guards = guard_fates(job.work, "edited", settings.guards)
    if certificate is not None:
        check_certificate(_read(certificate), settings, preset, guard_order_used(job.work), refused)
        shutil.copyfile(certificate, part.out / _CERTIFICATE)
    elif refused is None:
        raise Fault("internal", "InvarLock ended well but wrote no certificate")
    write_json(
        part.out / "outcome.json",
        {
            "schema": 1,
            "status": "refused" if refused else "certified",
            "exit_code": ended.exit_code,
            "reason": refused.reason if refused else None,
            "guards": {} if refused else guards,
            **({"made_up": list(ended.made_up)} if broken else {}),
        },
    )
    emit("part", name=part.name)


def check_certificate(
    certificate: Certificate,
    settings: Settings,
    preset: dict[str, Any],
    order: list[str] | None,
    refused: Refused | None,
) -> None:
    """Check that the certificate was made as asked.

    A missing flag is not a fault: it stays missing, and the verdict counts it as inconclusive.

    Raises:
        Fault: `bad_input` for a baseline without finite perplexity, `misconfigured` for dropped windows,
            `internal` when the guard order or the preset's values did not take effect.
    """
    if certificate.baseline_final is None:
        raise Fault(
            "bad_input", "the baseline's perplexity is not finite: nothing can be certified against it"
        )
    if certificate.windows != (settings.preview, settings.final):
        raise Fault(
            "misconfigured",
            f"InvarLock used {certificate.windows[0]} + {certificate.windows[1]} windows"
            f" of {settings.preview} + {settings.final}: windows of the dataset repeat",
        )
    if order != list(settings.guards):
        raise Fault("internal", f"InvarLock ran the guards {order} instead of {list(settings.guards)}")
    if refused is None and (differences := policy_differences(preset, certificate.policy)):
        raise Fault("internal", f"InvarLock did not apply the preset: {'; '.join(differences)}")


def _shared_report(job: Job, settings: Settings) -> dict[str, Any] | None:
    """The report of a `baseline-<k>` cell, which checked its guards; None for a fresh baseline."""
    if "baseline-report" not in job.reads:
        return None
    report = read_report(job.read("baseline-report").path, binding_of(job, settings))
    require_sound(report, settings)
    return report


def _check_baseline(work: Path) -> None:
    """Refuse a baseline with NaN: every subject would fail against it."""
    path = report_of(work, "source")
    try:
        metric = section(read_object(path), "metrics", "primary_metric") if path else {}
    except Unreadable as error:
        raise Fault("internal", str(error)) from error
    if finite(metric.get("final")) is None or finite(metric.get("preview")) is None:
        raise Fault(
            "bad_input", "the baseline's perplexity is not finite: nothing can be certified against it"
        )


def _read(path: Path) -> Certificate:
    try:
        return read_certificate(path)
    except Unreadable as error:
        raise Fault("internal", str(error)) from error
