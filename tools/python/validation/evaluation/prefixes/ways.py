"""Which way an evaluation computes log-likelihoods: decided by architecture and settings, never by weights.

So the baseline of a model and all its edits go the same way.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

Kind = Literal["packs", "branches", "lines", "lm-eval"]

#: Architectures whose attention takes one mask for all layers, and positions with the tokens.
_ONE_MASK = frozenset(
    {
        *("llama", "mistral", "mixtral", "qwen3_moe", "falcon", "gpt2", "gpt_neox", "opt", "phi", "phi3"),
        *("gemma", "granite", "stablelm", "olmo", "olmo2", "cohere", "helium", "seed_oss", "starcoder2"),
        *("glm", "glm4", "deepseek_v2", "deepseek_v3", "gptj", "codegen", "gpt_bigcode", "persimmon"),
    }
)
#: Those that take a mask for each kind of layer.
_MASK_A_LAYER = frozenset(
    {
        *("qwen2", "qwen2_moe", "qwen3", "gemma2", "gemma3", "gemma3_text", "smollm3", "olmo3", "exaone4"),
        *("cohere2", "ministral", "gpt_oss", "llama4", "llama4_text"),
    }
)
#: Those of both whose attention is like no other's: it has sinks or chunks, or keys and values of
#: another width, or is in no table of transformers.
_OWN_ATTENTION = frozenset(
    {
        *("gpt_oss", "llama4", "llama4_text", "deepseek_v2", "deepseek_v3"),
        *("falcon", "gptj", "codegen", "gpt_bigcode", "persimmon"),
    }
)
#: Those that tell their attention of a sliding window otherwise than by a mask.
_TELLS_WINDOW = frozenset(
    {
        *("mistral", "mixtral", "qwen3_moe", "phi3", "starcoder2", "qwen2", "qwen3", "smollm3", "olmo3"),
        *("exaone4", "cohere2", "ministral", "gemma2", "gemma3", "gemma3_text"),
    }
)
#: Those that know a token's position by its order alone (ALiBi).
_BY_ORDER = frozenset({"bloom", "mpt"})
#: Rotary positions that depend on how long the longest sequence of a batch is.
_BY_LENGTH = frozenset({"dynamic", "longrope"})
_ATTENTION = frozenset({"full_attention", "sliding_attention", "chunked_attention"})


@dataclass(frozen=True)
class Way:
    """How, and why.

    Attributes:
        kind: `packs`: all that fits into a forward pass, without masks; `branches`: rows with several
            branches each, told apart by masks; `lines`: one branch a row, behind trunks of one length;
            `lm-eval`: every request whole.
        mapped: whether the model takes a mask for each kind of layer.
    """

    kind: Kind
    reason: str
    mapped: bool = False


def way_of(config: Mapping[str, Any], *, asked: str, compiled: bool, trusted: bool) -> Way:
    """The way of a model.

    Args:
        config: Its config.json, as transformers reads it.
        asked: `evaluation.shared_prefix`: `auto` or `off`.
        compiled: Whether `torch_compile` is true: shapes would change from batch to batch.
        trusted: Whether the model brings code of its own.
    """
    if asked == "off":
        return Way("lm-eval", "evaluation.shared_prefix is off")
    kind = str(config.get("model_type"))
    text = config.get("text_config") or config
    rope = text.get("rope_parameters") or text.get("rope_scaling") or {}
    layers = set(text.get("layer_types") or ())
    if trusted and "auto_map" in config:
        return Way("lm-eval", "the model brings code of its own")
    if compiled:
        return Way("lm-eval", "evaluation.torch_compile is true")
    if config.get("is_encoder_decoder"):
        return Way("lm-eval", f"{kind} has an encoder")
    if not layers <= _ATTENTION:
        return Way("lm-eval", f"{kind} has layers of {', '.join(sorted(layers - _ATTENTION))}")
    if config.get("cache_implementation"):
        return Way("lm-eval", f"{kind} asks for a {config['cache_implementation']} cache")
    if _BY_LENGTH & {str(each) for each in _rope_types(rope)}:
        return Way("lm-eval", f"positions of {kind} depend on the longest sequence of a batch")
    if kind in _BY_ORDER or (kind == "falcon" and config.get("alibi")):
        return Way("lines", f"{kind} knows positions by their order (ALiBi)")
    if kind in _ONE_MASK | _MASK_A_LAYER and not _own_attention(kind, text):
        return Way("packs", f"{kind} has the usual attention", kind in _MASK_A_LAYER)
    if kind in _ONE_MASK or kind in _MASK_A_LAYER:
        return Way("branches", f"{kind} takes positions and masks", kind in _MASK_A_LAYER)
    return Way("lm-eval", f"{kind} is not among the architectures it was tried with")


def _own_attention(kind: str, text: Mapping[str, Any]) -> bool:
    """Whether a model's attention is not the usual one, with no more than a window that it tells of."""
    window = text.get("sliding_window") is not None and text.get("use_sliding_window") is not False
    if text.get("layer_types"):
        window = window and "sliding_attention" in text["layer_types"]
    capped = text.get("attn_logit_softcapping") is not None
    return kind in _OWN_ATTENTION or capped or (window and kind not in _TELLS_WINDOW)


def _rope_types(rope: Mapping[str, Any]) -> list[Any]:
    """Of all layers; some have a mapping for each of their kinds."""
    inner = [each for each in rope.values() if isinstance(each, Mapping)]
    return [found.get("rope_type", found.get("type")) for found in (rope, *inner)]
