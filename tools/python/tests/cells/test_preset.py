"""The preset and its statistics from calibration extracts."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from invarlock_rig import make_job, settings_of, spec_of

from validation.cells import preset
from validation.invarlock.preset_file import read_preset
from validation.job import Fault, Job


def extract(preview: float, final: float, **changes: Any) -> dict[str, Any]:
    """The extract of a calibration of a small LLaMA."""
    return {
        "schema": 1,
        "invarlock": "0.3.7",
        "tier": "balanced",
        "guards": ["invariants", "spectral", "rmt", "variance", "invariants"],
        "primary_metric": {
            "kind": "ppl_causal",
            "preview": preview,
            "final": final,
            "ratio_vs_baseline": None,
        },
        "spectral": {
            "z_scores": {"attn": [2.0, 1.0, 0.5], "router": [1.633, 0.2]},
            "caps": {"attn": 3.018, "ffn": 3.849},
            "max_caps": 5,
            "sigma_quantile": 0.95,
            "deadband": 0.1,
        },
        "rmt": {"bare": {"attn": 4.0}, "guarded": {"attn": 4.2}, "epsilon": {"attn": 0.01, "ffn": 0.01}},
        "variance": {"deadband": 0.02, "min_effect_lognll": 0.0, "delta_ci": [-0.002, 0.002], "changes": []},
        **changes,
    }


def preset_job(root: Path, extracts: list[dict[str, Any]], **changes: Any) -> Job:
    """A job with extracts as its calibrations."""
    root.mkdir(parents=True, exist_ok=True)
    reads = {}
    for number, value in enumerate(extracts, start=1):
        reads[f"calibration-{number}"] = path = root / f"extract-{number}.json"
        path.write_text(json.dumps(value), encoding="utf-8")
    spec = {"invarlock": spec_of(**changes)["invarlock"], "runs": len(extracts)}
    return make_job(root, "preset", spec, reads)


def test_the_preset_of_two_calibrations(tmp_path: Path) -> None:
    job = preset_job(tmp_path, [extract(2.5, 2.525), extract(2.5, 2.475)])
    preset.run(job)
    assert yaml.safe_load((job.only.out / "preset.yaml").read_text(encoding="utf-8")) == {
        "dataset": {
            "provider": "local_jsonl",
            "text_field": "text",
            "split": "validation",
            "seq_len": 128,
            "stride": 128,
            "preview_n": 200,
            "final_n": 200,
            "seed": 42,
            "max_samples": 400,
        },
        "eval": {"batch_size": 32},
        "accelerator": {"compile": False},
        "guards": {
            "order": ["invariants", "spectral", "rmt", "variance", "invariants"],
            "spectral": {
                "family_caps": {
                    "attn": {"kappa": 3.018},
                    "ffn": {"kappa": 3.849},
                    "router": {
                        "kappa": 0.25
                    },  # 2 of 5 caps for 2 of 5 modules: the second largest, 0.2, + 0.05
                },
                "sigma_quantile": 0.95,
                "deadband": 0.1,
                "max_caps": 5,
            },
            "rmt": {"epsilon_by_family": {"attn": 0.05, "ffn": 0.01}},
            "variance": {"deadband": 0.02, "min_effect_lognll": 0.002},
        },
        "primary_metric": {"drift_band": {"min": 0.95, "max": 1.05}},
    }
    stats = json.loads((job.only.out / "calibration_stats.json").read_text(encoding="utf-8"))
    assert stats["drift"] == {
        "mean": 1.0,
        "std": 0.01,
        "min": 0.99,
        "max": 1.01,
        "band": [0.95, 1.05],
        "compatible": True,
    }
    assert sorted(stats) == ["drift", "guards_order", "rmt", "runs", "schema", "spectral", "tier", "variance"]


def test_the_same_extracts_give_the_same_bytes_anywhere(tmp_path: Path) -> None:
    made = []
    for name in ("one", "two/deeper"):
        job = preset_job(tmp_path / name, [extract(2.5, 2.6), extract(2.5, 2.4)])
        preset.run(job)
        made.append(
            [(job.only.out / file).read_bytes() for file in ("preset.yaml", "calibration_stats.json")]
        )
    assert made[0] == made[1]
    assert str(tmp_path).encode() not in b"".join(made[0])


def test_a_preset_is_read_back_for_the_same_settings_only(tmp_path: Path) -> None:
    job = preset_job(tmp_path, [extract(2.5, 2.5)])
    preset.run(job)
    assert "spectral" in read_preset(job.only.out / "preset.yaml", settings_of())["guards"]
    with pytest.raises(Fault, match=r"dataset\.preview_n: 200, the suite says 220"):
        read_preset(job.only.out / "preset.yaml", settings_of(preview=220))


def test_guards_that_did_not_run_have_no_policy(tmp_path: Path) -> None:
    order = ["invariants", "variance", "invariants"]
    job = preset_job(tmp_path, [extract(2.5, 2.5, guards=order, spectral=None, rmt=None)], guards=order)
    preset.run(job)
    written = yaml.safe_load((job.only.out / "preset.yaml").read_text(encoding="utf-8"))
    assert sorted(written["guards"]) == ["order", "variance"]
    stats = json.loads((job.only.out / "calibration_stats.json").read_text(encoding="utf-8"))
    assert (stats["spectral"], stats["rmt"]) == (None, None)


def test_a_band_around_a_mean_that_is_off_is_not_used(tmp_path: Path) -> None:
    job = preset_job(tmp_path, [extract(2.0, 2.2), extract(2.0, 2.2)], pm_acceptance=[0.9, 1.2])
    preset.run(job)
    written = yaml.safe_load((job.only.out / "preset.yaml").read_text(encoding="utf-8"))
    assert written["primary_metric"] == {"acceptance_range": {"min": 0.9, "max": 1.2}}


@pytest.mark.parametrize("change", [{"tier": "conservative"}, {"guards": ["invariants"]}])
def test_an_extract_of_other_settings_is_refused(tmp_path: Path, change: dict[str, Any]) -> None:
    with pytest.raises(Fault, match="calibrated for tier"):
        preset.run(preset_job(tmp_path, [extract(2.5, 2.5, **change)]))


def test_a_torn_extract_is_refused(tmp_path: Path) -> None:
    job = preset_job(tmp_path, [extract(2.5, 2.5)])
    job.read("calibration-1").path.write_text('{"tier": "bal', encoding="utf-8")
    with pytest.raises(Fault, match="not a calibration's extract") as caught:
        preset.run(job)
    assert caught.value.code == "bad_input"


def test_a_preset_needs_neither_torch_nor_invarlock() -> None:
    heavy = "{'torch', 'transformers', 'invarlock'}"
    code = f"import sys, validation.cells.preset; print({heavy} & sys.modules.keys())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
