"""The families of architectures: which tensors of a checkpoint are editable matrices, by name patterns.

Embeddings (tied or not), LM heads, biases, norms, positions and routers match no rule and are never edited.
A new family is a row of `FAMILIES`; the order of its rules is the order of the matrices in a block, which
defines "first matrix". A suite declares the matrices of an architecture that is not here (declared.py).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from validation.job import Fault
from validation.weights.matrix import Group
from validation.weights.sizes import size

Config = Mapping[str, Any]


@dataclass(frozen=True)
class Parts:
    """Several matrices in one tensor, stacked along `out`: their names and shares of the rows.

    The sequence of parts repeats `groups` times, as the heads of a fused QKV do.
    """

    shares: tuple[tuple[str, int], ...]
    groups: int = 1


@dataclass(frozen=True)
class Rule:
    """Names that match are matrices of `group`.

    Attributes:
        group: attention or MLP.
        name: pattern of the rest of the name after the block's prefix; a group `expert` numbers experts.
        parts: the matrices that the tensor holds, from the model's configuration; None: one.
        experts: whether the first of three dimensions numbers experts.
        transposed: whether a matrix is stored `[in, out]`.
    """

    group: Group
    name: str
    parts: Callable[[Config], Parts] | None = None
    experts: bool = False
    transposed: bool = False


@dataclass(frozen=True)
class Family:
    """A layout of names; `block` is the prefix of a transformer block's tensors, with its number."""

    block: str
    rules: tuple[Rule, ...]


def number(config: Config, *names: str) -> int:
    """A size of the configuration, under the first of its names that is present.

    Raises:
        Fault: `bad_edit` when none is.
    """
    found = size(config, *names)
    if found is not None:
        return found
    raise Fault("bad_edit", f"config.json gives no {' or '.join(names)}, which its fused tensors need")


def _equal(*names: str) -> Callable[[Config], Parts]:
    return lambda _: Parts(tuple((name, 1) for name in names))


def _heads_of_three(config: Config) -> Parts:
    """GPT-NeoX, old Falcon: q, k, v of the first head, then those of the second, and so on."""
    heads = number(config, "num_attention_heads", "n_head")
    return Parts((("q", 1), ("k", 1), ("v", 1)), heads)


def _phi3_qkv(config: Config) -> Parts:
    """All heads of q, then those of k, then those of v; fewer key-value heads than heads."""
    heads = number(config, "num_attention_heads")
    shared = number(config, "num_key_value_heads", "num_attention_heads")
    return Parts((("q", heads), ("k", shared), ("v", shared)))


