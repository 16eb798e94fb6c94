"""Which tensors are matrices, and in which order."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from weights_rig import llama_config, llama_tensors, write_model

from validation.checkpoint import open_checkpoint
from validation.job import Fault
from validation.matrices import in_scope, matrices


def names(path: Path, tensors: dict[str, torch.Tensor], model_type: str) -> list[str]:
    model = write_model(path, tensors, config=llama_config(model_type=model_type))
    return [matrix.name for matrix in matrices(open_checkpoint(model))]


@pytest.mark.parametrize("model_type", ["llama", "mistral"])
def test_llama_in_the_order_of_the_model(tmp_path: Path, model_type: str) -> None:
    at = "model.layers.0"
    attention = [f"{at}.self_attn.{name}_proj.weight" for name in "qkvo"]
    found = names(tmp_path, llama_tensors(layers=11), model_type)
    assert found[:7] == [*attention, *(f"{at}.mlp.{name}_proj.weight" for name in ("gate", "up", "down"))]
    assert found[70] == "model.layers.10.self_attn.q_proj.weight" and len(found) == 77
    assert not [name for name in found if "norm" in name or "embed" in name or "head" in name]


def test_mixtral_as_on_the_hub_and_fused(tmp_path: Path) -> None:
    at = "model.layers.0.block_sparse_moe"
    tensors = {
        f"{at}.experts.{n}.{w}.weight": torch.randn(3, 4) for n in range(11) for w in ("w1", "w2", "w3")
    }
    tensors |= {
        f"{at}.gate.weight": torch.randn(11, 4),
        "model.layers.0.self_attn.q_proj.weight": torch.randn(4, 4),
    }
    found = names(tmp_path / "hub", tensors, "mixtral")
    assert found[:2] == ["model.layers.0.self_attn.q_proj.weight", f"{at}.experts.0.w1.weight"]
    assert found[11] == f"{at}.experts.10.w1.weight" and len(found) == 34

    fused = {
        "model.layers.0.mlp.experts.gate_up_proj": torch.randn(2, 6, 4),
        "model.layers.0.mlp.experts.down_proj": torch.randn(2, 4, 3),
        "model.layers.0.mlp.gate.weight": torch.randn(2, 4),
    }
    assert names(tmp_path / "fused", fused, "mixtral") == [
        *(f"model.layers.0.mlp.experts.gate_up_proj[{n}].{part}" for n in (0, 1) for part in ("gate", "up")),
        *(f"model.layers.0.mlp.experts.down_proj[{n}]" for n in (0, 1)),
    ]


def test_scopes(tmp_path: Path) -> None:
    found = matrices(open_checkpoint(write_model(tmp_path, llama_tensors(layers=1))))
    assert [len(in_scope(found, scope)) for scope in ("ffn", "attn", "all")] == [3, 4, 7]
    with pytest.raises(Fault, match="ffn, attn, all"):
        in_scope(found, "mlp")


def test_names_or_shapes_that_do_not_fit(tmp_path: Path) -> None:
    with pytest.raises(Fault, match="no tensor has a name of the 'llama' table"):
        names(tmp_path / "names", {"h.0.attn.weight": torch.randn(2, 2)}, "llama")
    with pytest.raises(Fault, match="does not fit"):
        names(tmp_path / "shape", {"model.layers.0.mlp.up_proj.weight": torch.randn(2, 2, 2)}, "llama")
