"""Noise, scale and zeroed blocks against independent formulas; every byte the same for any division."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from statistics import NormalDist

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from weights_rig import (
    STRENGTHS,
    llama_tensors,
    load_model,
    make_job,
    stored,
    tree_bytes,
    weight_matrices,
    write_model,
)

from validation.cells import edit
from validation.edits import parse_edit
from validation.edits.base import Weights
from validation.edits.gaussian_noise import GaussianNoise
from validation.edits.scale import Scale
from validation.edits.zero_blocks import order
from validation.job import Device, Fault, Job

EVERY = (torch.bfloat16, torch.float16, torch.float32)


def splitmix64(key: int, count: int) -> list[int]:
    """The generator as its authors wrote it."""
    outputs, state, all_bits = [], key, (1 << 64) - 1
    for _ in range(count):
        state = (state + 0x9E3779B97F4A7C15) & all_bits
        mixed = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & all_bits
        mixed = ((mixed ^ (mixed >> 27)) * 0x94D049BB133111EB) & all_bits
        outputs.append(mixed ^ (mixed >> 31))
    return outputs


def noise(name: str, count: int) -> np.ndarray:
    key = int.from_bytes(hashlib.sha256(f"gaussian_noise 1 {name}".encode()).digest()[:8], "little")
    levels = [(output >> (16 * at)) & 0xFFFF for output in splitmix64(key, -(-count // 4)) for at in range(4)]
    every = np.array([NormalDist().inv_cdf((level + 0.5) / 65536) for level in range(65536)])
    return (every / np.sqrt((every**2).mean())).astype(np.float32)[levels[:count]]


def rounded(wide: np.ndarray, like: torch.Tensor) -> torch.Tensor:
    return torch.from_numpy(wide.astype(np.float32)).to(like.dtype).reshape(like.shape)


@settings(max_examples=25, deadline=None)
@given(weight_matrices(EVERY), st.sampled_from([0.01, 0.3, 1, 5.5]), st.sampled_from(["w", "a.weight[2].up"]))
def test_noise_is_so_much_of_the_deviation(weights: torch.Tensor, sigma: float, name: str) -> None:
    before = weights.clone()
    edited = GaussianNoise(sigma).apply(Weights(name, weights))
    assert torch.equal(weights, before), "the input is left alone"
    amplitude = np.float32(f"{sigma * weights.double().numpy().std():.6g}")
    made = noise(name, weights.numel()).reshape(weights.shape) * amplitude
    assert torch.equal(edited.values, rounded(weights.float().numpy() + made, weights))
    assert edited.facts["noise"] == pytest.approx(float(amplitude), rel=1e-5)


def test_noise_is_normal() -> None:
    made = noise("w", 200_000).astype(np.float64)
    assert abs(made.mean()) < 0.01 and made.std() == pytest.approx(1, abs=0.01)
    inside = [(abs(made) < width).mean() for width in (1, 2, 3)]
    assert inside == pytest.approx([0.6827, 0.9545, 0.9973], abs=0.005)
    assert abs(np.corrcoef(made[:-1], made[1:])[0, 1]) < 0.01, "neighbours are independent"
    assert abs(np.corrcoef(made, noise("v", 200_000))[0, 1]) < 0.01, "matrices are independent"


def test_more_noise_goes_further_the_same_way() -> None:
    weights = torch.randn(30, 40, generator=torch.Generator().manual_seed(1))
    little, much = (GaussianNoise(s).apply(Weights("w", weights)).values - weights for s in (0.1, 0.4))
    assert torch.allclose(much, 4 * little, rtol=1e-3, atol=1e-5)


@settings(max_examples=60, deadline=None)
@given(weight_matrices(EVERY), st.sampled_from([0.5, 1.1, 3, 100]))
def test_scale_multiplies_once(weights: torch.Tensor, factor: float) -> None:
    before = weights.clone()
    made = Scale(factor).apply(Weights("w", weights)).values
    assert torch.equal(weights, before), "the input is left alone"
    assert torch.equal(made, rounded(weights.float().numpy() * np.float32(factor), weights))


@pytest.mark.parametrize(
    ("blocks", "first"), [(1, [0]), (2, [1, 0]), (5, [2, 3, 1, 4, 0]), (6, [3, 4, 2, 5, 1, 0])]
)
def test_blocks_go_from_the_middle_outwards(blocks: int, first: list[int]) -> None:
    assert order(blocks) == first


@pytest.mark.parametrize("size", [7, 64, 1 << 18])
@pytest.mark.parametrize("name", ["noise_0_1_all", "scale_1_1x_all"])
def test_chunks_leave_no_mark(name: str, size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    weights = torch.randn(33, 21, generator=torch.Generator().manual_seed(4)).to(torch.bfloat16)
    whole = parse_edit(STRENGTHS[name]).apply(Weights("w", weights)).values
    monkeypatch.setattr("validation.edits.base.CHUNK", size)
    assert torch.equal(parse_edit(STRENGTHS[name]).apply(Weights("w", weights)).values, whole)


def run(path: Path, shards: int, device: Device | None = None, **specs: dict[str, object]) -> Job:
    model = write_model(path / "model", llama_tensors(layers=4), shards=shards)
    job = make_job(
        path, "edit", specs or STRENGTHS, store=path / "store", baseline=stored(path / "store", model)
    )
    job = job if device is None else replace(job, device=device)
    edit.run(job)
    return job


def tensors_of(job: Job) -> dict[str, dict[str, torch.Tensor]]:
    return {
        part.name: load_model(part.store.root / part.store.recipe)
        for part in job.parts
        if part.store is not None
    }


def test_any_split_into_shards_gives_the_same_bytes(tmp_path: Path) -> None:
    before = llama_tensors(layers=4)
    made = [tensors_of(run(tmp_path / str(shards), shards)) for shards in (1, 3, 7)]
    for name, spec in STRENGTHS.items():
        for key, old in before.items():
            edited = "_proj." in key and (spec["scope"] == "all" or ".mlp." in key)
            if spec["type"] == "zero_blocks":
                edited &= "layers.2." in key or "layers.3." in key
            wanted = parse_edit(spec).apply(Weights(key, old)).values if edited else old
            for tensors in made:
                assert torch.equal(tensors[name][key].view(torch.int16), wanted.view(torch.int16)), key
            assert torch.equal(wanted, old) != edited


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_gpu_makes_the_same_bytes(tmp_path: Path) -> None:
    there = run(tmp_path / "gpu", 3, Device("cuda", "cuda-sm90", 1, 1))
    here = run(tmp_path / "cpu", 3)
    for part, other in zip(there.parts, here.parts, strict=True):
        assert part.store is not None and other.store is not None
        made, wanted = (
            tree_bytes(each.store.root / each.store.recipe) for each in (part, other) if each.store
        )
        for name in made.keys() - {"manifest.json", "edit_metadata.json"}:
            assert made[name] == wanted[name], f"{name} of {part.name}"


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        (
            {"type": "gaussian_noise", "sigma": 0, "scope": "all"},
            "sigma is 0; a number above 0 and below 1000",
        ),
        ({"type": "gaussian_noise", "sigma": True, "scope": "all"}, "sigma is True"),
        ({"type": "scale", "factor": 1, "scope": "all"}, "changes nothing"),
        ({"type": "scale", "factor": "2", "scope": "all"}, "factor is '2'"),
        ({"type": "zero_blocks", "count": 0, "scope": "all"}, "count is 0"),
        ({"type": "zero_blocks", "count": 5, "scope": "all"}, "zeroes 5 blocks, and the model has 4"),
    ],
)
def test_a_strength_that_is_none(tmp_path: Path, spec: dict[str, object], said: str) -> None:
    with pytest.raises(Fault, match=said) as caught:
        run(tmp_path, 1, one=spec)
    assert caught.value.code == "bad_edit"


@pytest.mark.parametrize("edited", [Scale(5000), GaussianNoise(900)])
def test_what_the_dtype_cannot_hold_is_said(edited: Scale | GaussianNoise) -> None:
    weights = torch.randn(20, 20, generator=torch.Generator().manual_seed(4)).half() * 30
    with pytest.raises(Fault, match="w: the edit makes weights that float16 cannot hold"):
        edited.apply(Weights("w", weights))


def test_a_matrix_of_one_number_has_no_deviation() -> None:
    weights = torch.full((50, 70), 0.1)
    assert GaussianNoise(1.0).apply(Weights("w", weights)).values is weights
