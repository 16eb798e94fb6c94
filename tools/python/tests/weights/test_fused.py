"""Fused tensors of attention: their parts where name and sizes tell, else none."""

from __future__ import annotations

from typing import Any

import pytest

from validation.weights.fused import divided, is_fused

HEADS = {"num_attention_heads": 8, "hidden_size": 64}
GROUPED = {**HEADS, "num_kv_heads": 2, "new_decoder_architecture": True}
LINEAR = {
    **HEADS,
    "linear_num_key_heads": 2,
    "linear_num_value_heads": 6,
    "linear_key_head_dim": 4,
    "linear_value_head_dim": 5,
}
LATENT = {**HEADS, "qk_nope_head_dim": 6, "v_head_dim": 10}


@pytest.mark.parametrize(
    ("name", "config", "outputs", "parts", "groups"),
    [
        ("h.0.query_key_value.weight", GROUPED, 96, {"q": 4, "k": 1, "v": 1}, 2),
        ("h.0.query_key_value.weight", {**HEADS, "multi_query": True}, 80, {"q": 8, "k": 1, "v": 1}, 1),
        ("h.0.query_key_value.weight", HEADS, 192, {"q": 1, "k": 1, "v": 1}, 8),
        ("h.0.query_key_value.weight", {**HEADS, "num_key_value_heads": 2}, 96, {}, 1),
        ("h.0.query_key_value.weight", HEADS, 191, {}, 1),
        ("a.qkv_proj.weight", {**HEADS, "num_key_value_heads": 2}, 96, {"q": 8, "k": 2, "v": 2}, 1),
        ("a.qkv_proj.weight", HEADS, 192, {"q": 1, "k": 1, "v": 1}, 1),
        ("a.qkv_proj.weight", {**HEADS, "model_type": "codegen"}, 192, {"q": 1, "v": 1, "k": 1}, 4),
        ("a.c_attn.weight", {**HEADS, "model_type": "gpt_bigcode"}, 192, {"q": 1, "k": 1, "v": 1}, 8),
        ("a.kv_b_proj.weight", LATENT, 128, {"k": 6, "v": 10}, 8),
        ("a.kv_b_proj.weight", LATENT, 120, {}, 1),
        ("a.kv_b_proj.weight", HEADS, 128, {}, 1),
        ("a.in_proj_qkvz.weight", LINEAR, 76, {"q": 4, "k": 4, "v": 15, "z": 15}, 2),
        ("a.in_proj_qkvz.weight", LINEAR, 77, {}, 1),
        ("a.in_proj_qkv.weight", LINEAR, 46, {"q": 8, "k": 8, "v": 30}, 1),
        ("a.q_proj.weight", LINEAR, 128, {"q": 1, "gate_out": 1}, 8),
        ("a.q_proj.weight", LINEAR, 64, {}, 1),
        ("a.q_proj.weight", HEADS, 128, {}, 1),
    ],
)
def test_parts(name: str, config: dict[str, Any], outputs: int, parts: dict[str, int], groups: int) -> None:
    assert divided(name, config, outputs) == (tuple(parts.items()), groups)
    assert is_fused(name) != name.endswith(".q_proj.weight")
