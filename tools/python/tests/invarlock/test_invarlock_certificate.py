"""Certificates are read strictly: NaN is no number, and what is missing stays missing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from validation.invarlock.certificate import (
    FLAGS,
    Unreadable,
    finite,
    guard_reports,
    policy_differences,
    read_certificate,
)


def certificate() -> dict[str, Any]:
    """The parts of a certificate of 0.3.7 that matter here, and some that do not."""
    return {
        "schema_version": "v1",
        "run_id": "37d3001e0390001d",
        "meta": {"model_id": "models/causal/subject", "determinism": {"notes": ["torch_thread_caps_failed"]}},
        "dataset": {"provider": "local_jsonl", "windows": {"preview": 200, "final": 200, "seed": None}},
        "baseline_ref": {"primary_metric": {"kind": "ppl_causal", "final": 2.532}},
        "primary_metric": {"kind": "ppl_causal", "preview": 2.53, "final": 2.53, "ratio_vs_baseline": 0.9999},
        "resolved_policy": {"spectral": {"family_caps": {"ffn": {"kappa": 3.849}}, "max_caps": 5}},
        "validation": {**dict.fromkeys(FLAGS, True), "hysteresis_applied": True, "moe_load_ok": False},
        "a_key_of_another_version": [1, 2, 3],
    }


def write(path: Path, value: dict[str, Any]) -> Path:
    path.write_text(json.dumps(value), encoding="utf-8")
    return path


def test_a_whole_certificate(tmp_path: Path) -> None:
    read = read_certificate(write(tmp_path / "c.json", certificate()))
    assert read.flags == dict.fromkeys(FLAGS, True)
    assert (read.ratio, read.baseline_final, read.windows, read.missing) == (0.9999, 2.532, (200, 200), [])
    assert read.policy["spectral"]["max_caps"] == 5


def test_bare_nan_is_read_and_is_no_number(tmp_path: Path) -> None:
    value = certificate()
    value["primary_metric"] |= {"ratio_vs_baseline": float("nan"), "degraded_reason": "non_finite_pm"}
    path = write(tmp_path / "c.json", value)
    assert "NaN" in path.read_text(encoding="utf-8")
    read = read_certificate(path)
    assert (read.ratio, read.degraded_reason) == (None, "non_finite_pm")


@pytest.mark.parametrize("value", [None, "true", 1, 0.0, [], {}])
def test_a_flag_that_is_not_a_boolean_is_missing_not_passed(tmp_path: Path, value: Any) -> None:
    raw = certificate()
    raw["validation"]["rmt_stable"] = value
    read = read_certificate(write(tmp_path / "c.json", raw))
    assert read.flags["rmt_stable"] is None
    assert read.missing == ["rmt_stable"]


def test_an_absent_flag_is_missing(tmp_path: Path) -> None:
    raw = certificate()
    del raw["validation"]["invariants_pass"]
    assert read_certificate(write(tmp_path / "c.json", raw)).missing == ["invariants_pass"]


def test_a_certificate_with_no_flag_at_all_passes_none(tmp_path: Path) -> None:
    raw = certificate() | {"validation": {}}
    assert read_certificate(write(tmp_path / "c.json", raw)).missing == list(FLAGS)


def test_a_torn_certificate(tmp_path: Path) -> None:
    path = write(tmp_path / "c.json", certificate())
    path.write_text(path.read_text(encoding="utf-8")[:300], encoding="utf-8")
    with pytest.raises(Unreadable, match=r"c\.json"):
        read_certificate(path)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "null",
        '"certificate"',
        "{}",
        '{"schema_version": "v1"}',
        '{"schema_version": "v1", "validation": []}',
    ],
)
def test_something_else(tmp_path: Path, text: str) -> None:
    path = tmp_path / "c.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(Unreadable):
        read_certificate(path)


def test_another_schema_is_not_read(tmp_path: Path) -> None:
    with pytest.raises(Unreadable, match="schema_version"):
        read_certificate(write(tmp_path / "c.json", certificate() | {"schema_version": "v2"}))


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(Unreadable):
        read_certificate(tmp_path / "absent.json")


@pytest.mark.parametrize("value", [float("nan"), float("inf"), True, "1.0", None, []])
def test_what_is_not_a_finite_number(value: Any) -> None:
    assert finite(value) is None


def test_guards_by_name() -> None:
    assert guard_reports({"guards": [{"name": "rmt", "passed": True}, "odd", {"passed": False}]}) == {
        "rmt": {"name": "rmt", "passed": True}
    }
    assert guard_reports({}) == {}


def test_values_of_a_preset_that_did_not_take_effect() -> None:
    preset = {
        "guards": {
            "order": ["spectral"],
            "spectral": {"family_caps": {"ffn": {"kappa": 4.0}, "router": {"kappa": 1.6}}, "max_caps": 5},
            "rmt": {"epsilon_by_family": {"ffn": 0.02}},
        }
    }
    policy = {"spectral": {"family_caps": {"ffn": {"kappa": 3.849}, "router": {"kappa": 1.6}}, "max_caps": 5}}
    assert policy_differences(preset, policy) == [
        "spectral.family_caps.ffn.kappa: 3.849 instead of 4.0",
        "rmt.epsilon_by_family.ffn: None instead of 0.02",
    ]
    assert policy_differences({"guards": {"order": ["invariants"]}}, {}) == []
