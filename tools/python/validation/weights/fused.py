"""How a fused tensor of attention divides into matrices, where its name and the configuration tell.

Each layout is that of transformers' models with such names; sizes that do not add up to the tensor tell that
it is another, and it stays whole.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from validation.weights.sizes import size

#: Names and shares of the rows, and how often the sequence of parts repeats.
Division = tuple[tuple[tuple[str, int], ...], int]

WHOLE = "edited as one matrix: neither its name nor config.json tells how its parts lie"
_NONE: Division = ((), 1)

_BY_HEADS = re.compile(r"query_key_value\.weight$")
_STACKED = re.compile(r"(qkv|qkv_proj|Wqkv|W_pack|c_attn)\.weight$", re.IGNORECASE)
_LATENT = re.compile(r"kv_b_proj\.weight$")
_LINEAR = re.compile(r"in_proj_qkv\.weight$")
_LINEAR_GATED = re.compile(r"in_proj_qkvz\.weight$")
_QUERY = re.compile(r"(^|\.)q_proj\.weight$")
_FUSED = (_BY_HEADS, _STACKED, _LATENT, _LINEAR, _LINEAR_GATED)
#: CodeGen was trained on four devices: a share of q, v and k of each, one after another.
_CODEGEN_DEVICES = 4


def is_fused(name: str) -> bool:
    """Whether a tensor of that name holds several matrices."""
    return any(pattern.search(name) for pattern in _FUSED)


def divided(name: str, config: Mapping[str, Any], outputs: int) -> Division:
    """The parts of a tensor with so many rows; none where it is one matrix, or nobody tells.

    Args:
        name: The tensor's.
        config: The sizes that transformers resolves.
        outputs: Its rows, as `[out, in]`.
    """
    if _LATENT.search(name):
        return _latent(config, outputs)
    if _LINEAR.search(name) or _LINEAR_GATED.search(name):
        return _linear(config, outputs, gated=_LINEAR_GATED.search(name) is not None)
    heads, hidden = size(config, "num_attention_heads"), size(config, "hidden_size")
    if heads is None or hidden is None:
        return _NONE
    head = size(config, "head_dim") or hidden // heads
    if _QUERY.search(name):  # beside linear attention: of each head its query, then the gate of its output
        gated = outputs == 2 * heads * head and size(config, "linear_num_key_heads") is not None
        return ((("q", 1), ("gate_out", 1)), heads) if gated else _NONE
    if not (_BY_HEADS.search(name) or _STACKED.search(name)):
        return _NONE
    return _heads(name, config, outputs, heads, head)


def _heads(name: str, config: Mapping[str, Any], outputs: int, heads: int, head: int) -> Division:
    """q, k and v of every head."""
    kind = config.get("model_type")
    whole = outputs == 3 * heads * head
    if kind == "codegen":
        return ((("q", 1), ("v", 1), ("k", 1)), _CODEGEN_DEVICES) if whole else _NONE
    single = bool(config.get("multi_query")) and not config.get("new_decoder_architecture")
    by_heads = _BY_HEADS.search(name) is not None or kind == "gpt_bigcode"
    if by_heads and whole and not single:
        return (("q", 1), ("k", 1), ("v", 1)), heads
    shared = 1 if single else size(config, "num_key_value_heads", "num_kv_heads") or heads
    if outputs != (heads + 2 * shared) * head:
        return _NONE
    if _BY_HEADS.search(name) and not single:
        grouped = config.get("new_decoder_architecture") and heads % shared == 0
        return ((("q", heads // shared), ("k", 1), ("v", 1)), shared) if grouped else _NONE
    equal = heads == shared
    return (("q", 1 if equal else heads), ("k", 1 if equal else shared), ("v", 1 if equal else shared)), 1


def _latent(config: Mapping[str, Any], outputs: int) -> Division:
    """Of each head what its keys have without positions, then its values."""
    heads = size(config, "num_attention_heads")
    keys, values = size(config, "qk_nope_head_dim"), size(config, "v_head_dim")
    if heads is None or keys is None or values is None or outputs != heads * (keys + values):
        return _NONE
    return (("k", keys), ("v", values)), heads


def _linear(config: Mapping[str, Any], outputs: int, *, gated: bool) -> Division:
    """Linear attention: all q, k and v; or of each key head its q, k, and v and gate of its value heads."""
    keys, values = size(config, "linear_num_key_heads"), size(config, "linear_num_value_heads")
    key, value = size(config, "linear_key_head_dim"), size(config, "linear_value_head_dim")
    if keys is None or values is None or key is None or value is None or values % keys:
        return _NONE
    if not gated:
        rows = (("q", keys * key), ("k", keys * key), ("v", values * value))
        return (rows, 1) if outputs == 2 * keys * key + values * value else _NONE
    wide = value * (values // keys)
    if outputs != keys * 2 * (key + wide):
        return _NONE
    return (("q", key), ("k", key), ("v", wide), ("z", wide)), keys
