"""Kind `inject`: each error at its place, proved, and nothing else touched."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from weights_rig import llama_config, llama_tensors, load_model, make_job, stored, tree_bytes, write_model

from validation.cells import inject
from validation.job import Fault, Job
from validation.variants import structure
from validation.variants.errors import ERRORS, STRUCTURAL
from validation.weights.built import build
from validation.weights.checkpoint import open_checkpoint
from validation.weights.matrices import matrices
from validation.weights.matrix import Piece
from validation.weights.rewrite import Loaded, rewrite
from validation.weights.store import MANIFEST

FIRST = "model.layers.0.self_attn.q_proj.weight"


def job_for(
    path: Path,
    kind: str,
    tensors: dict[str, torch.Tensor] | None = None,
    factor: Any = None,
    **config: Any,
) -> Job:
    spec = {"error": kind} if factor is None else {"error": kind, "factor": factor}
    model = write_model(path / "model", tensors or llama_tensors(), shards=2, config=llama_config(**config))
    store = path / "store"
    return make_job(path, "inject", {f"error_{kind}": spec}, store=store, baseline=stored(store, model))


def made(job: Job) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    inject.run(job)
    part = job.only
    assert part.store is not None
    entry = part.store.root / part.store.recipe
    assert (part.out / MANIFEST).read_bytes() == (entry / MANIFEST).read_bytes()
    assert (part.out / "error_metadata.json").read_bytes() == (entry / "error_metadata.json").read_bytes()
    metadata = json.loads(
        (entry / "error_metadata.json").read_text(), parse_constant=lambda name: pytest.fail(name)
    )
    return load_model(entry), metadata


def differing(after: dict[str, torch.Tensor], before: dict[str, torch.Tensor]) -> list[str]:
    return [
        name
        for name in before
        if not torch.equal(after[name].view(torch.int16), before[name].view(torch.int16))
    ]


@pytest.mark.parametrize(("kind", "is_it", "said"), [("nan", math.isnan, "nan"), ("inf", math.isinf, "inf")])
def test_one_value(tmp_path: Path, kind: str, is_it: Any, said: str) -> None:
    before = llama_tensors()
    after, metadata = made(job_for(tmp_path, f"{kind}_injection"))
    assert differing(after, before) == [FIRST]
    assert is_it(float(after[FIRST][0, 0])) and float(after[FIRST][0, 0]) != -math.inf
    after[FIRST][0, 0] = before[FIRST][0, 0]
    assert torch.equal(after[FIRST], before[FIRST])
    assert (metadata["tensor"], metadata["index"]) == (FIRST, [0, 0])
    assert metadata["before"] == {"value": float(before[FIRST][0, 0])} and metadata["after"] == {
        "value": said
    }
    assert metadata["totals"]["relative_error"] == said
    assert (
        metadata["target_param"] == FIRST and metadata["target_block"] == 0 and metadata["injected"] is True
    )


def test_two_bits_everywhere(tmp_path: Path) -> None:
    before = llama_tensors()
    after, metadata = made(job_for(tmp_path, "extreme_quant"))
    projections = [name for name in before if "_proj." in name]
    assert differing(after, before) == projections and metadata["quantized_params"] == len(projections) == 21
    assert sorted(metadata["tensors"]) == sorted(projections)
    moved = math.hypot(
        *(float((after[name].double() - before[name].double()).norm()) for name in projections)
    )
    there = math.hypot(*(float(before[name].double().norm()) for name in projections))
    assert metadata["totals"]["relative_error"] == pytest.approx(moved / there, rel=1e-5)
    assert (metadata["totals"]["matrices"], metadata["totals"]["parameters_changed"]) == (
        21,
        sum(before[name].numel() for name in projections),
    )
    for name in projections:
        scale = before[name].abs().max()
        expected = torch.round(before[name].double() / float(scale)) * float(scale)
        assert torch.equal(after[name].double(), expected), "levels -1, 0, 1 times the largest magnitude"


def test_a_hundred_times_the_first_mlp_matrix(tmp_path: Path) -> None:
    before, name = llama_tensors(), "model.layers.0.mlp.gate_proj.weight"
    after, metadata = made(job_for(tmp_path, "scale_explosion"))
    assert differing(after, before) == [name]
    assert torch.equal(after[name], (before[name].double() * 100).to(torch.bfloat16))
    assert metadata["tensor"] == name and metadata["scale_factor"] == 100.0
    assert metadata["totals"]["relative_error"] == pytest.approx(99, rel=1e-2)
    assert metadata["after"]["frobenius"] == pytest.approx(100 * metadata["before"]["frobenius"], rel=1e-2)


def test_another_factor_of_the_scale(tmp_path: Path) -> None:
    before, name = llama_tensors(), "model.layers.0.mlp.gate_proj.weight"
    after, metadata = made(job_for(tmp_path, "scale_explosion", factor=1.5))
    assert differing(after, before) == [name]
    assert torch.equal(after[name], (before[name].double() * 1.5).to(torch.bfloat16))
    assert metadata["scale_factor"] == 1.5


@pytest.mark.parametrize(("factor", "code"), [(0, "bad_edit"), ("x", "bad_edit"), (1, "bad_edit")])
def test_a_factor_that_is_none(tmp_path: Path, factor: Any, code: str) -> None:
    with pytest.raises(Fault, match=r"factor|already") as caught:
        inject.run(job_for(tmp_path, "scale_explosion", factor=factor))
    assert caught.value.code == code


def attention(tensors: dict[str, torch.Tensor]) -> list[str]:
    """In the order of the family's table."""
    return [
        f"model.layers.{layer}.self_attn.{name}_proj.weight"
        for layer in range(len(tensors))
        for name in "qkvo"
        if f"model.layers.{layer}.self_attn.q_proj.weight" in tensors
    ]


