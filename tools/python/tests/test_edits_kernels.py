"""The GPU kernels give the same bits as torch's way on a CPU: by Triton's interpreter, or on a GPU."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("triton", reason="Triton comes with torch for Linux")

from validation.edits import kernels, parse_edit
from validation.edits.base import Weights, divided, largest_magnitude
from validation.edits.fp4_quant import LEVELS
from validation.edits.subspace import gram_matrix, leading_directions

DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")


def matrix(seed: int, shape: tuple[int, int], kind: str, dtype: torch.dtype) -> torch.Tensor:
    """Weights of a kind: normal ones, ones with many equal magnitudes, ones with zeros of both signs."""
    generator = torch.Generator().manual_seed(seed)
    values = torch.randn(shape, generator=generator) * 0.02
    if kind == "ties":
        values = (values * 50).round() / 50
    if kind == "zeros":
        values[torch.rand(shape, generator=generator) < 0.3] = 0.0
        values[0] = 0.0
        values = -values
    return values.to(dtype)


def same_bits(one: torch.Tensor, other: torch.Tensor) -> bool:
    """Whether two matrices are equal bit for bit, signs of zeros included."""
    kind = torch.int16 if one.dtype.itemsize == 2 else torch.int32
    return torch.equal(one.cpu().view(kind), other.cpu().view(kind))


def by_torch(values: torch.Tensor, spec: dict[str, Any]) -> torch.Tensor:
    """What the edit makes of a matrix on the CPU."""
    return parse_edit(spec).apply(Weights("w", values)).values


#: The interpreter rounds float32 to bfloat16 by cutting it off; a GPU does not.
FLOATS = [torch.float16, torch.float32, *([torch.bfloat16] if DEVICE.type == "cuda" else [])]
floats = st.sampled_from(FLOATS)
kinds = st.sampled_from(["normal", "ties", "zeros"])
halves = st.sampled_from([torch.bfloat16, torch.float16])
seeds = st.integers(0, 2**16)


@settings(max_examples=12, deadline=None)
@given(
    seeds,
    kinds,
    floats,
    st.sampled_from([16, 32, 128]),
    st.integers(2, 8),
)
def test_round_to_nearest(seed: int, kind: str, dtype: torch.dtype, size: int, bits: int) -> None:
    values = matrix(seed, (5, 256), kind, dtype)
    made = kernels.rtn(values.to(DEVICE), size, 2 ** (bits - 1) - 1)
    spec = {"type": "quant_rtn", "bits": bits, "group_size": size}
    assert same_bits(made, by_torch(values, spec))


@settings(max_examples=12, deadline=None)
@given(seeds, kinds, floats, st.sampled_from(sorted(LEVELS)))
def test_fp4(seed: int, kind: str, dtype: torch.dtype, name: str) -> None:
    values = matrix(seed, (7, 300), kind, dtype)
    scale = divided(largest_magnitude(values), LEVELS[name][-1]).to(DEVICE)
    made = kernels.fp4(values.to(DEVICE), scale, LEVELS[name])
    assert same_bits(made, by_torch(values, {"type": "fp4_quant", "format": name}))


@settings(max_examples=8, deadline=None)
@given(seeds, kinds, halves, st.sampled_from([0.01, 0.1, 0.29, 0.5, 0.9]))
def test_pruning_takes_the_same_set_or_says_that_it_may_not_have(
    seed: int, kind: str, dtype: torch.dtype, sparsity: float
) -> None:
    small = pytest.MonkeyPatch()
    small.setattr(kernels, "_PROGRAMS", 16)
    try:
        values = matrix(seed, (40, 128), kind, dtype)
        wanted = by_torch(values, {"type": "magnitude_prune", "sparsity": sparsity})
        made, right = kernels.prune(values.to(DEVICE), int(values.numel() * sparsity))
    finally:
        small.undo()
    if bool(right):
        assert same_bits(made, wanted)
    else:
        # Every magnitude was in the sample, so only zeros can be what is pruned.
        assert int((values == 0).sum()) >= int(values.numel() * sparsity)


def test_a_matrix_is_served_only_in_whole_groups() -> None:
    values = torch.zeros(4, 96)
    assert kernels.serves_groups(values, 32)
    assert not kernels.serves_groups(values, 64)
    assert not kernels.serves_groups(values, 48)


def test_power_steps_come_within_three_thousandths_of_the_optimum() -> None:
    generator = torch.Generator().manual_seed(3)
    wide = torch.randn(512, 1500, generator=generator).to(DEVICE)
    energies, kept = leading_directions(gram_matrix(wide), 64)
    singular = torch.linalg.svdvals(wide.double())
    optimum = float(singular[64:].square().sum().sqrt())
    residual = float((wide - kept @ (kept.T @ wide)).double().norm())
    assert residual < 1.003 * optimum
    assert torch.allclose(energies.flip(0).double().sqrt()[:8], singular[:8], rtol=1e-3)
    again, _ = leading_directions(gram_matrix(wide), 64)
    assert torch.equal(energies, again)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize(
    "spec",
    [
        {"type": "quant_rtn", "bits": 8, "group_size": 128},
        {"type": "fp4_quant", "format": "e2m1"},
        {"type": "magnitude_prune", "sparsity": 0.5},
    ],
)
def test_edits_on_a_gpu_and_on_a_cpu_make_the_same_bytes(spec: dict[str, Any]) -> None:
    values = matrix(1, (1000, 4096), "normal", torch.bfloat16)
    on_cpu, on_gpu = (parse_edit(spec).apply(Weights("w", each)) for each in (values, values.cuda()))
    assert same_bits(on_cpu.values, on_gpu.values)
    assert on_cpu.facts == on_gpu.facts
