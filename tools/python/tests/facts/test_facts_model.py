"""Models of the facts: reproducible bytes, a loadable directory, and that training teaches something."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors import safe_open
from transformers import AutoModelForCausalLM, AutoTokenizer

from validation.facts import model as facts_model
from validation.facts.corpus import DOCUMENT_TOKENS, TOKEN, held_out
from validation.facts.model import FactsSpec, batches, build_model, build_tokenizer, make, train
from validation.job import Fault

LLAMA: dict[str, Any] = {
    "type": "facts",
    "architecture": "llama",
    "seed": 1,
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_layers": 2,
    "num_heads": 2,
    "steps": 4,
    "batch_size": 2,
    "learning_rate": 0.003,
}
MIXTRAL: dict[str, Any] = LLAMA | {"architecture": "mixtral", "num_experts": 4, "experts_per_token": 2}


def contents(directory: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in directory.iterdir()}


@pytest.mark.parametrize("spec", [LLAMA, MIXTRAL], ids=["llama", "mixtral"])
def test_the_same_spec_gives_the_same_bytes_whatever_came_before(
    spec: dict[str, Any], tmp_path: Path
) -> None:
    made = []
    for index in range(2):
        torch.rand(index + 1)  # another random state outside
        state = torch.random.get_rng_state()
        directory = tmp_path / str(index)
        directory.mkdir()
        make(spec, directory)
        made.append(contents(directory))
        assert torch.equal(torch.random.get_rng_state(), state)
        assert not torch.are_deterministic_algorithms_enabled()
    assert made[0] == made[1]
    other = tmp_path / "other"
    other.mkdir()
    make(spec | {"seed": 2}, other)
    assert contents(other)["model.safetensors"] != made[0]["model.safetensors"]


def test_threads_leave_no_mark(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # So small a model comes out the same with two threads: that one is used is looked at, too.
    before, made, used = torch.get_num_threads(), [], []

    def watched(*arguments: Any) -> None:
        used.append(torch.get_num_threads())
        train(*arguments)

    monkeypatch.setattr(facts_model, "train", watched)
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            directory = tmp_path / str(threads)
            directory.mkdir()
            make(LLAMA, directory)
            assert torch.get_num_threads() == threads
            made.append(contents(directory))
    finally:
        torch.set_num_threads(before)
    assert made[0] == made[1] and used == [1, 1]


@pytest.mark.parametrize("spec", [LLAMA, MIXTRAL], ids=["llama", "mixtral"])
def test_it_is_a_directory_as_on_the_hub(spec: dict[str, Any], tmp_path: Path) -> None:
    make(spec, tmp_path)
    model = AutoModelForCausalLM.from_pretrained(tmp_path, dtype="auto")
    assert {tensor.dtype for tensor in model.state_dict().values()} == {torch.bfloat16}
    tokenizer = AutoTokenizer.from_pretrained(tmp_path)
    assert tokenizer.pad_token_id is not None
    assert tokenizer.eos_token_id is not None
    ids = torch.tensor([tokenizer(held_out()[0])["input_ids"]])
    assert torch.isfinite(model(input_ids=ids).logits).all()
    with safe_open(tmp_path / "model.safetensors", "pt") as file:
        names = set(file.keys())
    last = (
        "mlp.down_proj.weight" if spec is LLAMA else "block_sparse_moe.experts.3.w2.weight"
    )  # Mixtral's checkpoints name every expert
    assert f"model.layers.1.{last}" in names


def test_the_tokenizer_splits_as_the_corpus_counts() -> None:
    tokenizer = build_tokenizer()
    for line in held_out()[:50]:
        ids = tokenizer(line)["input_ids"]
        assert len(ids) == len(TOKEN.findall(line)) >= DOCUMENT_TOKENS
        assert tokenizer.unk_token_id not in ids


def test_batches_are_full_short_ones_first() -> None:
    spec = FactsSpec.parse(LLAMA | {"steps": 5})
    shapes = [tuple(batch.shape) for batch in batches(build_tokenizer(), spec)]
    assert shapes == [(8, 32)] * 3 + [(2, 128)] * 2


def test_training_lowers_the_loss() -> None:
    spec = FactsSpec.parse(LLAMA | {"steps": 40, "batch_size": 4, "learning_rate": 0.01})
    torch.manual_seed(spec.seed)
    tokenizer = build_tokenizer()
    model = build_model(spec, len(tokenizer))
    ids = torch.tensor([tokenizer(line)["input_ids"][:DOCUMENT_TOKENS] for line in held_out()[:4]])

    def loss() -> float:
        with torch.no_grad():
            return float(model(input_ids=ids, labels=ids).loss)

    before = loss()
    train(model, tokenizer, spec)
    assert loss() < 0.6 * before


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"architecture": "gpt2"}, "neither llama nor mixtral"),
        ({"hidden_size": 30, "num_heads": 4}, "hidden_size 30"),
        ({"architecture": "mixtral", "num_experts": 2, "experts_per_token": 3}, "3 of 2 experts"),
        ({"architecture": "mixtral"}, "0 of 0 experts"),
        ({"layers": 3}, "no setting layers"),
        ({"num_heads": 0}, "num_heads is 0"),
        ({"steps": 0}, "steps is 0"),
        ({"steps": 10}, "steps is 10"),
        ({"batch_size": 0}, "batch_size is 0"),
        ({"hidden_size": "32"}, "hidden_size is '32'"),
        ({"num_layers": 1.0}, r"num_layers is 1\.0"),
        ({"num_experts": None}, "num_experts is None"),
        ({"seed": True}, "seed is True"),
        ({"seed": -1}, "seed is -1"),
        ({"learning_rate": 0}, "learning_rate is 0"),
        ({"learning_rate": "fast"}, "learning_rate is 'fast'"),
        ({"learning_rate": float("nan")}, "learning_rate is nan"),
    ],
)
def test_a_spec_that_makes_no_model_is_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(Fault, match=message) as caught:
        FactsSpec.parse(LLAMA | change)
    assert caught.value.code == "misconfigured"


@given(st.sampled_from(sorted(set(LLAMA) - {"type"})))
def test_a_missing_setting_is_named(name: str) -> None:
    with pytest.raises(Fault, match=name):
        FactsSpec.parse({key: value for key, value in LLAMA.items() if key != name})
