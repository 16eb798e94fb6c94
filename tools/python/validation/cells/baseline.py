"""Cell `baseline-<k>`: InvarLock evaluates the unedited model once, for all certificates of run k.

A certificate compares a subject with its baseline on the same windows under the same preset. Without this
cell every certificate would evaluate the same baseline again, which takes half of its time.
"""

from __future__ import annotations

from typing import Any

from validation.invarlock.adapter import prepare_baseline, run_noop
from validation.invarlock.baseline_report import binding_of, write_report
from validation.invarlock.certificate import Unreadable, read_object
from validation.invarlock.config import (
    Settings,
    dataset_seed,
    parse_settings,
    place_dataset,
    subject_document,
)
from validation.invarlock.failures import baseline_fault
from validation.invarlock.guards import require_guards
from validation.invarlock.preset_file import read_preset
from validation.invarlock.process import require_version
from validation.invarlock.report import require_sound
from validation.job import Fault, Job, emit


def run(job: Job) -> None:
    """Write report.json: InvarLock's report with its windows, and the binding that says what it was made for.

    Raises:
        Fault: `misconfigured` for settings that InvarLock refuses, `bad_input` for a baseline without finite
            perplexity or a preset made for other settings, `weights_missing` without its weights.
    """
    part = job.only
    settings = parse_settings(part.spec)
    require_version()
    preset = read_preset(job.read("preset").path, settings)
    model = prepare_baseline(job, settings)
    emit("progress", message="InvarLock evaluates the baseline", done=0, total=1)
    placed = place_dataset(preset, settings, dataset_seed(int(part.spec["run"])))
    write_report(part.out / "report.json", _evaluate(job, settings, model, placed), binding_of(job, settings))
    emit("part", name=part.name)


def _evaluate(job: Job, settings: Settings, model: str, placed: dict[str, Any]) -> dict[str, Any]:
    ended, path = run_noop(job, settings, subject_document(placed, settings, model))
    if ended.failed or path is None:
        raise baseline_fault(ended)
    require_guards(job.work, "source", settings.guards)
    try:
        report = read_object(path)
    except Unreadable as error:
        raise Fault("internal", str(error)) from error
    require_sound(report, settings)
    return report
