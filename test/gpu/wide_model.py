"""A LLaMA of a 7B model's shape with random weights: `wide_model.py DIRECTORY TOKENIZER_DIRECTORY LAYERS`.

hidden 4,096, intermediate 14,336, 32 heads, 8 key-value heads, vocabulary 32,000, bf16; 32 layers are 7.2 billion weights.
Blocks that differ in their first values only would be as good, so each matrix is drawn anew, on a GPU where there is one.
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import torch
from safetensors.torch import save_file

HIDDEN, INTERMEDIATE, HEADS, KV_HEADS, VOCABULARY = 4096, 14336, 32, 8, 32000


def main() -> None:
    target, tokenizer, layers = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
    target.mkdir(parents=True)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    generator = torch.Generator(device).manual_seed(7)

    def matrix(out: int, inn: int) -> torch.Tensor:
        drawn = torch.randn(out, inn, generator=generator, device=device, dtype=torch.float32) * 0.02
        return drawn.to(torch.bfloat16).cpu()

    one = torch.ones(HIDDEN, dtype=torch.bfloat16)
    key_value = HIDDEN // HEADS * KV_HEADS
    index: dict[str, str] = {}
    shards: list[dict[str, torch.Tensor]] = [
        {
            "model.embed_tokens.weight": matrix(VOCABULARY, HIDDEN),
            "model.norm.weight": one,
            "lm_head.weight": matrix(VOCABULARY, HIDDEN),
        }
    ]
    count = layers + 1
    for layer in range(-1, layers):
        tensors = shards.pop() if layer == -1 else {}
        if layer >= 0:
            name = f"model.layers.{layer}"
            for part, out, inn in [
                ("self_attn.q_proj", HIDDEN, HIDDEN),
                ("self_attn.k_proj", key_value, HIDDEN),
                ("self_attn.v_proj", key_value, HIDDEN),
                ("self_attn.o_proj", HIDDEN, HIDDEN),
                ("mlp.gate_proj", INTERMEDIATE, HIDDEN),
                ("mlp.up_proj", INTERMEDIATE, HIDDEN),
                ("mlp.down_proj", HIDDEN, INTERMEDIATE),
            ]:
                tensors[f"{name}.{part}.weight"] = matrix(out, inn)
            tensors[f"{name}.input_layernorm.weight"] = one.clone()
            tensors[f"{name}.post_attention_layernorm.weight"] = one.clone()
        file = f"model-{layer + 2:05d}-of-{count:05d}.safetensors"
        save_file(tensors, target / file, metadata={"format": "pt"})
        index |= dict.fromkeys(tensors, file)
    total = sum((target / file).stat().st_size for file in set(index.values()))
    (target / "model.safetensors.index.json").write_text(
        json.dumps({"metadata": {"total_size": total}, "weight_map": index})
    )
    (target / "config.json").write_text(
        json.dumps(
            {
                "architectures": ["LlamaForCausalLM"],
                "model_type": "llama",
                "hidden_size": HIDDEN,
                "intermediate_size": INTERMEDIATE,
                "num_hidden_layers": layers,
                "num_attention_heads": HEADS,
                "num_key_value_heads": KV_HEADS,
                "head_dim": HIDDEN // HEADS,
                "vocab_size": VOCABULARY,
                "max_position_embeddings": 4096,
                "rms_norm_eps": 1e-5,
                "rope_theta": 10000.0,
                "hidden_act": "silu",
                "tie_word_embeddings": False,
                "bos_token_id": 1,
                "eos_token_id": 2,
                "torch_dtype": "bfloat16",
            },
            indent=2,
        )
    )
    for file in ["tokenizer.json", "tokenizer_config.json", "special_tokens_map.json"]:
        if (tokenizer / file).exists():
            shutil.copy(tokenizer / file, target / file)
    print(f"{total / 2**30:.2f} GiB in {target}")


if __name__ == "__main__":
    main()
