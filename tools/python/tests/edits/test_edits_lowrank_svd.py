"""Low rank against an SVD in float64: rank, optimal residual (Eckart-Young), energy."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from weights_rig import weight_matrices

from validation.edits.base import Weights
from validation.edits.lowrank_svd import LowrankSvd


@settings(max_examples=120, deadline=None)
@given(weight_matrices((torch.float32,)), st.integers(1, 12))
def test_the_residual_is_the_smallest_there_is(weights: torch.Tensor, rank: int) -> None:
    edited = LowrankSvd(rank).apply(Weights("w", weights))
    before, after = weights.double().numpy(), edited.values.double().numpy()
    singular = np.linalg.svd(before, compute_uv=False)
    optimum, size = np.sqrt((singular[rank:] ** 2).sum()), np.sqrt((singular**2).sum())
    if rank >= min(weights.shape) or size == 0:
        assert torch.equal(edited.values, weights)
        assert edited.facts["energy_kept"] == 1.0
        return
    assert abs(np.linalg.norm(before - after) - optimum) <= 2e-6 * size
    assert abs(edited.facts["energy_kept"] - (1 - (optimum / size) ** 2)) <= 2e-6
    assert (np.linalg.svd(after, compute_uv=False)[rank:] <= 1e-6 * size).all()


def test_it_is_the_truncated_svd_rounded_once_to_bf16() -> None:
    weights = torch.randn(31, 18, generator=torch.Generator().manual_seed(5)).to(torch.bfloat16)
    for matrix in (weights, weights.T.contiguous()):
        left, singular, right = np.linalg.svd(matrix.double().numpy(), full_matrices=False)
        best = torch.from_numpy((left[:, :5] * singular[:5]) @ right[:5])
        assert torch.equal(LowrankSvd(5).apply(Weights("w", matrix)).values, best.to(torch.bfloat16))


def test_edits_of_one_matrix_share_the_work_and_not_the_result() -> None:
    weights = torch.randn(12, 30, generator=torch.Generator().manual_seed(5)).to(torch.bfloat16)
    together = Weights("w", weights)
    shared = [LowrankSvd(rank).apply(together).values for rank in (8, 3)]
    alone = [LowrankSvd(rank).apply(Weights("w", weights)).values for rank in (8, 3)]
    assert list(together.shared) == ["peak", "gram"]
    assert all(torch.equal(one, other) for one, other in zip(shared, alone, strict=True))


def test_summary_has_the_reference_keys() -> None:
    assert LowrankSvd(4).summary([{"energy_kept": 1.0}, {"energy_kept": 0.25}]) == {
        "modified_matrices": 2,
        "avg_energy_retained": 0.75,
    }
