"""`model_profile.json`: the sizes of a model that the memory plan needs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from validation.job import Fault
from validation.weights.sizes import size

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
#: Without a number there is no limit: ALiBi reckons with distances (BLOOM).
_UNLIMITED = frozenset({"max_position_embeddings"})


_EXPERTS = ("num_local_experts", "num_experts", "n_routed_experts", "moe_num_experts")
_EXPERTS_OF_A_TOKEN = ("num_experts_per_tok", "num_experts_per_token", "moe_topk", "moe_k")


def active_bytes(tensors: Mapping[str, int], config: Mapping[str, Any]) -> int:
    """Bytes of the weights that one token goes through: of a mixture of experts only those it is routed to.

    Args:
        tensors: bytes of each tensor by its name; routed experts are those below a part named `experts`.
        config: as for `make_profile`.
    """
    total = sum(tensors.values())
    experts, used = size(config, *_EXPERTS), size(config, *_EXPERTS_OF_A_TOKEN)
    if experts is None or used is None or used >= experts:
        return total
    routed = sum(count for name, count in tensors.items() if "experts" in name.split("."))
    return total - routed + routed * used // experts


def make_profile(
    model_id: str,
    weights_bytes: int,
    dtype_bytes: int,
    config: Mapping[str, Any],
    active: int | None = None,
) -> dict[str, Any]:
    """The profile of a model from its configuration (docs/formulas.md, "Memory plan").

    Args:
        model_id: hub id, or the name of a model that has none.
        weights_bytes: bytes of all tensors as stored; `weights_gb` is this in GiB.
        dtype_bytes: bytes of one parameter.
        config: the configuration as transformers resolves it (`sizes_of`).
        active: see `active_bytes`; told where it is fewer than all.

    Raises:
        Fault: `bad_input` when the configuration does not give one of the sizes.
    """
    sizes = {key: size(config, *names) for key, names in _ALIASES.items()}
    if config.get("multi_query") and not config.get("new_decoder_architecture"):
        sizes["num_kv_heads"] = 1  # Falcon's and StarCoder's one key and value head
    elif sizes["num_kv_heads"] is None:
        sizes["num_kv_heads"] = sizes["num_heads"]
    if missing := [key for key, value in sizes.items() if value is None and key not in _UNLIMITED]:
        raise Fault("bad_input", f"{model_id}: config.json does not give {', '.join(missing)}")
    vocabulary = size(config, "vocab_size")
    head_dim = size(config, "head_dim")
    if head_dim is not None and head_dim * (sizes["num_heads"] or 0) != sizes["hidden_size"]:
        sizes["head_dim"] = head_dim  # Gemma's: not the hidden size by the heads
    return {
        "model_id": model_id,
        "weights_bytes": weights_bytes,
        "weights_gb": round(weights_bytes / 2**30, 6),
        "dtype_bytes": dtype_bytes,
        **sizes,
        **({} if vocabulary is None else {"vocab_size": vocabulary}),
        **({} if active in (None, weights_bytes) else {"active_weights_bytes": active}),
    }