def test_rank_one_of_the_same_norm(tmp_path: Path) -> None:
    before = llama_tensors()
    after, metadata = made(job_for(tmp_path, "rank_collapse"))
    struck = attention(before)[:8]
    assert sorted(differing(after, before)) == sorted(struck) == sorted(metadata["tensors"])
    assert metadata["rank_collapsed_params"] == 8 and metadata["tensor"] is None
    for name in struck:
        old, new = before[name].double(), after[name].double()
        product = torch.outer(old[:, 0], old[0])
        wanted = product * (old.norm() / product.norm())
        assert torch.allclose(new, wanted, rtol=2**-8, atol=0)
        values = torch.linalg.svdvals(new)
        assert values[1] < 0.01 * values[0], "one direction, but for rounding"
    assert metadata["after"]["frobenius"] == pytest.approx(metadata["before"]["frobenius"], rel=1e-2)


def test_the_norm_of_up_to_32_attention_matrices_collapses(tmp_path: Path) -> None:
    before = llama_tensors(layers=9)
    after, metadata = made(job_for(tmp_path, "norm_collapse", before))
    struck = attention(before)[:32]
    assert sorted(differing(after, before)) == sorted(struck)
    assert not any(after[name].any() for name in struck)
    assert metadata["norm_collapsed_params"] == 32 and metadata["after"] == {"frobenius": 0.0}


def test_a_rank_that_has_nothing_to_collapse_onto(tmp_path: Path) -> None:
    tensors = llama_tensors()
    tensors[FIRST][0] = 0
    with pytest.raises(Fault, match="first row or column") as caught:
        inject.run(job_for(tmp_path, "rank_collapse", tensors))
    assert caught.value.code == "bad_edit"


HEAD, EMBEDDING = "lm_head.weight", "model.embed_tokens.weight"


def test_a_head_that_becomes_its_embedding(tmp_path: Path) -> None:
    before = llama_tensors()
    after, metadata = made(job_for(tmp_path, "weight_tying_break"))
    assert differing(after, before) == [HEAD]
    assert torch.equal(after[HEAD], before[EMBEDDING])
    assert (metadata["tensor"], metadata["target_block"]) == (HEAD, None)
    assert (metadata["mode"], metadata["embedding"]) == ("tie", EMBEDDING)
    assert metadata["before"] != metadata["after"]


@pytest.mark.parametrize("how", ["no head", "tied", "another shape", "equal"])
def test_tying_that_cannot_be_broken(tmp_path: Path, how: str) -> None:
    tensors = llama_tensors()
    if how == "no head":
        del tensors[HEAD]
    if how == "another shape":
        tensors[EMBEDDING] = tensors[EMBEDDING][:, :-1].clone()
    if how == "equal":
        tensors[HEAD] = tensors[EMBEDDING].clone()
    job = job_for(tmp_path, "weight_tying_break", tensors, tie_word_embeddings=how == "tied")
    said = {"another shape": "no input embedding like lm_head.weight", "equal": "already"}
    with pytest.raises(Fault, match=said.get(how, "no LM head of its own")) as caught:
        inject.run(job)
    assert caught.value.code == "bad_edit"


