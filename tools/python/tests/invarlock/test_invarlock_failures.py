"""Refused subjects, bad settings and faults are told apart by the texts InvarLock 0.3.7 really prints."""

from __future__ import annotations

import pytest

from validation.invarlock.failures import Ended, Refused, explain, tail
from validation.job import Fault

BASELINE = """\
┌───────────────────────────────────────────────────┐
│ INVARLOCK v0.3.7 · Certification Pipeline         │
│ Profile: ci · Tier: balanced · Adapter: hf_causal │
└───────────────────────────────────────────────────┘
PHASE 1/3 · BASELINE EVALUATION
═══════════════════════════════════════════════════════════════════
[EXEC] Running baseline (no-op edit)
[INIT] Loading configuration: .certify_tmp/baseline_noop.yaml
[EXEC] Executing pipeline with 5 guards...
  Edit      : noop
  Guards    : invariants → spectral → rmt → variance
[PASS] Run completed successfully!
[METRIC] Primary Metric [ppl_causal] — preview: 2.531, final: 2.532
[EXEC] Baseline done (1.51s)
"""
SUBJECT = f"""{BASELINE}
═══════════════════════════════════════════════════════════════════
PHASE 2/3 · SUBJECT EVALUATION
═══════════════════════════════════════════════════════════════════
[EXEC] Running edited (no-op, Compare & Certify)
"""
#: As a console of 80 columns wraps it.
NON_FINITE = f"""{SUBJECT}[METRIC] Primary Metric [ppl_causal] — preview: nan, final: nan
[EXEC] Subject done (1.62s)
PHASE 3/3 · CERTIFICATE GENERATION
[WARN] Primary metric degraded or
non-finite; emitting certificate and marking task degraded. Primary metric
computation failed.
[PASS] Reports generated successfully.
"""
NO_WINDOWS = (
    "[FAIL] [INVARLOCK:E001] PAIRING-SCHEDULE-MISMATCH: baseline pairing requested but evaluation windows"
    " were not produced. Check capacity/pairing config.\n[INFO] Cleanup: skipped\n"
)
INSUFFICIENT = (
    "Evaluation failed: [INVARLOCK:E005] INSUFFICIENT-SAMPLE: bootstrap coverage below policy floors in"
    " CI/Release"
)
NOT_LOADED = (
    "[INVARLOCK:E201] MODEL-LOAD-FAILED: transformers AutoModelForCausalLM\n[INFO] Cleanup: skipped\n"
)


def fault_of(ended: Ended) -> Fault:
    meaning = explain(ended)
    assert isinstance(meaning, Fault)
    return meaning


def test_a_subject_of_nan_is_refused() -> None:
    assert explain(Ended(3, NON_FINITE)) == Refused("the primary metric is degraded or not finite")


def test_a_subject_the_guards_change_too_much_is_refused_and_such_a_baseline_is_misconfigured() -> None:
    text = "[FAIL] Guard overhead gate exceeded the configured budget (>1.0% increase)\n"
    assert isinstance(explain(Ended(1, SUBJECT + text)), Refused)
    fault = fault_of(Ended(1, BASELINE + text))
    assert fault.code == "misconfigured"
    assert "skip_overhead_check" in fault.hint


def test_windows_under_the_minimums_are_misconfigured_though_the_exit_code_is_that_of_a_refusal() -> None:
    fault = fault_of(Ended(3, SUBJECT + NO_WINDOWS, (), (INSUFFICIENT,)))
    assert fault.code == "misconfigured"
    assert "INSUFFICIENT-SAMPLE" in str(fault)


@pytest.mark.parametrize(
    ("exit_code", "text"),
    [
        (3, "[INVARLOCK:E001] PAIRING-SCHEDULE-MISMATCH: window_overlap_fraction=0.500\n"),
        (
            1,
            "[FAIL] Dataset provider returned mismatched preview/final counts\n(200/100) expected.\n",
        ),
        (2, "[INVARLOCK:E306] NO-SAMPLES: local_jsonl produced no samples; check file/path/data_files\n"),
        (
            1,
            "[FAIL] Pipeline execution failed: Unable to construct\nnon-overlapping windows within minimum\n",
        ),
        (1, "[FAIL] Invalid tier 'bogus'. Valid options: conservative, balanced, aggressive, none\n"),
        (1, "[FAIL] Pipeline execution failed: Network access disabled by InvarLock security policy.\n"),
    ],
)
def test_settings_that_are_refused(exit_code: int, text: str) -> None:
    assert fault_of(Ended(exit_code, BASELINE + text)).code == "misconfigured"


def test_unequal_arms_are_misconfigured() -> None:
    event = "Evaluation failed: Window count mismatch detected (preview=200, final=180)"
    assert fault_of(Ended(3, SUBJECT + NO_WINDOWS, (), (event,))).code == "misconfigured"


def test_a_pairing_error_without_another_cause_is_misconfigured() -> None:
    assert fault_of(Ended(3, SUBJECT + NO_WINDOWS)).code == "misconfigured"


def test_out_of_memory_is_found_behind_the_pairing_error() -> None:
    event = "Evaluation failed: CUDA out of memory. Tried to allocate 2.00 GiB."
    fault = fault_of(Ended(3, SUBJECT + NO_WINDOWS, (), (event,)))
    assert fault.code == "out_of_memory"
    assert "2.00 GiB" in str(fault)


def test_out_of_memory_is_found_behind_a_failed_load() -> None:
    causes = ("ModelLoadError: [INVARLOCK:E201] MODEL-LOAD-FAILED", "OutOfMemoryError: CUDA out of memory.")
    assert fault_of(Ended(3, SUBJECT + NOT_LOADED, causes)).code == "out_of_memory"


