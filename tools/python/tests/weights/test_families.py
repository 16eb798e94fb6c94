"""Which tensors are matrices, and in which order."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from weights_rig import llama_config, llama_tensors, write_model

from validation.job import Fault
from validation.weights.checkpoint import Checkpoint, Shard, Stored, open_checkpoint
from validation.weights.matrices import in_scope, matrices


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


def in_memory(shapes: dict[str, tuple[int, ...]], **config: Any) -> Checkpoint:
    """A checkpoint of which nothing but names and shapes is there."""
    found = tuple(
        Stored(name, "F32", shape, 0, 4 * torch.Size(shape).numel()) for name, shape in shapes.items()
    )
    return Checkpoint(Path("model"), {"model_type": "x", **config}, (Shard(Path("shard"), b"", found),))


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.integers(1, 3), min_size=2, max_size=4),
    *(st.integers(1, 4) for _ in range(3)),
    st.none() | st.integers(1, 3),
    st.booleans(),
)
def test_parts_are_the_rows_they_are_said_to_be(
    shares: list[int], groups: int, unit: int, width: int, experts: int | None, transposed: bool
) -> None:
    height = groups * unit * sum(shares)
    shape = (width, height) if transposed else (height, width)
    full = shape if experts is None else (experts, *shape)
    tensor = torch.arange(1.0, 1 + torch.Size(full).numel()).reshape(full)
    row = {
        "tensor": "blocks.{block}.w",
        "experts": experts is not None,
        "transposed": transposed,
        "groups": groups,
        "parts": [[f"p{at}", share] for at, share in enumerate(shares)],
    }
    found = matrices(in_memory({"blocks.7.w": full}), {"attn": [row], "ffn": []})
    assert {matrix.block for matrix in found} == {7} and len(found) == (experts or 1) * len(shares)
    flat, again = tensor.reshape(-1), torch.zeros_like(tensor)
    for at, matrix in enumerate(found):
        number, part = divmod(at, len(shares))
        stored = tensor if experts is None else tensor[number]
        by_rows = stored.T if transposed else stored
        begin = unit * sum(shares[:part])
        expected = [
            by_rows[group * unit * sum(shares) + begin + offset]
            for group in range(groups)
            for offset in range(unit * shares[part])
        ]
        piece = matrix.piece
        values = flat[piece.first : piece.first + piece.elements].view(piece.shape)
        assert torch.equal(matrix.take(values), torch.stack(expected))
        assert matrix.shape == tuple(matrix.take(values).shape) and matrix.name.endswith(f".p{part}")
        assert tensor[tuple(matrix.index(full))] == matrix.take(values)[0, 0]
        target = again.view(-1)[piece.first : piece.first + piece.elements].view(piece.shape)
        matrix.put(target, matrix.take(values).clone())
        whole = matrix.whole(matrix.take(values))
        assert whole is None or torch.equal(whole, values)
    assert torch.equal(again, tensor), "together they are the tensor, each element once"


QKV = "transformer.h.0.self_attention.query_key_value.weight"


@pytest.mark.parametrize(
    ("config", "height", "rows"),
    [
        # heads of 2 rows. New: two groups of two q heads, a k and a v
        (
            {"new_decoder_architecture": True, "num_kv_heads": 2},
            16,
            [[0, 1, 2, 3, 8, 9, 10, 11], [4, 5, 12, 13]],
        ),
        ({"multi_query": True}, 12, [[0, 1, 2, 3, 4, 5, 6, 7], [8, 9]]),
        ({}, 12, [[0, 1, 2, 3, 4, 5, 6, 7], [8, 9]]),
        ({"multi_query": False}, 24, [[0, 1, 6, 7, 12, 13, 18, 19], [2, 3, 8, 9, 14, 15, 20, 21]]),
    ],
)
def test_falcon_old_and_new(config: dict[str, Any], height: int, rows: list[list[int]]) -> None:
    tensor = torch.arange(height * 3.0).view(height, 3)
    checkpoint = in_memory({QKV: (height, 3)}, model_type="falcon", num_attention_heads=4, **config)
    found = matrices(checkpoint)
    assert [matrix.label for matrix in found] == [".q", ".k", ".v"]
    for matrix, expected in zip(found, rows, strict=False):
        first = matrix.piece.first // 3
        taken = matrix.take(tensor[first : first + matrix.piece.shape[0]])
        assert torch.equal(taken, tensor[torch.tensor(expected)])


def test_a_configuration_that_does_not_tell_or_fit_the_heads() -> None:
    with pytest.raises(Fault, match="does not divide into 1 times 71 q, 1 k, 1 v"):  # its class's default
        matrices(in_memory({QKV: (12, 3)}, model_type="falcon"))
    with pytest.raises(Fault, match="does not divide into 1 times 5 q, 1 k, 1 v"):
        matrices(in_memory({QKV: (12, 3)}, model_type="falcon", num_attention_heads=5))


def declaration(tensor: str, **changes: Any) -> dict[str, Any]:
    return {"tensor": tensor, "experts": False, "transposed": False, "groups": 1, "parts": [], **changes}


def test_a_declared_architecture() -> None:
    shapes = {
        "blocks.1.experts.0.up.weight": (4, 2),
        "blocks.1.mix.out.weight": (2, 2),
        "blocks.0.mix.out.weight": (2, 2),
        "blocks.0.mixxout.weight": (2, 2),
        "emb.weight": (9, 2),
    }
    declared = {
        "attn": [declaration("blocks.{block}.mix.out.weight")],
        "ffn": [declaration("blocks.{block}.experts.{expert}.up.weight")],
    }
    found = matrices(in_memory(shapes), declared)
    assert [(matrix.name, matrix.group, matrix.block) for matrix in found] == [
        ("blocks.0.mix.out.weight", "attn", 0),
        ("blocks.1.mix.out.weight", "attn", 1),
        ("blocks.1.experts.0.up.weight", "ffn", 1),
    ]


@pytest.mark.parametrize(
    ("rows", "problem"),
    [
        ([declaration("blocks.{block}.lost")], r"no tensor that is declared as .*lost"),
        ([declaration("b.{block}.w"), declaration("b.{block}.w")], "b.0.w: matches more than one pattern"),
        ([declaration("b.{block}.w", experts=True)], "does not fit"),
        ([declaration("b.{block}.w", parts=[["q", 2], ["k", 1]])], "does not divide"),
        ([declaration("b.{block}.w", parts=[["q", 0], ["k", 1]])], "does not divide"),
        ([declaration("b.{block}.v")], "shape .* does not fit"),
        ([{"tensor": "b.{block}.w"}], "not a declaration"),
    ],
)
def test_declarations_that_do_not_fit(rows: list[dict[str, Any]], problem: str) -> None:
    with pytest.raises(Fault, match=problem) as caught:
        matrices(in_memory({"b.0.w": (4, 2), "b.0.v": (4,)}), {"attn": [], "ffn": rows})
    assert caught.value.code == "bad_edit"


def test_an_unknown_architecture_is_reported_what_to_declare() -> None:
    shapes = {
        "blocks.0.attn.qkv.weight": (6, 2),
        "blocks.1.attn.qkv.weight": (6, 2),
        "blocks.0.moe.experts.3.w.weight": (4, 2),
        "blocks.0.norm.weight": (2,),
        "emb.weight": (9, 2),
    }
    with pytest.raises(Fault, match="'x' has no table") as caught:
        matrices(in_memory(shapes))
    listed = str(caught.value).partition("Its matrices: ")[2]
    attention, expert = "blocks.{block}.attn.qkv.weight", "blocks.{block}.moe.experts.{expert}.w.weight"
    assert listed.split(", ") == [attention, expert, "emb.weight"]
    assert "say where a tensor is transposed, fused or holds experts" in caught.value.hint
    suggested = {"attn": [declaration(attention)], "ffn": [declaration(expert)]}
    assert len(matrices(in_memory(shapes), suggested)) == 3
