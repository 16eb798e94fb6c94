"""Cell `guards`: what spectral and RMT say of a subject when they were prepared on its true baseline.

An experiment beside `certify`, which prepares them on the subject itself. A guard that breaks on a subject is
a result, for the verdict to read; one that cannot be prepared on the baseline is a fault.
"""

from __future__ import annotations

from typing import Any

from validation.invarlock.adapter import link_read, prepare_baseline
from validation.invarlock.config import (
    dataset_seed,
    parse_settings,
    place_dataset,
    subject_document,
)
from validation.invarlock.failures import baseline_fault
from validation.invarlock.guards import guard_fates
from validation.invarlock.preset_file import read_preset
from validation.invarlock.process import require_version
from validation.invarlock.true_baseline import GUARDS, ask_guards
from validation.job import Fault, Job, emit, write_json

#: What is kept of a guard's measures, by guard.
_MEASURES = {
    "spectral": ("caps_applied", "max_caps", "fatal_violations", "family_caps", "sigma_quantile"),
    "rmt": ("edge_risk_by_family_base", "edge_risk_by_family", "epsilon_by_family", "epsilon_violations"),
}


def run(job: Job) -> None:
    """Write guards.json: for each guard its fate, whether it passed, and what it measured.

    Raises:
        Fault: `misconfigured` for settings that InvarLock refuses, `internal` when a guard could not be
            prepared, `bad_input` for a subject of other tensors, a guard's lack of memory.
    """
    part = job.only
    settings = parse_settings(part.spec)
    require_version()
    preset = read_preset(job.read("preset").path, settings)
    baseline = prepare_baseline(job, settings)
    subject = link_read(job, "subject")
    emit("progress", message="InvarLock's guards compare the subject with its baseline", done=0, total=1)
    placed = place_dataset(preset, settings, dataset_seed(int(part.spec["run"])))
    ended, answers = ask_guards(job, settings, subject_document(placed, settings, baseline), subject)
    if answers is None:
        raise baseline_fault(ended)
    fates = guard_fates(job.work, "edited", GUARDS)
    if unready := [f"{name} {fate}" for name, fate in fates.items() if fate.startswith("not_ready")]:
        raise Fault(
            "internal", f"on the baseline, InvarLock's guards were not prepared: {'; '.join(unready)}"
        )
    kept = {name: _kept(name, fates[name], answers.get(name, {})) for name in GUARDS}
    write_json(part.out / "guards.json", {"schema": 1, "guards": kept}, allow_nan=True)
    emit("part", name=part.name)


def _kept(name: str, fate: str, answer: dict[str, Any]) -> dict[str, Any]:
    metrics = answer.get("metrics", {})
    measures = {key: metrics[key] for key in _MEASURES[name] if key in metrics}
    if name == "spectral":
        measures["z_scores"] = answer.get("final_z_scores", {})
        measures["families"] = answer.get("module_family_map", {})
    # The spectral guard makes a result of its own exceptions.
    error = answer.get("error")
    return {
        "fate": fate if error is None or fate.startswith("errored") else f"errored: by an exception: {error}",
        "passed": answer.get("passed") is True,
        "measures": measures,
    }
