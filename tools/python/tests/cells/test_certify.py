"""Certificates: what makes one a fault, and the real InvarLock end to end on a model made here."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from invarlock_rig import SPEC, run_child, settings_of, without_run

from validation.cells.certify import check_certificate
from validation.invarlock.adapter import link_model
from validation.invarlock.certificate import FLAGS, Certificate
from validation.invarlock.failures import Refused
from validation.invarlock.preset_file import read_preset
from validation.invarlock.process import require_version
from validation.job import EXIT_CODES, Fault

ORDER = list(SPEC["guards"])
PRESET: dict[str, Any] = {"guards": {"order": ORDER, "rmt": {"epsilon_by_family": {"ffn": 0.02}}}}


def certificate(**changes: Any) -> Certificate:
    """A certificate that was made as asked."""
    fields: dict[str, Any] = {
        "flags": dict.fromkeys(FLAGS, True),
        "ratio": 1.0,
        "baseline_final": 2.5,
        "degraded_reason": None,
        "windows": (200, 200),
        "policy": {"rmt": {"epsilon_by_family": {"ffn": 0.02}, "margin": 1.5}},
    }
    return Certificate(**{**fields, **changes})


def test_a_certificate_made_as_asked() -> None:
    check_certificate(certificate(), settings_of(), PRESET, ORDER, None)


def test_a_missing_flag_is_for_the_verdict_to_judge() -> None:
    check_certificate(certificate(flags=dict.fromkeys(FLAGS)), settings_of(), PRESET, ORDER, None)


@pytest.mark.parametrize(
    ("changes", "code", "message"),
    [
        ({"baseline_final": None}, "bad_input", "baseline's perplexity is not finite"),
        ({"windows": (100, 100)}, "misconfigured", r"100 \+ 100 windows of 200 \+ 200"),
        (
            {"policy": {}},
            "internal",
            "did not apply the preset: rmt.epsilon_by_family.ffn: None instead of 0.02",
        ),
    ],
)
def test_a_certificate_that_says_something_else(changes: dict[str, Any], code: str, message: str) -> None:
    with pytest.raises(Fault, match=message) as caught:
        check_certificate(certificate(**changes), settings_of(), PRESET, ORDER, None)
    assert caught.value.code == code


@pytest.mark.parametrize("order", [None, ["invariants", "variance", "invariants"]])
def test_another_guard_order_is_a_fault(order: list[str] | None) -> None:
    with pytest.raises(Fault, match="ran the guards"):
        check_certificate(certificate(), settings_of(), PRESET, order, None)


def test_a_refused_subjects_certificate_need_not_show_the_policies() -> None:
    check_certificate(certificate(policy={}, ratio=None), settings_of(), PRESET, ORDER, Refused("not finite"))


@pytest.mark.parametrize("text", ["", "[]", "dataset: []", "guards: {order: [", "\0"])
def test_what_is_not_a_preset(tmp_path: Path, text: str) -> None:
    (tmp_path / "preset.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(Fault) as caught:
        read_preset(tmp_path / "preset.yaml", settings_of())
    assert caught.value.code == "bad_input"


@pytest.mark.parametrize(
    ("architecture", "family"),
    [
        ("llama", "causal"),
        ("mixtral", "mixtral"),
        ("qwen2_moe", "qwen"),
        ("gpt_neox", "causal"),
        ("opt", "causal"),
    ],
)
def test_invarlock_never_sees_a_path_it_would_guess_from(
    tmp_path: Path, architecture: str, family: str
) -> None:
    entry = tmp_path / "opt" / "sophia" / "robert"
    entry.mkdir(parents=True)
    (entry / "config.json").write_text(json.dumps({"model_type": architecture}), encoding="utf-8")
    work = tmp_path / "work"
    work.mkdir()
    assert link_model(work, "baseline", entry) == f"models/{family}/baseline"
    assert (work / "models" / family / "baseline" / "config.json").is_file()


def test_an_entry_without_a_configuration(tmp_path: Path) -> None:
    with pytest.raises(Fault) as caught:
        link_model(tmp_path, "baseline", tmp_path / "absent")
    assert caught.value.code == "weights_missing"


@pytest.mark.parametrize("version", ["0.13.0", "0.3.8", "0.2.0"])
def test_another_invarlock_is_refused(monkeypatch: pytest.MonkeyPatch, version: str) -> None:
    monkeypatch.setattr("importlib.metadata.version", lambda name: version)
    with pytest.raises(Fault, match=f"InvarLock 0.3.7 is needed, found {version}") as caught:
        require_version()
    assert caught.value.code == "misconfigured"


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, int], str]:
    """The cells of `invarlock_child.py`: their directory, their exit codes, what was printed."""
    root = tmp_path_factory.mktemp("opt-robert")  # a path InvarLock would take for another architecture
    # the caller's variables must not reach the run
    ends, said = run_child("invarlock_child.py", root, INVARLOCK_TINY_RELAX="1")
    return root, ends, said


def test_real_exit_codes(real: tuple[Path, dict[str, int], str]) -> None:
    _, ends, printed = real
    refused, blind = ends.pop("calibrate-refused"), ends.pop("certify-blind")
    foreign, deaf = ends.pop("certify-foreign"), ends.pop("calibrate-deaf")
    assert deaf == EXIT_CODES["misconfigured"]
    assert "ImportError: flash_attn_2_cuda.so: undefined symbol" in printed
    assert ends.pop("calibrate-sly") == EXIT_CODES["misconfigured"]
    assert "InvarLock loaded the model with attention sdpa, not eager (the suite asks for it)" in printed
    assert ends.pop("calibrate-short") == EXIT_CODES["out_of_memory"]
    assert "CUDA out of memory: in a step of InvarLock's" in printed
    assert foreign == EXIT_CODES["bad_input"]
    assert "the report of another baseline: dataset " in printed
    assert blind == EXIT_CODES["internal"]
    assert "on the baseline, InvarLock's guard rmt errored: by an exception: the guard is broken" in printed
    assert set(ends.values()) == {0}, printed[-3000:]
    assert refused == EXIT_CODES["misconfigured"]
    assert "bootstrap: 1000 < 1200, the balanced tier's minimum" in printed


def test_real_calibrations_are_byte_stable(real: tuple[Path, dict[str, int], str]) -> None:
    root, _, _ = real
    one, two = (root / name / "out" / "extract.json" for name in ("calibrate-1", "calibrate-again"))
    assert one.read_bytes() == two.read_bytes()
    assert (root / "calibrate-1" / "out" / "report.json").is_file()


def test_real_certificate_applies_the_preset(real: tuple[Path, dict[str, int], str]) -> None:
    root, _, _ = real
    out = root / "certify-same" / "out"
    outcome = json.loads((out / "outcome.json").read_text(encoding="utf-8"))
    guards = dict.fromkeys(("invariants", "spectral", "rmt", "variance"), "ran")
    assert outcome == {"schema": 1, "status": "certified", "exit_code": 0, "reason": None, "guards": guards}
    written = json.loads((out / "evaluation.cert.json").read_text(encoding="utf-8"))
    preset = yaml.safe_load((root / "preset" / "out" / "preset.yaml").read_text(encoding="utf-8"))
    caps = preset["guards"]["spectral"]["family_caps"]
    assert "router" in caps  # a family no tier has a cap for: it can only come from the calibration
    assert written["resolved_policy"]["spectral"]["family_caps"] == caps
    assert written["primary_metric"]["drift_band"] == preset["primary_metric"]["drift_band"]
    assert written["validation"]["primary_metric_acceptable"] is True
    assert written["dataset"]["windows"]["preview"] == 200
    assert str(root) not in (out / "evaluation.cert.json").read_text(encoding="utf-8")


def test_real_baseline_reports_are_byte_stable(real: tuple[Path, dict[str, int], str]) -> None:
    root, _, _ = real
    one, two = (root / name / "out" / "report.json" for name in ("baseline-1", "baseline-again"))
    assert one.read_bytes() == two.read_bytes()
    assert str(root) not in one.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("fresh", "shared"), [("certify-same", "certify-shared"), ("certify-nan", "certify-shared-nan")]
)
def test_a_shared_baseline_certifies_as_a_fresh_one(
    real: tuple[Path, dict[str, int], str], fresh: str, shared: str
) -> None:
    root, _, _ = real
    one, two = (root / name / "out" for name in (fresh, shared))
    assert (one / "outcome.json").read_bytes() == (two / "outcome.json").read_bytes()
    texts = [(out / "evaluation.cert.json").read_text(encoding="utf-8") for out in (one, two)]
    certificates = [without_run(json.loads(text)) for text in texts]
    one_text, two_text = (json.dumps(each, sort_keys=True) for each in certificates)
    assert one_text == two_text  # as text, since NaN is not equal to itself
    assert {"validation", "primary_metric", "confidence", "resolved_policy"} <= certificates[0].keys()
    # Nothing was evaluated twice.
    assert not (root / shared / "work" / "runs" / "source").exists()


def test_a_guard_that_crashes_on_the_subject_is_reported_though_its_flag_says_true(
    real: tuple[Path, dict[str, int], str],
) -> None:
    root, _, _ = real
    out = root / "certify-crash" / "out"
    outcome = json.loads((out / "outcome.json").read_text(encoding="utf-8"))
    assert outcome["guards"]["rmt"] == "errored: by an exception: the guard is broken"
    assert outcome["guards"]["spectral"] == "ran"
    # What makes the event log necessary.
    written = json.loads((out / "evaluation.cert.json").read_text(encoding="utf-8"))
    assert written["validation"]["rmt_stable"] is True


def test_real_refusal_of_a_subject(real: tuple[Path, dict[str, int], str]) -> None:
    root, _, _ = real
    out = root / "certify-nan" / "out"
    outcome = json.loads((out / "outcome.json").read_text(encoding="utf-8"))
    assert (outcome["status"], outcome["exit_code"]) == ("refused", 3)
    assert outcome["reason"] == "the primary metric is degraded or not finite"
    written = json.loads((out / "evaluation.cert.json").read_text(encoding="utf-8"))
    assert written["validation"]["invariants_pass"] is False


def test_a_subject_that_cannot_be_loaded_is_a_result(real: tuple[Path, dict[str, int], str]) -> None:
    root, _, _ = real

    def result(error: str) -> tuple[Path, dict[str, Any]]:
        out = root / f"certify-{error}" / "out"
        return out, json.loads((out / "outcome.json").read_text(encoding="utf-8"))

    out, reshaped = result("shape_mismatch")
    assert (reshaped["status"], reshaped["exit_code"], reshaped["made_up"]) == ("refused", 3, [])
    assert reshaped["reason"].startswith("it cannot be loaded (RuntimeError: ")
    assert not (out / "evaluation.cert.json").exists()

    # InvarLock loads this one, gives the missing tensor random numbers, and certifies what it has made up.
    out, missing = result("missing_tensor")
    assert missing["status"] == "certified"
    assert missing["made_up"] == ["missing in the files: model.layers.0.self_attn.q_proj.weight"]
    assert json.loads((out / "evaluation.cert.json").read_text(encoding="utf-8"))["validation"]