@pytest.mark.parametrize("kind", ERRORS)
def test_no_proof_accepts_the_baseline(kind: str) -> None:
    before = torch.randn(24, 40, generator=torch.Generator().manual_seed(2)).to(torch.bfloat16)
    error = ERRORS[kind]
    assert error.holds(before, error.make(before))
    assert not error.holds(before, before)
    spoilt = error.make(before)
    spoilt[3, 5] = 7.0
    assert not error.holds(before, spoilt)


@pytest.mark.parametrize(("layers", "middle"), [(1, 0), (2, 1), (3, 1), (5, 2)])
def test_zeros_in_the_middle_block(tmp_path: Path, layers: int, middle: int) -> None:
    before, name = llama_tensors(layers=layers), f"model.layers.{middle}.self_attn.q_proj.weight"
    after, metadata = made(job_for(tmp_path, "zero_layer", before))
    assert differing(after, before) == [name] and not after[name].any()
    assert metadata["target_block"] == middle and metadata["after"] == {"frobenius": 0.0}


def test_fused_experts(tmp_path: Path) -> None:
    name = "model.layers.0.mlp.experts.gate_up_proj"
    before = {
        name: torch.randn(2, 6, 4).to(torch.bfloat16),
        "model.norm.weight": torch.ones(4).to(torch.bfloat16),
    }
    after, metadata = made(job_for(tmp_path, "scale_explosion", before, model_type="mixtral"))
    assert metadata["tensor"] == name and metadata["matrix"] == f"{name}[0].gate"
    assert torch.equal(after[name][0, :3], before[name][0, :3] * 100)
    assert torch.equal(after[name][0, 3:], before[name][0, 3:]) and torch.equal(
        after[name][1], before[name][1]
    )


def test_the_same_bytes_each_time(tmp_path: Path) -> None:
    trees = []
    for name in ("one", "other"):
        job = job_for(tmp_path / name, "nan_injection")
        inject.run(job)
        assert job.only.store is not None
        trees.append(tree_bytes(job.only.store.root / job.only.store.recipe))
    assert trees[0] == trees[1]


@pytest.mark.parametrize(
    ("kind", "name"),
    [("zero_layer", "model.layers.1.self_attn.q_proj.weight"), ("scale_explosion", "mlp.gate_proj")],
)
def test_a_baseline_that_already_is_so(tmp_path: Path, kind: str, name: str) -> None:
    tensors = llama_tensors()
    for key, tensor in tensors.items():
        if name in key:
            tensor.zero_()
    with pytest.raises(Fault, match="already") as caught:
        inject.run(job_for(tmp_path, kind, tensors))
    assert caught.value.code == "bad_edit"


def test_unknown_error(tmp_path: Path) -> None:
    with pytest.raises(Fault, match="nan_injection, inf_injection"):
        inject.run(job_for(tmp_path, "bit_flip"))


