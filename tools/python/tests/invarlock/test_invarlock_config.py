"""The documents InvarLock is given, as they are."""

from __future__ import annotations

from typing import Any

import pytest
from invarlock_rig import SPEC, settings_of, spec_of

from validation.invarlock.config import (
    noop_document,
    parse_settings,
    place_dataset,
    preset_problems,
    profile_document,
    run_document,
    run_environment,
)
from validation.job import Fault


def test_the_configuration_of_a_calibration() -> None:
    assert noop_document(settings_of(), "models/causal/baseline", seed=43) == {
        "model": {"id": "models/causal/baseline", "adapter": "auto"},
        "edit": {"name": "noop", "plan": {}},
        "dataset": {
            "provider": "local_jsonl",
            "text_field": "text",
            "split": "validation",
            "seq_len": 128,
            "stride": 128,
            "preview_n": 200,
            "final_n": 200,
            "seed": 43,
            "max_samples": 400,
            "file": "corpus.jsonl",
        },
        "eval": {"batch_size": 32},
        "guards": {"order": ["invariants", "spectral", "rmt", "variance", "invariants"]},
        "accelerator": {"compile": False},
        "output": {"dir": "runs"},
        "context": {"profile": "ci", "tier": "balanced"},
    }


def test_what_the_preset_shares_holds_no_path_and_the_first_runs_seed() -> None:
    document = run_document(settings_of(dataset={"provider": "wikitext2", "split": "test"}))
    assert document["dataset"] == {
        "provider": "wikitext2",
        "split": "test",
        "seq_len": 128,
        "stride": 128,
        "preview_n": 200,
        "final_n": 200,
        "seed": 42,
    }
    assert "file" not in run_document(settings_of())["dataset"]


def test_the_acceptance_range_is_given_only_when_the_suite_has_one() -> None:
    assert "primary_metric" not in run_document(settings_of())
    with_range = run_document(settings_of(pm_acceptance=[0.9, 1.2]))
    assert with_range["primary_metric"] == {"acceptance_range": {"min": 0.9, "max": 1.2}}


def test_placing_a_dataset_leaves_the_document_as_it_was() -> None:
    document = run_document(settings_of())
    placed = place_dataset(document, settings_of(), seed=44)
    assert (placed["dataset"]["seed"], placed["dataset"]["file"]) == (44, "corpus.jsonl")
    assert document == run_document(settings_of())


def test_the_profile_has_the_last_word_on_windows_and_bootstrap() -> None:
    expected: dict[str, Any] = {
        "dataset": {"preview_n": 200, "final_n": 200},
        "eval": {"bootstrap": {"replicates": 1200, "alpha": 0.05}},
    }
    assert profile_document(settings_of(), spread=False) == expected
    assert profile_document(settings_of(), spread=True) == {**expected, "model": {"device_map": "auto"}}
    flash = profile_document(settings_of(), spread=True, attention="flash_attention_2")
    assert flash["model"] == {"device_map": "auto", "attn_implementation": "flash_attention_2"}


@pytest.mark.parametrize(("mode", "compiled"), [("throughput", True), ("strict", False)])
def test_the_accelerator_compiles_for_throughput_only(mode: str, compiled: bool) -> None:
    assert run_document(settings_of(determinism=mode))["accelerator"] == {"compile": compiled}


def test_the_network_is_open_for_hub_datasets_only() -> None:
    assert "INVARLOCK_ALLOW_NETWORK" not in run_environment(settings_of(), "/c", 1)
    hub = settings_of(dataset={"provider": "wikitext2"})
    assert run_environment(hub, "/c", 1)["INVARLOCK_ALLOW_NETWORK"] == "1"
    assert "INVARLOCK_ALLOW_NETWORK" not in run_environment(hub, "/c", 1, allow_network=False)


def test_the_overhead_check_is_skipped_as_the_suite_says() -> None:
    assert run_environment(settings_of(), "/c", 1)["INVARLOCK_SKIP_OVERHEAD_CHECK"] == "1"
    assert "INVARLOCK_SKIP_OVERHEAD_CHECK" not in run_environment(
        settings_of(skip_overhead_check=False), "/c", 1
    )


def test_remote_code_runs_only_where_the_suite_opts_in() -> None:
    assert run_environment(settings_of(), "/c", 1)["INVARLOCK_TRUST_REMOTE_CODE"] == "0"
    trusting = settings_of(trust_remote_code=True)
    assert run_environment(trusting, "/c", 1)["INVARLOCK_TRUST_REMOTE_CODE"] == "1"


def test_strict_determinism_keeps_one_thread() -> None:
    assert "INVARLOCK_OMP_THREADS" not in run_environment(settings_of(), "/c", 4)
    throughput = settings_of(determinism="throughput")
    assert run_environment(throughput, "/c", 4)["INVARLOCK_OMP_THREADS"] == "4"


@pytest.mark.parametrize("field", sorted(set(SPEC) - {"pm_acceptance"}))
def test_a_missing_field_is_named(field: str) -> None:
    spec = spec_of()
    del spec["invarlock"][field]
    with pytest.raises(Fault, match=field) as caught:
        parse_settings(spec)
    assert caught.value.code == "bad_input"


def test_the_mapping_form_of_a_provider_is_refused() -> None:
    with pytest.raises(Fault, match=r"dataset\.provider must be a string"):
        settings_of(dataset={"provider": {"kind": "local_jsonl"}})


def test_a_preset_of_other_settings_is_reported() -> None:
    preset = run_document(settings_of())
    assert preset_problems(preset, settings_of()) == []
    (problem,) = preset_problems(preset, settings_of(seq_len=256))
    assert problem == "preset dataset.seq_len: 128, the suite says 256"
    assert preset_problems(preset, settings_of(guards=["invariants"]))[0].startswith("preset guards.order")
