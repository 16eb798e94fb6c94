"""Pruning against a stable sort of magnitudes."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from weights_rig import weight_matrices

from validation.edits import magnitude_prune
from validation.edits.base import Weights
from validation.edits.magnitude_prune import MagnitudePrune


def expected(weights: torch.Tensor, count: int) -> np.ndarray:
    values = weights.double().numpy().ravel().copy()
    values[np.argsort(np.abs(values), kind="stable")[:count]] = 0.0
    return values.reshape(weights.shape)


@settings(max_examples=150, deadline=None)
@given(weight_matrices((torch.bfloat16, torch.float16, torch.float32)), st.integers(1, 99))
def test_the_smallest_go_ties_by_position(weights: torch.Tensor, percent: int) -> None:
    edited = MagnitudePrune(percent / 100).apply(Weights("w", weights))
    count = int(weights.numel() * Fraction(percent, 100))
    assert np.array_equal(edited.values.double().numpy(), expected(weights, count))
    assert edited.facts["zeros"] == max(count, int((weights == 0).sum()))


@pytest.mark.parametrize(("sparsity", "zeros"), [(0.29, 29), (0.57, 57), (0.005, 0), (0.5, 50)])
def test_exact_count_of_the_decimal_number(sparsity: float, zeros: int) -> None:
    weights = torch.arange(1, 101, dtype=torch.float32).reshape(10, 10)
    assert int((MagnitudePrune(sparsity).apply(Weights("w", weights)).values == 0).sum()) == zeros


def test_equal_magnitudes_across_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("validation.edits.base.CHUNK", 25)
    weights = torch.ones(5, 11, dtype=torch.bfloat16)
    edited = MagnitudePrune(0.5).apply(Weights("w", weights)).values.ravel()
    assert edited.tolist() == [0.0] * 27 + [1.0] * 28
    assert bool(weights.all()), "the input is left alone"


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
def test_all_sparsities_of_a_pass_come_from_one_count(
    dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights = torch.randn(40, 50, generator=torch.Generator().manual_seed(3)).to(dtype)
    alone = [MagnitudePrune(sparsity).apply(Weights("w", weights)).values for sparsity in (0.1, 0.5)]
    shifts: list[int] = []
    counts = magnitude_prune._counts

    def counted(values: torch.Tensor, shift: int, prefix: int | None) -> torch.Tensor:
        shifts.append(shift)
        return counts(values, shift, prefix)

    monkeypatch.setattr(magnitude_prune, "_counts", counted)
    together = Weights("w", weights)
    made = [MagnitudePrune(sparsity).apply(together).values for sparsity in (0.1, 0.5)]
    assert all(torch.equal(one, other) for one, other in zip(made, alone, strict=True))
    assert shifts == ([0] if dtype == torch.bfloat16 else [16, 0, 0]), "the rest of 32 bits is a count's own"


def test_summary_counts_over_all_matrices() -> None:
    rows = [{"zeros": 1, "parameters": 10}, {"zeros": 4, "parameters": 10}]
    assert MagnitudePrune(0.1).summary(rows) == {"actual_sparsity": 0.25, "pruned_params": 2}
