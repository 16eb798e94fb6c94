"""Kind `adopt`: checkpoints edited elsewhere, on real models: what is stored, told of them, and refused."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from quantized_models import MADE, write_base, write_quantized
from weights_rig import llama_config, llama_tensors, load_model, make_job, stored, write_model

from validation.cells import adopt
from validation.job import Fault, Job

SIZES = {"hidden_size": 128, "intermediate_size": 192, "num_hidden_layers": 2}
Tensors = dict[str, torch.Tensor]


def tensors() -> Tensors:
    return llama_tensors(layers=2, hidden=128, width=192)


def baseline(path: Path) -> Path:
    return write_model(path / "model", tensors(), config=llama_config(**SIZES))


def job_for(path: Path, checkpoint: Path) -> Job:
    spec = {"type": "checkpoint", "source": {"type": "path", "path": str(checkpoint)}}
    model = stored(path / "store", baseline(path))
    return make_job(path, "adopt", {"mine": spec}, store=path / "store", baseline=model)


def adopted(path: Path, made: Tensors, *, shards: int = 1, **config: Any) -> tuple[Path, dict[str, Any]]:
    """The entry of a checkpoint with these tensors, and its metadata."""
    checkpoint = write_model(path / "mine", made, shards=shards, config=llama_config(**SIZES, **config))
    return run(job_for(path, checkpoint))


def run(job: Job) -> tuple[Path, dict[str, Any]]:
    adopt.run(job)
    part = job.only
    assert part.store is not None
    entry = part.store.root / part.store.recipe
    assert (part.out / "manifest.json").read_bytes() == (entry / "manifest.json").read_bytes()
    return entry, json.loads((part.out / "edit_metadata.json").read_text())


def changed(change: Callable[[torch.Tensor], torch.Tensor], *words: str) -> Tensors:
    """The baseline with a change of the matrices whose names have one of these words."""
    return {
        name: change(each.float()).to(torch.bfloat16)
        if each.ndim == 2 and any(word in name for word in words)
        else each
        for name, each in tensors().items()
    }


def merge(each: torch.Tensor, rank: int = 4, alpha: float = 8) -> torch.Tensor:
    """As PEFT merges: W + alpha / r · B A."""
    generator = torch.Generator().manual_seed(each.shape[0])
    down = torch.randn(rank, each.shape[1], generator=generator) * 0.02
    up = torch.randn(each.shape[0], rank, generator=generator) * 0.05
    return each + alpha / rank * up @ down


def rtn(bits: int, group: int) -> Callable[[torch.Tensor], torch.Tensor]:
    def change(each: torch.Tensor) -> torch.Tensor:
        groups = each.reshape(-1, group)
        scale = groups.abs().amax(dim=1, keepdim=True) / (2 ** (bits - 1) - 1)
        return ((groups / scale).round() * scale).reshape(each.shape)

    return change


def pruned(each: torch.Tensor) -> torch.Tensor:
    return torch.where(each.abs() <= each.abs().median(), 0.0, each)


def two_of_four(each: torch.Tensor) -> torch.Tensor:
    fours = each.reshape(-1, 4)
    lowest = fours.abs().topk(2, dim=1, largest=False).indices
    return fours.scatter(1, lowest, 0.0).reshape(each.shape)


def truncated(each: torch.Tensor) -> torch.Tensor:
    u, s, v = torch.linalg.svd(each)
    return u[:, :16] * s[:16] @ v[:16]


def noisy(each: torch.Tensor) -> torch.Tensor:
    return each + 0.01 * torch.randn(each.shape, generator=torch.Generator().manual_seed(1))


def test_a_merged_adapter_is_stored_and_measured(tmp_path: Path) -> None:
    """In float32 and other shards, as a merge may be saved; the numbers come from other code."""
    base, words = tensors(), ("q_proj", "v_proj")
    made = {
        name: merge(each.float()) if any(word in name for word in words) else each.float()
        for name, each in base.items()
    }
    entry, told = adopted(tmp_path, made, shards=3, dtype="float32")
    files = load_model(entry)
    assert files.keys() == base.keys()
    assert all(torch.equal(files[name], each.to(torch.bfloat16)) for name, each in made.items())
    rows = {row["tensor"]: row for row in told["tensors"]}
    for name, each in base.items():
        new, old = files[name].double(), each.double()
        assert rows[name]["relative_error"] == pytest.approx(float((new - old).norm() / old.norm()), rel=1e-5)
        assert rows[name]["changed"] == pytest.approx(float((new != old).double().mean()), rel=1e-5)
        merged = any(word in name for word in words)
        assert rows[name]["looks_like"] == ("low_rank_change" if merged else "unchanged")
        assert not merged or rows[name]["rank"] == 4
    mine = [name for name in base if any(word in name for word in words)]
    new, old = (torch.cat([of[name].double().flatten() for name in mine]) for of in (files, base))
    assert told["totals"]["relative_error"] == pytest.approx(float((new - old).norm() / old.norm()), rel=1e-5)
    assert told["totals"]["matrices"] == 4 and told["edit_type"] == "checkpoint"
    assert told["differences"] == []
    assert told["looks_like"].startswith("4 of 4 changed tensors changed by a matrix of low rank, about 4")
    assert transformers.AutoModelForCausalLM.from_pretrained(entry).config.num_hidden_layers == 2


@pytest.mark.parametrize(
    ("change", "kind", "strength"),
    [
        (rtn(4, 32), "quantized", {"bits": 4, "group_size": 32}),
        (rtn(3, 64), "quantized", {"bits": 3, "group_size": 64}),
        (rtn(8, 64), "quantized", {"bits": 8, "group_size": 64}),
        (rtn(8, 32), "quantized", {"bits": 8, "group_size": 32}),
        (pruned, "pruned", {}),
        (two_of_four, "pruned", {"pattern": "2:4"}),
        (truncated, "low_rank", {"rank": 16, "of": 128}),
        (lambda each: each * 1.25, "scaled", {"factor": 1.25}),
        (noisy, "changed", {}),
        (merge, "low_rank_change", {"rank": 4}),
    ],
)
def test_what_a_change_looks_like(
    tmp_path: Path, change: Callable[[torch.Tensor], torch.Tensor], kind: str, strength: dict[str, Any]
) -> None:
    _, told = adopted(tmp_path, changed(change, "up_proj", "down_proj", "q_proj"))
    rows = [row for row in told["tensors"] if row["changed"]]
    assert len(rows) == 6 == told["totals"]["tensors"]
    for row in rows:
        assert row["looks_like"] == kind, row
        assert row.items() >= strength.items()
        assert kind != "pruned" or row["sparsity"] == pytest.approx(0.5, abs=0.01) == row["zeros"]


def test_a_pruned_matrix_of_few_numbers_is_not_taken_for_a_quantized_one(tmp_path: Path) -> None:
    def sparse(each: torch.Tensor) -> torch.Tensor:
        return torch.where(
            each.abs() <= each.abs().flatten().kthvalue(int(0.85 * each.numel())).values, 0.0, each
        )

    _, told = adopted(tmp_path, changed(sparse, "up_proj"))
    assert {row["looks_like"] for row in told["tensors"]} == {"unchanged", "pruned"}


def test_one_number_and_a_number_that_is_none(tmp_path: Path) -> None:
    made = tensors()
    made["model.layers.0.mlp.up_proj.weight"][3, 4] = float("nan")
    made["model.norm.weight"][5] += 1
    _, told = adopted(tmp_path, made)
    rows = {row["tensor"]: row for row in told["tensors"] if row["changed"]}
    assert rows["model.layers.0.mlp.up_proj.weight"] == {
        **rows["model.layers.0.mlp.up_proj.weight"],
        **{"non_finite": 1, "relative_error": "nan", "looks_like": "few_changed"},
    }
    assert rows["model.norm.weight"]["looks_like"] == "few_changed"
    assert told["totals"]["relative_error"] == "nan" and told["totals"]["tensors"] == 2


def test_smaller_differences_are_told_and_the_tokenizer_is_the_baselines(tmp_path: Path) -> None:
    checkpoint = write_model(
        tmp_path / "mine",
        changed(noisy, "q_proj"),
        config=llama_config(**SIZES, rope_parameters={"rope_type": "default", "rope_theta": 500000.0}),
    )
    tokenizer = transformers.AutoTokenizer.from_pretrained(checkpoint)
    tokenizer.pad_token = "<eos>"
    tokenizer.add_tokens(["<tool>"])
    tokenizer.chat_template = "{{ messages }}"
    tokenizer.save_pretrained(checkpoint)
    entry, told = run(job_for(tmp_path, checkpoint))
    said = "\n".join(told["differences"])
    for words in (
        "rope",
        "500000",
        "1 tokens more ('<tool>')",
        "another pad_token, '<eos>', not '<pad>'",
        "chat_template",
    ):
        assert words in said
    assert (entry / "tokenizer.json").read_bytes() == (tmp_path / "model" / "tokenizer.json").read_bytes()
    assert not (entry / "chat_template.jinja").exists()
    assert json.loads((entry / "config.json").read_text())["rope_parameters"]["rope_theta"] == 500000.0


def test_it_is_made_once_and_the_same_again(tmp_path: Path) -> None:
    checkpoint = write_model(tmp_path / "mine", changed(merge, "q_proj"), config=llama_config(**SIZES))
    job = job_for(tmp_path, checkpoint)
    entry, _ = run(job)
    before = {path.name: path.read_bytes() for path in entry.iterdir()}
    run(replace(job, rebuild=True))
    assert {path.name: path.read_bytes() for path in entry.iterdir()} == before
    shutil.rmtree(checkpoint)
    run(job)


def written(path: Path, made: Tensors | None = None, **config: Any) -> Path:
    return write_model(path, made or changed(noisy, "q_proj"), config=llama_config(**{**SIZES, **config}))


def other_vocabulary(path: Path) -> Path:
    made = written(path)
    text = (made / "tokenizer.json").read_text()
    assert '"a": 3' in text and '"b": 4' in text
    (made / "tokenizer.json").write_text(text.replace('"a": 3', '"a": 4').replace('"b": 4', '"b": 3', 1))
    return made


def missing_tensor(path: Path) -> Path:
    made = tensors()
    del made["model.layers.1.mlp.up_proj.weight"]
    return written(path, made)


REFUSED: dict[str, tuple[Callable[[Path], Path], str]] = {
    "another architecture": (
        lambda path: written(path, model_type="mistral"),
        "another architecture, 'mistral', the baseline is 'llama'",
    ),
    "a larger vocabulary": (
        lambda path: written(
            path, llama_tensors(layers=2, hidden=128, width=192, vocabulary=48), vocab_size=48
        ),
        "vocabulary 48, the baseline has 40",
    ),
    "fewer layers": (
        lambda path: written(path, llama_tensors(layers=1, hidden=128, width=192), num_hidden_layers=1),
        "layers 1, the baseline has 2",
    ),
    "a narrower MLP": (
        lambda path: written(path, llama_tensors(layers=2, hidden=128, width=96), intermediate_size=96),
        "intermediate size 96, the baseline has 192",
    ),
    "another vocabulary of that size": (
        other_vocabulary,
        "another vocabulary: 2 of the baseline's 33 tokens are missing or have another number ('a', 'b')",
    ),
    "missing tensors": (missing_tensor, "missing in the files: model.layers.1.mlp.up_proj.weight"),
    "the baseline itself": (
        lambda path: written(path, tensors()),
        "every weight of the checkpoint is the baseline's",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_no_variant_of_the_model_is_refused(tmp_path: Path, case: str) -> None:
    make, said = REFUSED[case]
    job = job_for(tmp_path, make(tmp_path / "mine"))
    with pytest.raises(Fault) as caught:
        adopt.run(job)
    assert said in str(caught.value) and caught.value.hint
    assert caught.value.code == ("bad_input" if case == "missing tensors" else "bad_edit")
    assert job.only.store is not None
    left = sorted(path.name for path in job.only.store.root.iterdir() if path.name != ".locks")
    assert len(left) == 1  # the baseline's entry: nothing half made
    assert not list(job.only.out.iterdir())


def quantized_job(path: Path, name: str, **how: str) -> Job:
    checkpoint, _ = write_quantized(path / "mine", name)
    spec = {"type": "checkpoint", "source": {"type": "path", "path": str(checkpoint)}, **how}
    model = stored(path / "store", write_base(path / "model"))
    return make_job(path, "adopt", {"mine": spec}, store=path / "store", baseline=model)


@pytest.mark.parametrize("name", ["gptq-4-act-order", "awq", "fp8", "bitsandbytes-4bit", "w4a16", "w8a8"])
def test_a_quantized_checkpoint_is_dequantised_into_bf16(tmp_path: Path, name: str) -> None:
    _, numbers = write_quantized(tmp_path / "again", name)
    entry, told = run(quantized_job(tmp_path, name, **{"as": "dequantized"}))
    files = load_model(entry)
    assert files.keys() == numbers.keys()
    assert all(torch.equal(files[each], numbers[each].to(torch.bfloat16)) for each in numbers)
    assert "quantization_config" not in json.loads((entry / "config.json").read_text())
    assert told["as"] == "dequantized" and told["format"]["name"] == MADE[name][0]["quant_method"].replace(
        "bitsandbytes", "bitsandbytes-4bit"
    )
    assert told["differences"] == [] and told["totals"]["matrices"] == 14
    assert 0.001 < told["totals"]["relative_error"] < 0.2
    model = transformers.AutoModelForCausalLM.from_pretrained(entry)
    assert model.dtype == torch.bfloat16 and type(model.lm_head) is torch.nn.Linear


def test_a_quantized_checkpoint_is_kept_as_it_is_and_measured_by_its_numbers(tmp_path: Path) -> None:
    job = quantized_job(tmp_path, "w8a8", **{"as": "quantized", "format": "compressed-tensors"})
    entry, told = run(job)
    for name in ("config.json", "model.safetensors"):
        assert (entry / name).read_bytes() == (tmp_path / "mine" / name).read_bytes()
    (tmp_path / "other").mkdir()
    other = quantized_job(tmp_path / "other", "w8a8", **{"as": "dequantized"})
    _, dequantized = run(other)
    assert told["as"] == "quantized" and told["format"]["called"] == "compressed-tensors (int-quantized)"
    rows = [sorted(each["tensors"], key=lambda row: str(row["tensor"])) for each in (told, dequantized)]
    assert rows[0] == rows[1] and told["totals"] == dequantized["totals"]


@pytest.mark.parametrize(
    ("name", "how", "said", "do"),
    [
        (
            "awq",
            {},
            "quantized with AWQ (4 bits, gemm), and the edit does not say as what",
            "as: dequantized",
        ),
        ("w8a8", {}, "does not say as what to take it", "format: compressed-tensors"),
        ("gptq-4", {"as": "quantized", "format": "gptq"}, "not evaluated as it is", "as: dequantized"),
        (
            "w8a8",
            {"as": "quantized", "format": "torchao"},
            "its evaluations are prepared for torchao",
            "format: compressed-tensors",
        ),
    ],
)
def test_what_a_quantized_checkpoint_cannot_be_is_refused(
    tmp_path: Path, name: str, how: dict[str, str], said: str, do: str
) -> None:
    with pytest.raises(Fault) as caught:
        adopt.run(quantized_job(tmp_path, name, **how))
    assert said in str(caught.value) and do in caught.value.hint
    assert caught.value.code == "bad_edit"


def test_an_unquantized_checkpoint_is_not_taken_as_another(tmp_path: Path) -> None:
    checkpoint = write_model(tmp_path / "mine", changed(merge, "q_proj"), config=llama_config(**SIZES))
    job = job_for(tmp_path, checkpoint)
    job.only.spec["as"] = "dequantized"
    with pytest.raises(Fault, match="names no format of quantized weights"):
        adopt.run(job)
