"""Real transformers models: saved, edited or struck by an error, loaded again and run."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import transformers
from weights_rig import EIGHT, make_job, stored, write_model

from validation import edit, inject
from validation.errors import ERRORS
from validation.job import Job, Read

SIZES = {
    "vocab_size": 96,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 64,
}
TOKENS = torch.arange(24)[None]


def make(kind: str) -> transformers.PreTrainedModel:
    torch.manual_seed(3)
    if kind == "llama":
        config = transformers.LlamaConfig(**SIZES, tie_word_embeddings=True)
        return transformers.LlamaForCausalLM(config).to(torch.bfloat16)
    config = transformers.MixtralConfig(**SIZES, num_local_experts=4, num_experts_per_tok=2)
    return transformers.MixtralForCausalLM(config).to(torch.bfloat16)


def logits(path: Path) -> torch.Tensor:
    model, loading = transformers.AutoModelForCausalLM.from_pretrained(
        path, dtype=torch.bfloat16, output_loading_info=True
    )
    assert not any(loading[key] for key in ("missing_keys", "unexpected_keys", "mismatched_keys"))
    assert {parameter.dtype for parameter in model.parameters()} == {torch.bfloat16}
    with torch.no_grad():
        found: torch.Tensor = model(TOKENS).logits.double()
    return found


def entry(job: Job, name: str) -> Path:
    store = next(part.store for part in job.parts if part.name == name)
    assert store is not None
    return store.root / store.recipe


@pytest.fixture(scope="module", params=["llama", "mixtral", "mixtral fused"])
def saved(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Read]:
    """A baseline in the store; Mixtral in both layouts of its experts."""
    path = tmp_path_factory.mktemp("model")
    model = make(request.param.split()[0])
    if request.param == "mixtral fused":
        tensors = {name: tensor.contiguous() for name, tensor in model.state_dict().items()}
        write_model(path / "model", tensors, config=model.config.to_dict() | {"dtype": "bfloat16"})
        assert any(name.endswith("experts.gate_up_proj") for name in tensors)
    else:
        model.save_pretrained(path / "model", max_shard_size="40KB")
        assert (path / "model" / "model.safetensors.index.json").is_file()
    (path / "model" / "generation_config.json").unlink(missing_ok=True)
    return path, stored(path / "store", path / "model")


def test_all_edits_load_and_run(saved: tuple[Path, Read]) -> None:
    path, baseline = saved
    job = make_job(path, "edit", EIGHT, store=path / "store", baseline=baseline)
    edit.run(job)
    reference = logits(baseline.path)
    for part in job.parts:
        changed = logits(entry(job, part.name))
        assert torch.isfinite(changed).all(), part.name
        assert not torch.equal(changed, reference), part.name


def test_a_stronger_edit_has_a_larger_effect(saved: tuple[Path, Read]) -> None:
    path, baseline = saved
    ladders = [
        [{"type": "quant_rtn", "bits": bits, "group_size": 16, "scope": "all"} for bits in (8, 4, 2)],
        [{"type": "magnitude_prune", "sparsity": share, "scope": "all"} for share in (0.05, 0.4, 0.9)],
        [{"type": "lowrank_svd", "rank": rank, "scope": "all"} for rank in (31, 16, 2)],
    ]
    specs = {f"{spec['type']}_{step}": spec for ladder in ladders for step, spec in enumerate(ladder)}
    job = make_job(path, "edit", specs, store=path / "store", baseline=baseline)
    edit.run(job)
    reference = logits(baseline.path)
    effects = [float((logits(entry(job, name)) - reference).norm()) for name in specs]
    for start in range(0, len(effects), 3):
        ladder = effects[start : start + 3]
        assert 0 < ladder[0] < ladder[1] < ladder[2], list(specs)[start]


def test_fused_and_single_experts_are_edited_alike(tmp_path: Path) -> None:
    model = make("mixtral")
    model.save_pretrained(tmp_path / "single")
    tensors = {name: tensor.contiguous() for name, tensor in model.state_dict().items()}
    write_model(tmp_path / "fused", tensors, config=model.config.to_dict() | {"dtype": "bfloat16"})
    for name, spec in EIGHT.items():
        found = []
        for layout in ("single", "fused"):
            store = tmp_path / f"store-{layout}"
            baseline = stored(store, tmp_path / layout)
            job = make_job(
                tmp_path / "jobs" / layout / name, "edit", {name: spec}, store=store, baseline=baseline
            )
            edit.run(job)
            found.append(logits(entry(job, name)))
        assert torch.equal(found[0], found[1]), name


@pytest.mark.parametrize("kind", ERRORS)
def test_errors_load_and_show(saved: tuple[Path, Read], kind: str) -> None:
    path, baseline = saved
    job = make_job(path, "inject", {"error": {"error": kind}}, store=path / "store", baseline=baseline)
    inject.run(job)
    changed = logits(entry(job, "error"))
    assert not torch.equal(changed, logits(baseline.path))
    assert bool(torch.isfinite(changed).all()) == (kind not in ("nan_injection", "inf_injection"))
