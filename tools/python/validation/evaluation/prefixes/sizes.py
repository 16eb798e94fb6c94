"""How much memory a model's tokens take, by its config.json; and so how much a pack may hold. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from validation.evaluation.prefixes.packs import Room

#: Tokens of a pack, at most: a large GPU is no faster with more.
_PACK = 16_384
#: Bytes that a pack takes beside the model, at most; tools/suite/memory/memory-plan.ts plans as much.
ROOM = 3 << 30
#: Bytes of the logits of a sample's batch, and of their log-softmax in float32.
_SAMPLE = 1 << 30
_HIDDEN = ("hidden_size", "n_embd", "d_model")


def head_widths(config: Mapping[str, Any]) -> tuple[int, int, int]:
    """Of a model: its layers, the heads that it has keys for, and their width."""
    layers = _number(config, "num_hidden_layers", "n_layer", "n_layers") or 1
    heads = _number(config, "num_attention_heads", "n_head", "n_heads") or 1
    hidden = _number(config, *_HIDDEN) or 1
    shared = _number(config, "num_key_value_heads", "num_kv_heads") or heads
    return layers, shared, _number(config, "head_dim") or hidden // heads


def kept_bytes(config: Mapping[str, Any], width: int = 2) -> int:
    """Bytes of keys and values of a token, at most: of as many heads as the model has keys for."""
    layers, shared, wide = head_widths(config)
    return 2 * layers * shared * wide * width


def token_bytes(config: Mapping[str, Any], width: int = 2) -> int:
    """Bytes that a token takes in a block of a model: its states there, and what its MLP makes of them."""
    hidden = _number(config, *_HIDDEN) or 1
    inner = _number(config, "intermediate_size", "ffn_dim", "n_inner", "ffn_hidden_size")
    return (8 * hidden + 4 * (4 * hidden if inner is None else inner)) * width


def room_of(config: Mapping[str, Any], tokens: int, vocabulary: int) -> Room:
    """What a pack may hold, to need no more memory than lm-eval's batches of so many tokens, and than `ROOM`.

    Those hold all logits in bf16, and their log-softmax. A pack has half as much for its tokens, a quarter
    for the keys and values that one block lays out, and a quarter for its logits.
    """
    _, shared, wide = head_widths(config)
    memory = min(ROOM, tokens * (token_bytes(config) + 4 * vocabulary))
    return Room(
        max(1, min(_PACK, memory // 2 // token_bytes(config))),
        max(1, memory // 4 // (4 * shared * wide)),
        max(1, memory // 4 // (2 * vocabulary)),
    )


def sampled_together(batch: int, longest: int, vocabulary: int) -> int:
    """Requests of a sample in one forward pass of lm-eval's: more than one where its batches are so."""
    fitting = _SAMPLE // (longest * vocabulary * (2 + 4))
    return min(batch, max(2, fitting))


def _number(config: Mapping[str, Any], *names: str) -> int | None:
    """The first of these that a configuration has, of its text model where it has several."""
    text = config.get("text_config") or config
    return next((int(text[name]) for name in names if isinstance(text.get(name), int)), None)
