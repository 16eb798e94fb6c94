"""Sizes of public checkpoints by what their config.json has: other names, parts, and defaults left out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from validation.sources.profile import make_profile
from validation.weights.built import build
from validation.weights.checkpoint import Checkpoint, Shard, Stored
from validation.weights.matrices import matrices
from validation.weights.sizes import Sizes, load_config, size, sizes_of

_FALCON: dict[str, Any] = {
    "alibi": False,
    "apply_residual_connection_post_layernorm": False,
    "architectures": ["FalconForCausalLM"],
    "attention_dropout": 0.0,
    "auto_map": {
        "AutoConfig": "configuration_falcon.FalconConfig",
        "AutoModel": "modeling_falcon.FalconModel",
        "AutoModelForCausalLM": "modeling_falcon.FalconForCausalLM",
    },
    "bias": False,
    "bos_token_id": 11,
    "eos_token_id": 11,
    "hidden_dropout": 0.0,
    "initializer_range": 0.02,
    "layer_norm_epsilon": 1e-05,
    "model_type": "falcon",
    "multi_query": True,
    "parallel_attn": True,
    "torch_dtype": "bfloat16",
    "transformers_version": "4.27.4",
    "use_cache": True,
    "vocab_size": 65024,
}
_BLOOM: dict[str, Any] = {
    "apply_residual_connection_post_layernorm": False,
    "architectures": ["BloomForCausalLM"],
    "attention_dropout": 0.0,
    "attention_softmax_in_fp32": True,
    "bias_dropout_fusion": True,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "hidden_dropout": 0.0,
    "initializer_range": 0.02,
    "layer_norm_epsilon": 1e-05,
    "masked_softmax_fusion": True,
    "model_type": "bloom",
    "n_inner": None,
    "offset_alibi": 100,
    "pad_token_id": 3,
    "pretraining_tp": 1,
    "skip_bias_add": True,
    "skip_bias_add_qkv": False,
    "slow_but_exact": False,
    "transformers_version": "4.21.0",
    "unk_token_id": 0,
    "use_cache": True,
    "vocab_size": 250880,
}
_GEMMA: dict[str, Any] = {
    "architectures": ["Gemma3ForConditionalGeneration"],
    "boi_token_index": 255999,
    "eoi_token_index": 256000,
    "eos_token_id": [1, 106],
    "image_token_index": 262144,
    "initializer_range": 0.02,
    "mm_tokens_per_image": 256,
    "model_type": "gemma3",
    "torch_dtype": "bfloat16",
    "transformers_version": "4.50.0.dev0",
    "vision_config": {
        "hidden_size": 1152,
        "image_size": 896,
        "intermediate_size": 4304,
        "model_type": "siglip_vision_model",
        "num_attention_heads": 16,
        "num_hidden_layers": 27,
        "patch_size": 14,
        "vision_use_head": False,
    },
}
_ROPE = {"factor": 8.0, "rope_type": "linear"}

#: The configuration; hidden size, layers, heads, key-value heads, positions, head size; 1e9 parameters.
PUBLIC: dict[str, tuple[dict[str, Any], tuple[int | None, ...], float]] = {
    "falcon-7b, its newer config.json": (
        _FALCON
        | {"hidden_size": 4544, "num_attention_heads": 71, "num_hidden_layers": 32, "num_kv_heads": 71}
        | {"new_decoder_architecture": False},
        (4544, 32, 71, 1, 2048, None),
        6.92,
    ),
    "falcon-7b, its first config.json": (
        _FALCON | {"hidden_size": 4544, "n_head": 71, "n_layer": 32},
        (4544, 32, 71, 1, 2048, None),
        6.92,
    ),
    "falcon-40b": (
        _FALCON
        | {"hidden_size": 8192, "num_attention_heads": 128, "num_hidden_layers": 60, "num_kv_heads": 8}
        | {"new_decoder_architecture": True},
        (8192, 60, 128, 8, 2048, None),
        41.3,
    ),
    "bloom-560m": (
        _BLOOM | {"hidden_size": 1024, "n_head": 16, "n_layer": 24},
        (1024, 24, 16, 16, None, None),
        0.559,
    ),
    "bloom-7b1": (
        _BLOOM | {"seq_length": 2048, "n_embed": 4096, "num_attention_heads": 32, "n_layer": 30},
        (4096, 30, 32, 32, 2048, None),
        7.07,
    ),
    "bloom": (
        _BLOOM | {"seq_length": 2048, "n_embed": 14336, "num_attention_heads": 112, "n_layer": 70},
        (14336, 70, 112, 112, 2048, None),
        176.2,
    ),
    "gemma-3-4b": (
        _GEMMA
        | {
            "text_config": {
                "hidden_size": 2560,
                "intermediate_size": 10240,
                "model_type": "gemma3_text",
                "num_hidden_layers": 34,
                "rope_scaling": _ROPE,
                "sliding_window": 1024,
            }
        },
        (2560, 34, 8, 4, 131072, 256),
        4.30,
    ),
    "gemma-3-27b": (
        _GEMMA
        | {
            "text_config": {
                "head_dim": 128,
                "hidden_size": 5376,
                "intermediate_size": 21504,
                "model_type": "gemma3_text",
                "num_attention_heads": 32,
                "num_hidden_layers": 62,
                "num_key_value_heads": 16,
                "query_pre_attn_scalar": 168,
                "rope_scaling": _ROPE,
                "sliding_window": 1024,
            }
        },
        (5376, 62, 32, 16, 131072, 128),
        27.4,
    ),
}
_KEYS = ("hidden_size", "num_layers", "num_heads", "num_kv_heads", "max_position_embeddings", "head_dim")


@pytest.mark.parametrize("kind", PUBLIC)
def test_sizes_are_those_that_transformers_resolves(kind: str, tmp_path: Path) -> None:
    raw, wanted, billions = PUBLIC[kind]
    (tmp_path / "config.json").write_text(json.dumps(raw), encoding="utf-8")
    profile = make_profile(kind, 1, 2, sizes_of(load_config(tmp_path)))
    assert tuple(profile.get(key) for key in _KEYS) == wanted
    # by the names of other architectures too, before transformers is asked
    assert size(Sizes(raw), "num_attention_heads", "n_head") == wanted[2]
    assert size(Sizes(raw), "num_hidden_layers", "n_layer") == wanted[1]

    import transformers

    with torch.device("meta"):
        model = transformers.AutoModelForCausalLM.from_config(load_config(tmp_path), dtype=torch.bfloat16)
    assert sum(each.numel() for each in model.parameters()) / 1e9 == pytest.approx(billions, rel=0.01)
    tied = set(model.all_tied_weights_keys)
    tensors = {name: (each.dtype, tuple(each.shape)) for name, each in model.state_dict().items()}
    tensors = {name: of for name, of in tensors.items() if name not in tied}
    assert set(build(tmp_path, tensors).targets) == set(tensors)
    stored = tuple(Stored(name, dtype, shape, 0, 0) for name, (dtype, shape) in tensors.items())
    found = matrices(Checkpoint(tmp_path, raw, (Shard(tmp_path, b"", stored),)))
    assert {matrix.block for matrix in found} == set(range(wanted[1] or 0))
