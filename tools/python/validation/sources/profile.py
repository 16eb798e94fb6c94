"""`model_profile.json`: the sizes of a model that the memory plan needs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from validation.job import Fault

NAME = "model_profile.json"

#: Names the same size has in the configurations of different architectures; the first found counts.
_ALIASES: dict[str, tuple[str, ...]] = {
    "hidden_size": ("hidden_size", "n_embd", "d_model"),
    "num_layers": ("num_hidden_layers", "n_layer", "n_layers", "num_layers"),
    "num_heads": ("num_attention_heads", "n_head", "n_heads", "num_heads"),
    "num_kv_heads": ("num_key_value_heads", "num_kv_heads", "n_head_kv"),
    "max_position_embeddings": (
        "max_position_embeddings",
        "n_positions",
        "n_ctx",
        "max_seq_len",
        "seq_length",
    ),
}


def make_profile(
    model_id: str, weights_bytes: int, dtype_bytes: int, config: Mapping[str, Any]
) -> dict[str, Any]:
    """The profile of a model from its configuration (docs/formulas.md, "Memory plan").

    Args:
        model_id: hub id, or the name of a model that has none.
        weights_bytes: bytes of all tensors as stored; `weights_gb` is this in GiB.
        dtype_bytes: bytes of one parameter.
        config: config.json.

    Raises:
        Fault: `bad_input` when the configuration does not give one of the sizes.
    """
    sizes = {
        key: next((config[name] for name in names if name in config), None) for key, names in _ALIASES.items()
    }
    if sizes["num_kv_heads"] is None:  # full multi-head attention, or Falcon's single key and value head
        sizes["num_kv_heads"] = 1 if config.get("multi_query") else sizes["num_heads"]
    missing = [key for key, value in sizes.items() if not isinstance(value, int) or isinstance(value, bool)]
    if missing:
        raise Fault("bad_input", f"{model_id}: config.json does not give {', '.join(missing)}")
    return {
        "model_id": model_id,
        "weights_bytes": weights_bytes,
        "weights_gb": round(weights_bytes / 2**30, 6),
        "dtype_bytes": dtype_bytes,
        **sizes,
    }