def _falcon_qkv(config: Config) -> Parts:
    """New: groups of q heads, each with its k and v head. Old: all q, one k, one v; or head by head."""
    heads = number(config, "num_attention_heads", "n_head")
    if config.get("new_decoder_architecture"):
        groups = number(config, "num_kv_heads", "n_head_kv", "num_attention_heads", "n_head")
        return Parts((("q", heads // groups), ("k", 1), ("v", 1)), groups)
    if config.get("multi_query", True):
        return Parts((("q", heads), ("k", 1), ("v", 1)))
    return _heads_of_three(config)


def _interleaved(config: Config) -> Parts:
    """GPT-OSS: a row of gate, then one of up, and so on."""
    return Parts((("gate", 1), ("up", 1)), number(config, "intermediate_size"))


def _latent_kv(config: Config) -> Parts:
    """DeepSeek: of each head what its keys have without positions, then its values."""
    return Parts(
        (("k", number(config, "qk_nope_head_dim")), ("v", number(config, "v_head_dim"))),
        number(config, "num_attention_heads"),
    )


def _query_and_gate(config: Config) -> Parts:
    """Qwen3-Next: of each head its query, then the gate of its output."""
    return Parts((("q", 1), ("gate_out", 1)), number(config, "num_attention_heads"))


def _linear_qkvz(config: Config) -> Parts:
    """Qwen3-Next's linear attention: of each key head q, k, then v and the gate z of its value heads."""
    keys, values = number(config, "linear_num_key_heads"), number(config, "linear_num_value_heads")
    key, value = number(config, "linear_key_head_dim"), number(config, "linear_value_head_dim")
    wide = value * (values // keys)
    return Parts((("q", key), ("k", key), ("v", wide), ("z", wide)), keys)


#: `language_model`: the part for text of a model that also sees pictures.
_LAYERS = r"(?:model\.)?(?:language_model\.)?(?:model\.)?layers\.(?P<block>\d+)\."
_H = r"(?:transformer\.)?h\.(?P<block>\d+)\."
_EXPERT = r"(?P<expert>\d+)"


def _attention(*names: str) -> tuple[Rule, ...]:
    return tuple(Rule("attn", rf"self_attn\.{name}\.weight") for name in names)


def _mlp(at: str, *names: str) -> tuple[Rule, ...]:
    return tuple(Rule("ffn", rf"{at}\.{name}\.weight") for name in names)


def _stored_in_out(at: str, gate_up: Callable[[Config], Parts]) -> tuple[Rule, ...]:
    """Experts `[experts, in, out]`."""
    return (
        Rule("ffn", rf"{at}\.experts\.gate_up_proj", gate_up, experts=True, transposed=True),
        Rule("ffn", rf"{at}\.experts\.down_proj", experts=True, transposed=True),
    )


_QKVO = _attention("q_proj", "k_proj", "v_proj", "o_proj")
_GATED = _mlp("mlp", "gate_proj", "up_proj", "down_proj")
#: As transformers holds experts: gate above up, expert after expert.
_FUSED_EXPERTS = (
    Rule("ffn", r"mlp\.experts\.gate_up_proj", _equal("gate", "up"), experts=True),
    Rule("ffn", r"mlp\.experts\.down_proj", experts=True),
)

LLAMA = Family(_LAYERS, (*_QKVO, *_GATED))
STARCODER2 = Family(_LAYERS, (*_QKVO, *_mlp("mlp", "c_fc", "c_proj")))
GLM4 = Family(
    _LAYERS,
    (*_QKVO, Rule("ffn", r"mlp\.gate_up_proj\.weight", _equal("gate", "up")), *_mlp("mlp", "down_proj")),
)
LLAMA4 = Family(
    _LAYERS,
    (
        *_QKVO,
        *_stored_in_out("feed_forward", _equal("gate", "up")),
        *_mlp(r"feed_forward\.shared_expert", "gate_proj", "up_proj", "down_proj"),
        *_mlp("feed_forward", "gate_proj", "up_proj", "down_proj"),
    ),
)
GPT_OSS = Family(
    _LAYERS,
    (
        *_QKVO,
        *_stored_in_out("mlp", _interleaved),
    ),
)
#: On the hub w1 is the gate, w3 up, w2 down.
MIXTRAL = Family(
    _LAYERS, (*_QKVO, *_mlp(rf"block_sparse_moe\.experts\.{_EXPERT}", "w1", "w3", "w2"), *_FUSED_EXPERTS)
)
#: Some layers may be dense; in the others a shared expert stands beside those that are routed.
QWEN_MOE = Family(
    _LAYERS,
    (
        *_QKVO,
        *_mlp(rf"mlp\.experts\.{_EXPERT}", "gate_proj", "up_proj", "down_proj"),
        *_FUSED_EXPERTS,
        *_mlp(r"mlp\.shared_expert", "gate_proj", "up_proj", "down_proj"),
        *_GATED,
    ),
)
#: Multi-head latent attention: queries, keys and values by way of few dimensions.
DEEPSEEK = Family(
    _LAYERS,
    (
        *_attention("q_proj", "q_a_proj", "q_b_proj", "kv_a_proj_with_mqa"),
        Rule("attn", r"self_attn\.kv_b_proj\.weight", _latent_kv),
        *_attention("o_proj"),
        *_mlp(rf"mlp\.experts\.{_EXPERT}", "gate_proj", "up_proj", "down_proj"),
        *_FUSED_EXPERTS,
        *_mlp(r"mlp\.shared_experts", "gate_proj", "up_proj", "down_proj"),
        *_GATED,
    ),
)
#: Most layers have linear attention.
QWEN3_NEXT = Family(
    _LAYERS,
    (
        Rule("attn", r"self_attn\.q_proj\.weight", _query_and_gate),
        *_attention("k_proj", "v_proj", "o_proj"),
        Rule("attn", r"linear_attn\.in_proj_qkvz\.weight", _linear_qkvz),
        Rule("attn", r"linear_attn\.out_proj\.weight"),
        *_mlp(rf"mlp\.experts\.{_EXPERT}", "gate_proj", "up_proj", "down_proj"),
        *_FUSED_EXPERTS,
        *_mlp(r"mlp\.shared_expert", "gate_proj", "up_proj", "down_proj"),
        *_GATED,
    ),
)
MPT = Family(
    r"(?:transformer\.)?blocks\.(?P<block>\d+)\.",
    (
        Rule("attn", r"attn\.Wqkv\.weight", _equal("q", "k", "v")),
        Rule("attn", r"attn\.out_proj\.weight"),
        *_mlp("ffn", "up_proj", "down_proj"),
    ),
)
BLOOM = Family(
    _H,
    (
        Rule("attn", r"self_attention\.query_key_value\.weight", _heads_of_three),
        Rule("attn", r"self_attention\.dense\.weight"),
        *_mlp("mlp", "dense_h_to_4h", "dense_4h_to_h"),
    ),
)
GPTJ = Family(
    _H,
    (
        *(Rule("attn", rf"attn\.{name}\.weight") for name in ("q_proj", "k_proj", "v_proj", "out_proj")),
        *_mlp("mlp", "fc_in", "fc_out"),
    ),
)
FALCON = Family(
    _H,
    (
        Rule("attn", r"self_attention\.query_key_value\.weight", _falcon_qkv),
        Rule("attn", r"self_attention\.dense\.weight"),
        *_mlp("mlp", "dense_h_to_4h", "dense_4h_to_h"),
    ),
)
GPT_NEOX = Family(
    r"(?:gpt_neox\.)?layers\.(?P<block>\d+)\.",
    (
        Rule("attn", r"attention\.query_key_value\.weight", _heads_of_three),
        Rule("attn", r"attention\.dense\.weight"),
        *_mlp("mlp", "dense_h_to_4h", "dense_4h_to_h"),
    ),
)
#: Conv1D: `[in, out]`.
GPT2 = Family(
    _H,
    (
        Rule("attn", r"attn\.c_attn\.weight", _equal("q", "k", "v"), transposed=True),
        Rule("attn", r"attn\.c_proj\.weight", transposed=True),
        Rule("ffn", r"mlp\.c_fc\.weight", transposed=True),
        Rule("ffn", r"mlp\.c_proj\.weight", transposed=True),
    ),
)
OPT = Family(
    r"(?:model\.)?decoder\.layers\.(?P<block>\d+)\.",
    (
        *_attention("q_proj", "k_proj", "v_proj", "out_proj"),
        *(Rule("ffn", rf"{name}\.weight") for name in ("fc1", "fc2")),
    ),
)
PHI = Family(_LAYERS, (*_attention("q_proj", "k_proj", "v_proj", "dense"), *_mlp("mlp", "fc1", "fc2")))
PHI3 = Family(
    _LAYERS,
    (
        Rule("attn", r"self_attn\.qkv_proj\.weight", _phi3_qkv),
        *_attention("o_proj"),
        Rule("ffn", r"mlp\.gate_up_proj\.weight", _equal("gate", "up")),
        *_mlp("mlp", "down_proj"),
    ),
)

#: By `model_type` of config.json. Yi's is llama (Yi in its first checkpoints), Qwen1.5, 2 and 2.5 are qwen2.
FAMILIES: dict[str, Family] = {
    "llama": LLAMA,
    "mistral": LLAMA,
    "Yi": LLAMA,
    "qwen2": LLAMA,
    "qwen3": LLAMA,
    "mixtral": MIXTRAL,
    "qwen2_moe": QWEN_MOE,
    "qwen3_moe": QWEN_MOE,
    "falcon": FALCON,
    "gpt2": GPT2,
    "gpt_neox": GPT_NEOX,
    "opt": OPT,
    "phi": PHI,
    "phi3": PHI3,
    **dict.fromkeys(
        (
            *("gemma", "gemma2", "gemma3", "gemma3_text", "granite", "smollm3", "stablelm"),
            *("olmo", "olmo2", "olmo3", "exaone4", "cohere", "cohere2", "ministral", "helium", "seed_oss"),
        ),
        LLAMA,
    ),
    "starcoder2": STARCODER2,
    "glm": GLM4,
    "glm4": GLM4,
    "llama4": LLAMA4,
    "llama4_text": LLAMA4,
    "gpt_oss": GPT_OSS,
    "deepseek_v2": DEEPSEEK,
    "deepseek_v3": DEEPSEEK,
    "qwen3_next": QWEN3_NEXT,
    "mpt": MPT,
    "bloom": BLOOM,
    "gptj": GPTJ,
}


def compiled(family: Family) -> list[tuple[int, Rule, re.Pattern[str]]]:
    """The rules of a family with their numbers and patterns of whole names."""
    return [(at, rule, re.compile(family.block + rule.name)) for at, rule in enumerate(family.rules)]
