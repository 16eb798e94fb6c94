"""Cell `preset`: makes the calibrated preset of all certificates from the extracts of the calibration runs.

It writes preset.yaml and calibration_stats.json, and needs no torch. The preset contains no path (a run adds
its corpus) and no time: it is the same on every machine. InvarLock 0.3.7 shows the calibrated values in a
certificate's `resolved_policy`, except two: the drift band, which it shows as `primary_metric.drift_band`,
and the guard order, which no certificate shows (`certify` checks the configuration that InvarLock resolved).
Formulas: docs/formulas.md, "Preset from calibrations".
"""

from __future__ import annotations

import json
from typing import Any

import yaml

from validation.invarlock.config import Settings, parse_settings, run_document
from validation.invarlock.preset_formulas import (
    Drift,
    RmtRun,
    SpectralRun,
    VarianceRun,
    drift,
    drift_ratio,
    rmt_epsilons,
    spectral_caps,
    variance_deadband,
    variance_min_effect,
)
from validation.job import Fault, Job, Read, emit, write_json, write_text

_HEADER = "# Made from the calibration runs; calibration_stats.json has the figures behind it.\n"


def run(job: Job) -> None:
    """Write preset.yaml and calibration_stats.json.

    Raises:
        Fault: `bad_input` for an extract that cannot be read or was made for other settings.
    """
    part = job.only
    settings = parse_settings(part.spec)
    wanted = int(part.spec["runs"])
    extracts = [_read_extract(job.read(f"calibration-{number}"), settings) for number in range(1, wanted + 1)]
    stats = statistics(extracts, settings)
    write_json(part.out / "calibration_stats.json", stats)
    text = yaml.safe_dump(preset_document(stats, settings), sort_keys=False)
    write_text(part.out / "preset.yaml", _HEADER + text)
    emit("part", name=part.name)


def statistics(extracts: list[dict[str, Any]], settings: Settings) -> dict[str, Any]:
    """The content of calibration_stats.json; a guard that did not run is null."""
    metrics = [extract["primary_metric"] for extract in extracts]
    ratios = [drift_ratio(each["ratio_vs_baseline"], each["preview"], each["final"]) for each in metrics]
    return {
        "schema": 1,
        "runs": len(extracts),
        "tier": settings.tier,
        "guards_order": list(settings.guards),
        "drift": _drift_stats(drift([ratio for ratio in ratios if ratio is not None])),
        "spectral": _spectral_stats(_of_guard(extracts, "spectral"), settings.tier),
        "rmt": _rmt_stats(_of_guard(extracts, "rmt"), settings.tier),
        "variance": _variance_stats(_of_guard(extracts, "variance")),
    }


def preset_document(stats: dict[str, Any], settings: Settings) -> dict[str, Any]:
    """The preset: dataset, batch size, guard order, acceptance range, drift band, and the guards' policies.

    A band around a mean that is itself off (not `compatible`) is left out: InvarLock's own 0.95 to 1.05
    stands.
    """
    document = run_document(settings)
    if stats["drift"]["compatible"]:
        low, high = stats["drift"]["band"]
        document.setdefault("primary_metric", {})["drift_band"] = {"min": low, "max": high}
    if spectral := stats["spectral"]:
        document["guards"]["spectral"] = {
            "family_caps": {family: {"kappa": cap} for family, cap in spectral["family_caps"].items()},
            **_known(spectral, ("sigma_quantile", "deadband", "max_caps")),
        }
    if rmt := stats["rmt"]:
        document["guards"]["rmt"] = {"epsilon_by_family": dict(rmt["epsilon_by_family"])}
    if variance := _known(stats["variance"] or {}, ("deadband", "min_effect_lognll")):
        document["guards"]["variance"] = variance
    return document


def _read_extract(read: Read, settings: Settings) -> dict[str, Any]:
    try:
        extract: dict[str, Any] = json.loads(read.path.read_text(encoding="utf-8"))
        tier, guards = extract["tier"], extract["guards"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Fault("bad_input", f"{read.path}: not a calibration's extract ({error!r})") from error
    if tier != settings.tier or guards != list(settings.guards):
        raise Fault(
            "bad_input",
            f"{read.path}: calibrated for tier {tier} with guards {', '.join(guards)}, the suite says"
            f" {settings.tier} with {', '.join(settings.guards)}",
            "run the calibrations again",
        )
    return extract


def _of_guard(extracts: list[dict[str, Any]], name: str) -> list[dict[str, Any]]:
    return [extract[name] for extract in extracts if extract[name] is not None]


def _drift_stats(found: Drift) -> dict[str, Any]:
    return {
        "mean": found.mean,
        "std": found.std,
        "min": found.least,
        "max": found.most,
        "band": list(found.band),
        "compatible": found.compatible,
    }


def _spectral_stats(runs: list[dict[str, Any]], tier: str) -> dict[str, Any] | None:
    if not runs:
        return None
    caps = spectral_caps(
        [SpectralRun(each["z_scores"], each["caps"], each["max_caps"]) for each in runs], tier
    )
    modules = {family: len(values) for family, values in sorted(runs[0]["z_scores"].items())}
    return {
        "family_caps": caps,
        "modules": modules,
        **_known(runs[0], ("sigma_quantile", "deadband", "max_caps")),
    }


def _rmt_stats(runs: list[dict[str, Any]], tier: str) -> dict[str, Any] | None:
    if not runs:
        return None
    return {
        "epsilon_by_family": rmt_epsilons(
            [RmtRun(each["bare"], each["guarded"], each["epsilon"]) for each in runs], tier
        )
    }


def _variance_stats(runs: list[dict[str, Any]]) -> dict[str, Any] | None:
    if not runs:
        return None
    measured = [
        VarianceRun(
            each["deadband"],
            each["min_effect_lognll"],
            each["changes"],
            tuple(each["delta_ci"]) if each["delta_ci"] else None,
        )
        for each in runs
    ]
    return {"deadband": variance_deadband(measured), "min_effect_lognll": variance_min_effect(measured)}


def _known(values: dict[str, Any], keys: tuple[str, ...]) -> dict[str, Any]:
    return {key: values[key] for key in keys if values.get(key) is not None}
