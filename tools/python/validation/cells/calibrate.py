"""Cell `calibrate-<k>`: an InvarLock run on the unedited baseline, and its values that the preset needs.

`report.json` is InvarLock's own (run id, times, paths: it differs each time). `extract.json` holds measured
values only: equal runs give equal bytes, so that no later cell re-runs because of it.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from validation.invarlock.adapter import prepare_baseline, run_noop
from validation.invarlock.certificate import Unreadable, finite, guard_reports, read_object, section
from validation.invarlock.config import Settings, dataset_seed, noop_document, parse_settings
from validation.invarlock.failures import baseline_fault
from validation.invarlock.guards import require_guards
from validation.invarlock.process import VERSION, require_version
from validation.invarlock.report import require_sound
from validation.job import Fault, Job, emit, write_json


def run(job: Job) -> None:
    """Write report.json and extract.json.

    Raises:
        Fault: `misconfigured` for settings InvarLock refuses, `bad_input` for a baseline without finite
            perplexity.
    """
    part = job.only
    settings = parse_settings(part.spec)
    require_version()
    model = prepare_baseline(job, settings)
    emit("progress", message="InvarLock runs on the baseline", done=0, total=1)
    ended, report = run_noop(
        job, settings, noop_document(settings, model, dataset_seed(int(part.spec["run"])))
    )
    if ended.failed or report is None:
        raise baseline_fault(ended)
    require_guards(job.work, "source", settings.guards)
    write_json(part.out / "extract.json", _extract(report, settings))
    shutil.copyfile(report, part.out / "report.json")
    emit("part", name=part.name)


def _extract(path: Path, settings: Settings) -> dict[str, Any]:
    try:
        return extract_of(read_object(path), settings)
    except Unreadable as error:
        raise Fault("internal", str(error)) from error


def extract_of(report: dict[str, Any], settings: Settings) -> dict[str, Any]:
    """What the preset needs of a run report.

    Raises:
        Fault: as `require_sound`.
    """
    require_sound(report, settings)
    metric = section(report, "metrics", "primary_metric")
    guards = guard_reports(report)
    return {
        "schema": 1,
        "invarlock": VERSION,
        "tier": settings.tier,
        "guards": list(settings.guards),
        "primary_metric": {
            "kind": metric.get("kind"),
            "preview": finite(metric.get("preview")),
            "final": finite(metric.get("final")),
            "ratio_vs_baseline": finite(metric.get("ratio_vs_baseline")),
        },
        "spectral": _spectral(guards["spectral"]) if "spectral" in settings.guards else None,
        "rmt": _rmt(guards["rmt"]) if "rmt" in settings.guards else None,
        "variance": _variance(guards["variance"]) if "variance" in settings.guards else None,
    }


def _spectral(guard: dict[str, Any]) -> dict[str, Any]:
    families = section(guard, "module_family_map")
    scores: dict[str, list[float]] = {}
    for module, value in section(guard, "final_z_scores").items():
        score = finite(value)
        if score is not None and module in families:
            scores.setdefault(str(families[module]), []).append(abs(score))
    policy = section(guard, "policy")
    caps = {
        family: finite(section(policy, "family_caps", family).get("kappa"))
        for family in section(policy, "family_caps")
    }
    budget = policy.get("max_caps")
    return {
        "z_scores": {family: sorted(values, reverse=True) for family, values in scores.items()},
        "caps": {family: cap for family, cap in caps.items() if cap is not None},
        "max_caps": budget if isinstance(budget, int) else None,
        "sigma_quantile": finite(policy.get("sigma_quantile")),
        "deadband": finite(policy.get("deadband")),
    }


def _rmt(guard: dict[str, Any]) -> dict[str, Any]:
    metrics = section(guard, "metrics")
    return {
        "bare": _finite_only(section(metrics, "edge_risk_by_family_base")),
        "guarded": _finite_only(section(metrics, "edge_risk_by_family")),
        "epsilon": _finite_only(section(metrics, "epsilon_by_family")),
    }


def _variance(guard: dict[str, Any]) -> dict[str, Any]:
    policy, metrics = section(guard, "policy"), section(guard, "metrics")
    bounds = section(metrics, "predictive_gate").get("delta_ci")
    interval = (
        [finite(bound) for bound in bounds] if isinstance(bounds, list) and len(bounds) == 2 else [None]
    )
    calibration = section(metrics, "calibration")
    changes = [finite(calibration.get(key)) for key in ("variance_change", "delta", "max_delta")]
    return {
        "deadband": finite(policy.get("deadband")),
        "min_effect_lognll": finite(policy.get("min_effect_lognll")),
        "delta_ci": None if None in interval else interval,
        "changes": [change for change in changes if change is not None],
    }


def _finite_only(values: dict[str, Any]) -> dict[str, float]:
    return {str(key): number for key, value in values.items() if (number := finite(value)) is not None}
