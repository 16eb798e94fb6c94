"""The variance guard's copy of a model holds what it scales; shortages of memory that nobody tells of."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from transformers import (
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    MixtralConfig,
    MixtralForCausalLM,
)

from validation.invarlock.hooks.memory import require_memory, shortages, small_copies
from validation.job import Fault

_SMALL: dict[str, Any] = {
    "vocab_size": 16,
    "hidden_size": 16,
    "intermediate_size": 24,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 2,
}


def models() -> dict[str, Any]:
    """Models of the families whose blocks differ for the guard; weights large enough to be scaled."""
    torch.manual_seed(0)
    return {
        "llama": LlamaForCausalLM(LlamaConfig(**_SMALL)),
        "mixtral": MixtralForCausalLM(MixtralConfig(**_SMALL, num_local_experts=2)),
        "gpt2": GPT2LMHeadModel(GPT2Config(vocab_size=16, n_embd=16, n_layer=2, n_head=2, n_positions=16)),
    }


@pytest.mark.parametrize("family", ["llama", "mixtral", "gpt2"])
def test_the_guard_puts_the_model_back_bit_by_bit(family: str) -> None:
    from invarlock.guards.variance import VarianceGuard, equalise_residual_variance

    model = models()[family]
    before = {name: value.clone() for name, value in model.state_dict().items()}
    batches = [torch.randint(0, 16, (1, 8)) for _ in range(4)]
    scaled = equalise_residual_variance(model, batches, windows=4, tol=1e-3)
    changed = [name for name, value in model.state_dict().items() if not torch.equal(value, before[name])]
    assert bool(changed) == bool(scaled) == (family != "mixtral")  # fused experts are no module it knows
    model.load_state_dict(before)
    with small_copies():
        from invarlock.guards import variance

        kept = variance.copy.deepcopy(model.state_dict())
        assert kept._metadata == model.state_dict()._metadata
        guard = VarianceGuard()
        guard._policy["deadband"] = 1e-3
        guard._compute_variance_scales(model, batches)
    copied = {name for name, value in kept.items() if value.data_ptr() != model.state_dict()[name].data_ptr()}
    assert set(changed) <= copied
    assert len(copied) < len(before) / 2
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_a_guard_that_fails_to_write_its_scales_puts_the_matrices_back() -> None:
    from invarlock.guards.variance import VarianceGuard

    model = models()["llama"]
    before = {name: value.clone() for name, value in model.state_dict().items()}
    guard = VarianceGuard()
    guard._target_modules = {
        f"block{at}.mlp": block.mlp.down_proj for at, block in enumerate(model.model.layers)
    }
    guard._scales = {"block0.mlp": 0.5}
    guard._prepared = True
    with small_copies():
        guard._push_checkpoint(model)
        kept = guard._checkpoint_stack[-1]
        assert kept.keys() == guard._target_modules.keys()
        with torch.no_grad():
            model.model.layers[0].mlp.down_proj.weight.mul_(0.5)
        assert not torch.equal(model.model.layers[0].mlp.down_proj.weight, kept["block0.mlp"])
        assert guard._pop_checkpoint(model)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert VarianceGuard._push_checkpoint.__module__ == "invarlock.guards.variance"


def test_other_copies_of_the_guards_are_whole() -> None:
    from invarlock.guards import variance

    value = {"scales": {"block0.mlp": 0.9}}
    with small_copies():
        made = variance.copy.deepcopy(value)
    assert made == value
    assert made["scales"] is not value["scales"]


def test_memory_that_ran_out_unheard(monkeypatch: pytest.MonkeyPatch) -> None:
    assert shortages() == 0  # no GPU here
    counts = [{"num_ooms": 0}, {"num_ooms": 1}]
    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "memory_stats", lambda gpu: counts[gpu])
    require_memory(1)
    with pytest.raises(Fault, match="CUDA out of memory") as caught:
        require_memory(0)
    assert caught.value.code == "out_of_memory"
