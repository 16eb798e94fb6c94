"""Which way an evaluation goes, and when a sample is trusted."""

from __future__ import annotations

import math
from typing import Any

import pytest

from validation.evaluation.prefixes.trust import ROUNDING, compare, places, rounding
from validation.evaluation.prefixes.ways import way_of


def way(asked: str = "auto", *, compiled: bool = False, trusted: bool = False, **config: Any) -> Any:
    return way_of({"model_type": "llama", **config}, asked=asked, compiled=compiled, trusted=trusted)


def test_a_known_architecture_shares() -> None:
    assert way().kind == "packs" and not way().mapped
    assert way(model_type="gemma3_text").mapped
    assert way(model_type="falcon").kind == "branches"
    assert way(model_type="falcon", alibi=True).kind == "lines"


@pytest.mark.parametrize(
    ("given", "kind"),
    [
        ({"model_type": "mistral", "sliding_window": 4096}, "packs"),
        ({"model_type": "llama", "sliding_window": 4096}, "branches"),
        ({"model_type": "qwen2_moe", "sliding_window": 4096, "use_sliding_window": False}, "packs"),
        ({"model_type": "qwen2_moe", "sliding_window": 4096, "layer_types": ["full_attention"]}, "packs"),
        (
            {"model_type": "qwen2_moe", "sliding_window": 4096, "layer_types": ["sliding_attention"]},
            "branches",
        ),
        ({"model_type": "gemma2", "attn_logit_softcapping": 50.0}, "branches"),
        ({"model_type": "gpt_oss"}, "branches"),
        ({"model_type": "gemma3", "text_config": {"attn_logit_softcapping": 50.0}}, "branches"),
    ],
)
def test_attention_that_packs_do_not_know_has_masks(given: dict[str, Any], kind: str) -> None:
    assert way(**given).kind == kind


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"asked": "off"}, "is off"),
        ({"compiled": True}, "torch_compile is true"),
        ({"trusted": True, "auto_map": {}}, "code of its own"),
        ({"is_encoder_decoder": True}, "has an encoder"),
        ({"layer_types": ["full_attention", "linear_attention"]}, "layers of linear_attention"),
        ({"text_config": {"layer_types": ["mamba"]}}, "layers of mamba"),
        ({"cache_implementation": "static"}, "asks for a static cache"),
        ({"rope_scaling": {"type": "dynamic"}}, "longest sequence of a batch"),
        ({"rope_parameters": {"rope_type": "longrope"}}, "longest sequence of a batch"),
        ({"rope_parameters": {"full_attention": {"rope_type": "dynamic"}}}, "longest sequence of a batch"),
        ({"model_type": "mamba"}, "not among the architectures"),
    ],
)
def test_what_cannot_share_goes_lm_evals_way_and_says_why(given: dict[str, Any], reason: str) -> None:
    found = way(**given)
    assert found.kind == "lm-eval" and reason in found.reason


def test_a_sample_is_spread_over_all_requests() -> None:
    assert places(0) == []
    assert places(3) == [0, 1, 2]
    assert places(64) == [0, 16, 32, 48]
    assert len(places(512)) == 8
    assert len(places(10_000)) == 16


def answers(*values: float) -> list[tuple[float, bool]]:
    return [(value, False) for value in values]


def test_a_difference_of_twice_a_change_of_batch_size_is_trusted_and_more_is_not() -> None:
    together, one_by_one = answers(-1.0, -2.0), answers(-1.25, -2.0)
    found = compare(answers(-1.0, -2.5), together, one_by_one, [0.0, 0.0])
    assert found.trusted
    assert (found.difference, found.batch_change, found.bound) == (0.5, 0.25, 0.5)
    assert not compare(answers(-1.0, -2.501), together, one_by_one, [0.0, 0.0]).trusted


def test_twice_the_rounding_of_bf16_is_always_trusted() -> None:
    """As coarse as its logits are, however near to 0 it is itself; rounded as often as there are layers."""
    assert rounding([16.0], 0) == 16 * ROUNDING
    assert rounding([16.0], 4) == 3 * 16 * ROUNDING
    assert rounding([16.0, 2.0, 4.0, 1.0], 0) == 2 * 16 * ROUNDING
    assert rounding([math.nan, math.inf, 1.0], 0) == pytest.approx(math.sqrt(3) * ROUNDING)
    same = answers(-0.5)
    assert compare(answers(-0.5 - 6 * 16 * ROUNDING), same, same, [rounding([16.0], 4)]).trusted
    assert not compare(answers(-0.5 - 6.1 * 16 * ROUNDING), same, same, [rounding([16.0], 4)]).trusted


@pytest.mark.parametrize(
    ("own", "one", "trusted"),
    [
        (math.nan, math.nan, True),
        (-math.inf, -math.inf, True),
        (math.nan, -1.0, False),
        (-1.0, math.nan, False),
        (-math.inf, -1.0, False),
    ],
)
def test_what_is_not_a_number_is_to_be_so_both_ways(own: float, one: float, trusted: bool) -> None:
    assert compare(answers(own), answers(one), answers(one), [1.0]).trusted == trusted


def test_another_greedy_answer_is_counted() -> None:
    assert compare([(-1.0, True)], answers(-1.0), answers(-1.0), [0.0]).greedy == 1
