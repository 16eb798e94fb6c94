"""Tiny transformers models of every family, and which of their matrices do what."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import transformers
from weights_rig import write_model, write_tokenizer

VOCABULARY, HIDDEN, POSITIONS = 96, 32, 64
TOKENS = torch.arange(24)[None]

_SIZES: dict[str, Any] = {
    "vocab_size": VOCABULARY,
    "hidden_size": HIDDEN,
    "intermediate_size": 48,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": POSITIONS,
    "bos_token_id": 0,
    "eos_token_id": 0,
    "pad_token_id": 1,
}
_FALCON = {key: _SIZES[key] for key in _SIZES if key not in ("intermediate_size", "num_key_value_heads")}
#: Under the names of GPT-2 and GPT-J.
_GPT: dict[str, Any] = {
    "vocab_size": VOCABULARY,
    "n_embd": HIDDEN,
    "n_layer": 3,
    "n_head": 4,
    "n_positions": POSITIONS,
    "bos_token_id": 0,
    "eos_token_id": 0,
}
_EXPERTS = {"num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 24}


def _config(kind: str) -> Any:
    t = transformers
    make: dict[str, Callable[[], Any]] = {
        "llama": lambda: t.LlamaConfig(**_SIZES, tie_word_embeddings=True),
        "mistral": lambda: t.MistralConfig(**_SIZES),
        "qwen2": lambda: t.Qwen2Config(**_SIZES),
        "qwen3": lambda: t.Qwen3Config(**_SIZES, head_dim=8),
        "mixtral": lambda: t.MixtralConfig(**_SIZES, num_local_experts=4, num_experts_per_tok=2),
        "qwen2_moe": lambda: t.Qwen2MoeConfig(
            **_SIZES, **_EXPERTS, shared_expert_intermediate_size=40, decoder_sparse_step=2
        ),
        "qwen3_moe": lambda: t.Qwen3MoeConfig(**_SIZES, **_EXPERTS, head_dim=8),
        "falcon": lambda: t.FalconConfig(**_FALCON, new_decoder_architecture=True, num_kv_heads=2),
        "falcon multi-query": lambda: t.FalconConfig(**_FALCON, multi_query=True),
        "falcon heads": lambda: t.FalconConfig(**_FALCON, multi_query=False, alibi=True),
        "gpt2": lambda: t.GPT2Config(**_GPT),
        "gpt_neox": lambda: t.GPTNeoXConfig(**_SIZES),
        "opt": lambda: t.OPTConfig(**_SIZES, ffn_dim=48, word_embed_proj_dim=16),
        "phi": lambda: t.PhiConfig(**_SIZES),
        "phi3": lambda: t.Phi3Config(**_SIZES),
    }
    return make[kind]() if kind in make else _more_config(kind)


def _more_config(kind: str) -> Any:
    t, moe = transformers, {"n_routed_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 24}
    whole = _SIZES | {"num_key_value_heads": 4}
    latent = {"kv_lora_rank": 16, "qk_rope_head_dim": 8, "qk_nope_head_dim": 8, "v_head_dim": 12}
    linear = {"linear_num_key_heads": 2, "linear_num_value_heads": 4}
    linear |= {"linear_key_head_dim": 8, "linear_value_head_dim": 8}
    short = {"vocab_size": VOCABULARY, "bos_token_id": 0, "eos_token_id": 0, "pad_token_id": 1}
    text = {**_SIZES, "head_dim": 16, "sliding_window": 16}
    vision = {"hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 1, "num_attention_heads": 2}
    make: dict[str, Callable[[], Any]] = {
        "gemma": lambda: t.GemmaConfig(**_SIZES, head_dim=16),
        "gemma2": lambda: t.Gemma2Config(**text),
        "gemma3_text": lambda: t.Gemma3TextConfig(**text),
        "gemma3": lambda: t.Gemma3Config(
            text_config=text,
            vision_config={**vision, "image_size": 28, "patch_size": 14},
            mm_tokens_per_image=4,
        ),
        "granite": lambda: t.GraniteConfig(**_SIZES),
        "smollm3": lambda: t.SmolLM3Config(**_SIZES),
        "stablelm": lambda: t.StableLmConfig(**_SIZES),
        "olmo": lambda: t.OlmoConfig(**_SIZES),
        "olmo2": lambda: t.Olmo2Config(**_SIZES),
        "olmo3": lambda: t.Olmo3Config(**_SIZES, sliding_window=16),
        "exaone4": lambda: t.Exaone4Config(**_SIZES, sliding_window=16),
        "cohere": lambda: t.CohereConfig(**_SIZES),
        "cohere2": lambda: t.Cohere2Config(**_SIZES, sliding_window=16),
        "ministral": lambda: t.MinistralConfig(**_SIZES, sliding_window=16, head_dim=8),
        "helium": lambda: t.HeliumConfig(**_SIZES, head_dim=8),
        "seed_oss": lambda: t.SeedOssConfig(**_SIZES, head_dim=8),
        "starcoder2": lambda: t.Starcoder2Config(**_SIZES),
        "glm": lambda: t.GlmConfig(**_SIZES, head_dim=8),
        "glm4": lambda: t.Glm4Config(**_SIZES, head_dim=8),
        "llama4_text": lambda: t.Llama4TextConfig(
            **_SIZES,
            head_dim=8,
            intermediate_size_mlp=40,
            num_local_experts=4,
            interleave_moe_layer_step=2,
        ),
        "llama4": lambda: t.Llama4Config(
            text_config={
                **_SIZES,
                "head_dim": 8,
                "intermediate_size_mlp": 40,
                "num_local_experts": 4,
                "interleave_moe_layer_step": 2,
            },
            vision_config={
                **vision,
                "intermediate_size": 64,
                "image_size": 28,
                "patch_size": 14,
                "vision_output_dim": 16,
                "projector_input_dim": 16,
                "projector_output_dim": 16,
            },
        ),
        "gpt_oss": lambda: t.GptOssConfig(
            **_SIZES, head_dim=8, num_local_experts=4, num_experts_per_tok=2, sliding_window=16
        ),
        "deepseek_v2": lambda: t.DeepseekV2Config(
            **whole, **moe, **latent, q_lora_rank=None, first_k_dense_replace=1, n_shared_experts=1
        ),
        "deepseek_v3": lambda: t.DeepseekV3Config(
            **whole,
            **moe,
            **latent,
            q_lora_rank=16,
            first_k_dense_replace=1,
            n_shared_experts=1,
            n_group=1,
            topk_group=1,
        ),
        "qwen3_next": lambda: t.Qwen3NextConfig(
            **_SIZES,
            **_EXPERTS,
            **linear,
            head_dim=8,
            shared_expert_intermediate_size=24,
            layer_types=["linear_attention", "full_attention", "linear_attention"],
        ),
        "mpt": lambda: t.MptConfig(**short, d_model=HIDDEN, n_layers=3, n_heads=4, max_seq_len=POSITIONS),
        "bloom": lambda: t.BloomConfig(**short, hidden_size=HIDDEN, n_layer=3, n_head=4),
        "gptj": lambda: t.GPTJConfig(**_GPT, rotary_dim=8),
        "codegen": lambda: t.CodeGenConfig(**_GPT, rotary_dim=8),
        "gpt_bigcode": lambda: t.GPTBigCodeConfig(**_GPT, multi_query=False),
        "gpt_bigcode multi-query": lambda: t.GPTBigCodeConfig(**_GPT, multi_query=True),
        "persimmon": lambda: t.PersimmonConfig(**whole, qk_layernorm=False),
        "qwen3_5": lambda: t.Qwen3_5TextConfig(
            **_SIZES,
            **linear,
            head_dim=8,
            layer_types=["linear_attention", "full_attention", "linear_attention"],
        ),
    }
    return make[kind]()


#: The kinds of `save`; "fused" is a layout of stored experts, what stands behind falcon one of its QKV.
KINDS = (
    "llama",
    "mistral",
    "qwen2",
    "qwen3",
    "mixtral",
    "mixtral fused",
    "qwen2_moe",
    "qwen2_moe fused",
    "qwen3_moe",
    "falcon",
    "falcon multi-query",
    "falcon heads",
    "gpt2",
    "gpt_neox",
    "opt",
    "phi",
    "phi3",
)


#: Further families, each with its own row of the table or that of plain LLaMA names.
MORE_KINDS = (
    *("gemma", "gemma2", "gemma3_text", "gemma3", "granite", "smollm3", "stablelm", "olmo", "olmo2", "olmo3"),
    *("exaone4", "cohere", "cohere2", "ministral", "helium", "seed_oss", "starcoder2", "glm", "glm4"),
    *("llama4_text", "llama4", "gpt_oss", "deepseek_v2", "deepseek_v3", "qwen3_next", "mpt", "bloom"),
    "gptj",
)


#: Without a table; their declarations are proposed, with fused parts divided.
PROPOSED_KINDS = ("codegen", "gpt_bigcode", "gpt_bigcode multi-query", "persimmon", "qwen3_5")


def make(kind: str) -> transformers.PreTrainedModel:
    """A model with random weights, wide enough that an edit shows in its logits."""
    torch.manual_seed(3)
    config = _config(kind.removesuffix(" fused"))
    for part in {id(each): each for each in (config, config.get_text_config())}.values():
        part.initializer_range = 0.1
    if kind == "llama4":  # of it AutoModelForCausalLM makes the part for text only, the hub has the whole
        return transformers.Llama4ForConditionalGeneration(config).to(torch.bfloat16)
    return transformers.AutoModelForCausalLM.from_config(config).to(torch.bfloat16)


def save(kind: str, path: Path) -> Path:
    """Save it as the hub has it, in several shards; or with its experts fused, as transformers holds them."""
    model = make(kind)
    if kind.endswith(" fused"):
        tensors = {name: tensor.contiguous() for name, tensor in model.state_dict().items()}
        return write_model(path, tensors, config=model.config.to_dict() | {"dtype": "bfloat16"})
    model.save_pretrained(path, max_shard_size="40KB")
    (path / "generation_config.json").unlink(missing_ok=True)
    write_tokenizer(path)
    return path


def logits(path: Path) -> torch.Tensor:
    """Logits of a saved model `[24, vocabulary]`, after a look that every tensor was loaded as bf16."""
    model, loading = transformers.AutoModelForCausalLM.from_pretrained(
        path, dtype=torch.bfloat16, output_loading_info=True
    )
    assert not loading["missing_keys"] and not loading["mismatched_keys"]
    assert all(re.match("vision_model|multi_modal_projector", name) for name in loading["unexpected_keys"])
    assert {parameter.dtype for parameter in model.parameters()} == {torch.bfloat16}
    with torch.no_grad():
        found: torch.Tensor = model(TOKENS).logits[0].double()
    return found


def role(name: str) -> str:
    """What a logical matrix does: q, k, v, o; first or last of an MLP ("in", "out"), "up" beside a gate."""
    for word, pattern in (
        ("q", r"\.q(_b)?_proj\.weight$|\.q$"),
        ("k", r"\.k_proj\.weight$|\.k$"),
        ("v", r"\.v_proj\.weight$|\.v$"),
        ("o", r"\.(o_proj|out_proj|dense)\.weight$|attn\.c_proj\.weight$"),
        ("in", r"\.(gate_proj|w1|fc1|fc_in|dense_h_to_4h|c_fc)\.weight$|\.gate$|ffn\.up_proj\.weight$"),
        ("up", r"\.(up_proj|w3)\.weight$|\.up$"),
        ("out", r"\.(down_proj|w2|fc2|fc_out|dense_4h_to_h|mlp\.c_proj)\.weight$|down_proj\[\d+\]$"),
        ("low", r"\.(q_a_proj|kv_a_proj_with_mqa)\.weight$"),
        ("output gate", r"\.(gate_out|z)$|in_proj_z\.weight$"),
    ):
        if re.search(pattern, name):
            return word
    raise AssertionError(f"{name} plays no part")
