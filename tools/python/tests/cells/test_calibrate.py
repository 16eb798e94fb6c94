"""The extract of a calibration: what the preset needs of InvarLock's report, and nothing else."""

from __future__ import annotations

import json
from copy import deepcopy
from typing import Any

import pytest
from invarlock_rig import settings_of

from validation.cells.calibrate import extract_of
from validation.job import Fault

#: A report of `invarlock run` 0.3.7 on a LLaMA of one layer, shortened.
REPORT: dict[str, Any] = {
    "meta": {"model_id": "models/causal/baseline", "ts": "2026-01-01T00:00:00.000001", "seed": 42},
    "data": {"dataset": "local_jsonl", "preview_n": 200, "final_n": 200},
    "metrics": {
        "latency_ms_per_tok": 0.0155,
        "primary_metric": {
            "kind": "ppl_causal",
            "preview": 2.5,
            "final": 2.525,
            "ratio_vs_baseline": float("nan"),
        },
    },
    "guards": [
        {"name": "invariants", "passed": True, "metrics": {"checks_performed": 7}},
        {
            "name": "spectral",
            "policy": {
                "sigma_quantile": 0.95,
                "deadband": 0.1,
                "max_caps": 5,
                "family_caps": {"ffn": {"kappa": 3.849}, "attn": {"kappa": 3.018}},
            },
            "final_z_scores": {"l.q": -0.8, "l.k": 0.9, "l.gate": 1.0, "l.up": float("nan"), "stray": 9.0},
            "module_family_map": {"l.q": "attn", "l.k": "attn", "l.gate": "router", "l.up": "ffn"},
        },
        {
            "name": "rmt",
            "policy": {},
            "metrics": {
                "edge_risk_by_family_base": {"attn": 4.0, "other": 0.0, "ffn": float("nan")},
                "edge_risk_by_family": {"attn": 4.1, "other": 0.0},
                "epsilon_by_family": {"attn": 0.01, "other": 0.01},
                "finalize_time": 0.079,
            },
        },
        {
            "name": "variance",
            "policy": {"deadband": 0.02, "min_effect_lognll": 0.0},
            "metrics": {"predictive_gate": {"delta_ci": [-0.002, 0.001]}, "calibration": {"coverage": 8}},
        },
    ],
}


def report_with(name: str, **changes: Any) -> dict[str, Any]:
    """The report with fields of one guard replaced."""
    report = deepcopy(REPORT)
    next(guard for guard in report["guards"] if guard["name"] == name).update(changes)
    return report


def test_the_extract_of_a_report() -> None:
    assert extract_of(REPORT, settings_of()) == {
        "schema": 1,
        "invarlock": "0.3.7",
        "tier": "balanced",
        "guards": ["invariants", "spectral", "rmt", "variance", "invariants"],
        "primary_metric": {"kind": "ppl_causal", "preview": 2.5, "final": 2.525, "ratio_vs_baseline": None},
        "spectral": {
            "z_scores": {"attn": [0.9, 0.8], "router": [1.0]},
            "caps": {"attn": 3.018, "ffn": 3.849},
            "max_caps": 5,
            "sigma_quantile": 0.95,
            "deadband": 0.1,
        },
        "rmt": {
            "bare": {"attn": 4.0, "other": 0.0},
            "guarded": {"attn": 4.1, "other": 0.0},
            "epsilon": {"attn": 0.01, "other": 0.01},
        },
        "variance": {
            "deadband": 0.02,
            "min_effect_lognll": 0.0,
            "delta_ci": [-0.002, 0.001],
            "changes": [],
        },
    }


def test_the_extract_is_strict_json_and_holds_no_time_or_path() -> None:
    text = json.dumps(extract_of(REPORT, settings_of()), allow_nan=False)
    for unstable in ("2026", "models/", "latency", "finalize_time"):
        assert unstable not in text


def test_a_guard_that_is_not_in_the_order_has_no_extract() -> None:
    found = extract_of(REPORT, settings_of(guards=["invariants", "variance", "invariants"]))
    assert (found["spectral"], found["rmt"]) == (None, None)


def test_a_guard_of_the_order_without_a_result_is_a_fault() -> None:
    report = {**REPORT, "guards": REPORT["guards"][:2]}
    with pytest.raises(Fault, match="no result of the guards rmt, variance"):
        extract_of(report, settings_of())


def test_an_interval_that_was_not_measured_is_none() -> None:
    report = report_with("variance", metrics={"predictive_gate": {"delta_ci": [None, None]}})
    assert extract_of(report, settings_of())["variance"]["delta_ci"] is None


def test_a_baseline_of_nan_cannot_be_calibrated() -> None:
    report = deepcopy(REPORT)
    report["metrics"]["primary_metric"]["final"] = float("nan")
    with pytest.raises(Fault, match="not finite") as caught:
        extract_of(report, settings_of())
    assert caught.value.code == "bad_input"


def test_windows_that_were_dropped_are_a_fault() -> None:
    report = {**REPORT, "data": {"preview_n": 100, "final_n": 100}}
    with pytest.raises(Fault, match=r"100 \+ 100 windows of 200 \+ 200"):
        extract_of(report, settings_of())