def test_memory_of_the_host_is_another_cause_than_that_of_a_gpu() -> None:
    event = "Evaluation failed: [enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory"
    assert fault_of(Ended(3, SUBJECT + NO_WINDOWS, (), (event,))).code == "host_out_of_memory"


def test_weights_that_cannot_be_loaded_are_no_refusal() -> None:
    fault = fault_of(Ended(3, SUBJECT + NOT_LOADED, ("SafetensorError: incomplete metadata",)))
    assert fault.code == "weights_missing"
    assert str(fault).endswith("AutoModelForCausalLM (SafetensorError: incomplete metadata)")


def test_a_subject_broken_on_purpose_is_refused_when_it_is_not_loaded() -> None:
    causes = ("ModelLoadError: [INVARLOCK:E201] MODEL-LOAD-FAILED", "RuntimeError: size mismatch\nand more")
    broken = explain(Ended(3, SUBJECT + NOT_LOADED, causes), broken=True)
    assert broken == Refused("it cannot be loaded (RuntimeError: size mismatch)")
    short = explain(Ended(3, SUBJECT + NOT_LOADED, ("RuntimeError: CUDA out of memory",)), broken=True)
    assert isinstance(short, Fault) and short.code == "out_of_memory"
    baseline = explain(Ended(3, BASELINE + NOT_LOADED, causes), broken=True)
    assert isinstance(baseline, Fault) and baseline.code == "weights_missing"


def test_an_attention_that_does_not_work_is_not_the_fault_of_the_weights() -> None:
    causes = (
        "ModelLoadError: [INVARLOCK:E201] MODEL-LOAD-FAILED",
        "ImportError: flash_attn_2_cuda.so: undefined",
    )
    fault = fault_of(Ended(3, SUBJECT + NOT_LOADED, causes))
    assert fault.code == "misconfigured"
    assert "eager" in fault.hint


def test_a_name_that_code_does_not_find_is_not_an_attention_that_does_not_work() -> None:
    cause = "ImportError: cannot import name 'is_flash_attn_greater_or_equal_2_10' from 'transformers.utils'"
    assert fault_of(Ended(3, SUBJECT + NOT_LOADED, (cause,))).code == "weights_missing"


def test_a_full_disk() -> None:
    event = "[Errno 28] No space left on device"
    assert fault_of(Ended(1, BASELINE, (), (event,))).code == "disk_full"


def test_a_dataset_that_the_hub_does_not_give_is_refused() -> None:
    cause = "DatasetNotFoundError: Dataset 'o/d' is a gated dataset on the Hub. You must be authenticated"
    other = "FileNotFoundError: Dataset o/d is not cached in None"
    fault = fault_of(Ended(1, BASELINE, (cause, other)))
    assert fault.code == "hub_refused"
    assert "is a gated dataset" in str(fault) and "HF_TOKEN" in fault.hint


@pytest.mark.parametrize(
    "text",
    [
        "Couldn't reach 'wikitext' on the Hub (OfflineModeIsEnabled)",
        "HTTPSConnectionPool: Max retries exceeded",
        "Couldn't find 'o/d' on the Hugging Face Hub either: LocalEntryNotFoundError: An error happened",
        "HfHubHTTPError: 429 Too Many Requests for url: http://hub/api/datasets/o/d",
    ],
)
def test_a_hub_that_cannot_be_reached_is_unavailable(text: str) -> None:
    assert fault_of(Ended(1, f"{BASELINE}[FAIL] Pipeline execution failed: {text}\n")).code == "unavailable"


def test_numbers_that_break_the_evaluation_of_a_subject_refuse_it() -> None:
    event = (
        "Evaluation failed: linalg.svd: The algorithm failed to converge because the input is ill-conditioned"
    )
    assert isinstance(explain(Ended(3, SUBJECT + NO_WINDOWS, (), (event,))), Refused)


@pytest.mark.parametrize(
    "error", ["KeyError: 'x'. ratio = nan", "RuntimeError: generation failed, timeout=30 given"]
)
def test_a_bug_beside_a_nan_or_a_timeout_is_neither_a_refusal_nor_an_outage(error: str) -> None:
    ended = Ended(3, SUBJECT + f"Evaluation failed: {error}\n", (), (error,))
    meaning = explain(ended)
    assert isinstance(meaning, Fault)
    assert meaning.code == "internal"


def test_an_unknown_failure_is_internal_with_the_lines_that_matter() -> None:
    fault = fault_of(
        Ended(1, SUBJECT + "[FAIL] Pipeline execution failed: 'gate_up_proj'\n", ("KeyError: 'x'",))
    )
    assert fault.code == "internal"
    assert "'gate_up_proj'" in str(fault)
    assert "KeyError: 'x'" in str(fault)
    assert "═" not in str(fault)


def test_an_unknown_error_of_a_run_behind_the_pairing_error_is_internal() -> None:
    assert (
        fault_of(Ended(3, SUBJECT + NO_WINDOWS, (), ("Evaluation failed: 'gate_up_proj'",))).code
        == "internal"
    )


def test_a_run_that_failed_inside_a_command_that_went_on_is_a_failure() -> None:
    assert Ended(0, BASELINE, (), ("Evaluation failed: boom",)).failed
    assert not Ended(0, BASELINE).failed


def test_the_tail_is_short() -> None:
    assert len(tail(Ended(1, "[FAIL] line\n" * 500)).splitlines()) == 12


def test_a_model_without_layers_that_it_knows_is_no_unknown_fault() -> None:
    event = "[INVARLOCK:E202] ADAPTER-STRUCTURE-INVALID: unrecognized HF causal LM structure"
    fault = fault_of(Ended(0, BASELINE + "[PASS] Run completed successfully!\n", (), (event,)))
    assert fault.code == "misconfigured"
    assert "architecture" in fault.hint