@pytest.mark.parametrize("where", ["beside", "elsewhere", "nowhere"])
def test_the_proof_sees_what_went_wrong(tmp_path: Path, where: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def spoilt(source: Any, copies: Any, label: str) -> None:
        (copy,) = copies

        def change(loaded: Loaded) -> torch.Tensor:
            result = copy.change(loaded) if loaded.piece in copy.matrices else loaded.values.clone()
            if where == "nowhere":
                return loaded.values
            if (where == "beside") == (loaded.piece in copy.matrices):
                result[-1, -1] += 1
            return result

        flat = {name: (1, stored.parameters) for name, stored in source.tensors.items()}
        everything = {
            Piece(name, 0, stored.shape if len(stored.shape) == 2 else flat[name]): []
            for name, stored in source.tensors.items()
        }
        rewrite(source, [type(copy)(copy.entry, everything | copy.matrices, change)], label)

    monkeypatch.setattr(inject, "rewrite", spoilt)
    job = job_for(tmp_path, "nan_injection")
    with pytest.raises(Fault, match=r"nan_injection|differs") as caught:
        inject.run(job)
    assert caught.value.code == "internal"
    assert job.only.store is not None and not (job.only.store.root / job.only.store.recipe).exists()


def test_a_declared_tensor_of_experts_says_its_own_index(tmp_path: Path) -> None:
    name = "blocks.0.attn.w"
    before = {name: torch.randn(2, 3, 4).to(torch.bfloat16)}
    store = tmp_path / "store"
    model = write_model(tmp_path / "model", before, config={"model_type": "x"})
    row = {"tensor": "blocks.{block}.attn.w", "experts": True, "transposed": True, "groups": 1}
    declared = {"attn": [{**row, "parts": [["k", 1], ["q", 3]]}], "ffn": []}
    spec = {"error": "nan_injection", "matrices": declared}
    job = make_job(tmp_path, "inject", {"e": spec}, store=store, baseline=stored(store, model))
    after, metadata = made(job)
    assert metadata["index"] == [0, 0, 0] and metadata["matrix"] == f"{name}[0].k"
    assert int(torch.isnan(after[name]).sum()) == 1 and math.isnan(float(after[name][0, 0, 0]))


def test_every_error_has_a_place_in_every_family(tmp_path: Path) -> None:
    found = matrices(open_checkpoint(write_model(tmp_path, llama_tensors())))
    assert {kind: len(error.strikes(found)) for kind, error in ERRORS.items()} == {
        "nan_injection": 1,
        "inf_injection": 1,
        "extreme_quant": 21,
        "scale_explosion": 1,
        "zero_layer": 1,
        "rank_collapse": 8,
        "norm_collapse": 12,
    }


def test_a_tensor_of_the_last_block_is_missing(tmp_path: Path) -> None:
    before, name = llama_tensors(), "model.layers.2.self_attn.q_proj.weight"
    job = job_for(tmp_path, "missing_tensor")
    after, metadata = made(job)
    assert sorted(after) == sorted(set(before) - {name})
    assert differing(after, {each: before[each] for each in after}) == []
    assert (metadata["tensor"], metadata["before"], metadata["after"]) == (
        name,
        {"shape": list(before[name].shape)},
        None,
    )
    assert f"missing in the files: {name}" in metadata["said_of_it"]
    entry = entry_of(job)
    index = json.loads((entry / "model.safetensors.index.json").read_text())
    assert name not in index["weight_map"]
    baseline = job.read("baseline").path
    assert (entry / "config.json").read_bytes() == (baseline / "config.json").read_bytes()
    linked = [path.name for path in entry.glob("*.safetensors") if path.samefile(baseline / path.name)]
    assert len(linked) == 1, "the other shard is the baseline's own"
    with pytest.raises(Fault, match="missing in the files"):
        build(entry, described(entry))


def test_an_embedding_with_more_rows_than_the_model(tmp_path: Path) -> None:
    before, name = llama_tensors(), "model.embed_tokens.weight"
    job = job_for(tmp_path, "shape_mismatch")
    after, metadata = made(job)
    rows = before[name].shape[0]
    assert after[name].shape == (rows + 8, before[name].shape[1]) and not after[name][rows:].any()
    after[name] = after[name][:rows]
    assert differing(after, before) == []
    assert metadata["after"] == {"shape": [rows + 8, before[name].shape[1]]}
    assert f"of another shape: {name}" in metadata["said_of_it"]
    with pytest.raises(Fault, match="of another shape"):
        build(entry_of(job), described(entry_of(job)))


@pytest.mark.parametrize("kind", STRUCTURAL)
def test_one_file_without_an_index(tmp_path: Path, kind: str) -> None:
    model = write_model(tmp_path / "model", llama_tensors(), shards=1, config=llama_config())
    store = tmp_path / "store"
    job = make_job(
        tmp_path, "inject", {"inject": {"error": kind}}, store=store, baseline=stored(store, model)
    )
    after, metadata = made(job)
    assert metadata["loads_whole"] is False and len(after) == len(llama_tensors()) - (
        kind == "missing_tensor"
    )


@pytest.mark.parametrize("kind", STRUCTURAL)
def test_a_structure_that_is_as_it_was_is_no_error(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("validation.variants.structure.build", lambda *_: None)
    with pytest.raises(Fault, match="loads the model whole") as caught:
        inject.run(job_for(tmp_path, kind))
    assert caught.value.code == "bad_edit"


@pytest.mark.parametrize("kind", STRUCTURAL)
def test_what_was_written_wrongly_is_found(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = structure.raw_bytes
    monkeypatch.setattr("validation.variants.structure.raw_bytes", lambda values: plain(values * 0 + 1))
    job = job_for(tmp_path, kind)
    with pytest.raises(Fault, match=r"differs from the baseline|rows of zeros") as caught:
        inject.run(job)
    assert caught.value.code == "internal" and not entry_of(job).exists()


def entry_of(job: Job) -> Path:
    store = job.only.store
    assert store is not None
    return store.root / store.recipe


def described(entry: Path) -> dict[str, tuple[torch.dtype, tuple[int, ...]]]:
    return {name: (each.torch_dtype, each.shape) for name, each in open_checkpoint(entry).tensors.items()}
